#include "nngpu/tensor.h"

#include <algorithm>
#include <cstring>

#include "backend/backend.h"
#include "core/host_copy.h"
#include "graph/evaluate.h"
#include "graph/layout.h"
#include "graph/node.h"
#include "graph/trace.h"
#include "nngpu/ops.h"

namespace nngpu {

using graph::read_value;

Tensor::Tensor(bool value) : Tensor(graph::make_constant_int(value, DType::Bool, true)) {}
Tensor::Tensor(int value) : Tensor(graph::make_constant_int(value, DType::I64, true)) {}
Tensor::Tensor(int64_t value) : Tensor(graph::make_constant_int(value, DType::I64, true)) {}
Tensor::Tensor(float value) : Tensor(graph::make_constant(value, DType::F32, true)) {}
Tensor::Tensor(double value) : Tensor(graph::make_constant(value, DType::F32, true)) {}

void Tensor::check_count(int64_t count, const Shape& shape) {
  if (count != nngpu::numel(shape)) {
    throw ShapeError("[from_vector] " + std::to_string(count) + " values do not fill shape " +
                     nngpu::to_string(shape));
  }
}

Tensor Tensor::from_bytes(const void* data, DType dtype, const Shape& shape, const Dims& strides, Device device) {
  if (strides.size() != shape.size()) {
    throw ShapeError("[from_bytes] shape " + nngpu::to_string(shape) + " and strides " +
                     nngpu::to_string(strides) + " differ in rank");
  }
  const int64_t bytes = nngpu::numel(shape) * static_cast<int64_t>(dtype_size(dtype));
  Backend& backend = backend_for(device);
  BufferPtr buffer = backend.pool().allocate(static_cast<size_t>(bytes));
  // Dense data keeps its layout, so that a column-major matrix stays one; anything else becomes row-major.
  bool keeps = graph::is_dense(shape, strides);
  for (int64_t stride : strides) keeps = keeps && stride >= 0;
  const Dims layout = keeps ? strides : row_major_strides(shape);
  const auto* source = static_cast<const char*>(data);
  if (backend.host_addressable()) {
    host_copy(dtype_size(dtype), shape, source, strides, buffer->data, layout);
  } else if (keeps) {
    backend.upload(buffer->data, source, static_cast<size_t>(bytes));
  } else {
    std::vector<char> dense(static_cast<size_t>(bytes));
    host_copy(dtype_size(dtype), shape, source, strides, dense.data(), layout);
    backend.upload(buffer->data, dense.data(), dense.size());
  }
  return graph::make_data(device, dtype, shape, {std::move(buffer), 0, layout});
}

Tensor Tensor::borrow(void* data, DType dtype, const Shape& shape, const Dims& strides,
                      std::shared_ptr<void> owner, Device device) {
  if (strides.size() != shape.size()) {
    throw ShapeError("[borrow] shape " + nngpu::to_string(shape) + " and strides " + nngpu::to_string(strides) +
                     " differ in rank");
  }
  nngpu::numel(shape);  // throws for a negative size
  if (!backend_for(device).host_addressable()) return from_bytes(data, dtype, shape, strides, device);
  auto buffer = std::make_shared<Buffer>();
  buffer->data = static_cast<char*>(data);
  buffer->owner = std::move(owner);
  return graph::make_data(device, dtype, shape, {std::move(buffer), 0, strides});
}

const Shape& Tensor::shape() const {
  graph::require_defined("shape", *this);
  return node_->outputs[output_].shape;
}

int64_t Tensor::size(int64_t axis) const { return shape()[normalize_axis("size", axis, rank())]; }

DType Tensor::dtype() const {
  graph::require_defined("dtype", *this);
  return node_->outputs[output_].dtype;
}

Device Tensor::device() const {
  graph::require_defined("device", *this);
  return node_->device;
}

const Tensor& Tensor::eval() const {
  read_value(*this);
  return *this;
}

bool Tensor::is_ready() const {
  return defined() && node_->state.load(std::memory_order_acquire) != graph::State::Pending;
}

const void* Tensor::data() const {
  const graph::Value& value = read_value(*this);
  if (!backend_for(device()).host_addressable()) {
    throw DeviceError("[data] the host cannot address the memory of " + nngpu::to_string(device()) +
                      ": use copy_to, to_vector or to(device)");
  }
  return value.buffer->data + value.offset * static_cast<int64_t>(dtype_size(dtype()));
}

Dims Tensor::strides() const { return read_value(*this).strides; }
bool Tensor::is_contiguous() const { return graph::is_row_major(shape(), strides()); }

void Tensor::copy_to(void* destination, const Dims& strides) const {
  if (strides.size() != rank()) {
    throw ShapeError("[copy_to] shape " + nngpu::to_string(shape()) + " and strides " + nngpu::to_string(strides) +
                     " differ in rank");
  }
  const graph::Value& value = read_value(*this);
  const auto size = static_cast<int64_t>(dtype_size(dtype()));
  auto* to = static_cast<char*>(destination);
  Backend& backend = backend_for(device());
  if (backend.host_addressable()) {
    const char* source = value.buffer->data + value.offset * size;
    return host_copy(dtype_size(dtype()), shape(), source, value.strides, to, strides);
  }
  if (numel() == 0) return;
  // The smallest range that holds every element: [low, high] around the first.
  int64_t low = 0, high = 0;
  for (int i = 0; i < rank(); ++i) {
    const int64_t reach = (shape()[i] - 1) * value.strides[i];
    (reach < 0 ? low : high) += reach;
  }
  const char* source = value.buffer->data + (value.offset + low) * size;
  const auto bytes = static_cast<size_t>((high - low + 1) * size);
  const bool plain = value.strides == strides && graph::is_dense(shape(), strides) && low == 0;
  if (plain) return backend.download(to, source, bytes);
  std::vector<char> range(bytes);
  backend.download(range.data(), source, bytes);
  host_copy(dtype_size(dtype()), shape(), range.data() - low * size, value.strides, to, strides);
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  const Dims& layout = read_value(*this).strides;
  const bool dense = graph::is_dense(shape(), layout) &&
                     std::all_of(layout.begin(), layout.end(), [](int64_t stride) { return stride >= 0; });
  const Dims strides = dense ? layout : row_major_strides(shape());
  const size_t bytes = static_cast<size_t>(numel()) * dtype_size(dtype());
  Backend& target = backend_for(device);
  BufferPtr buffer = target.pool().allocate(bytes);
  if (target.host_addressable()) {
    copy_to(buffer->data, strides);
  } else {
    std::vector<char> host(bytes);
    copy_to(host.data(), strides);
    target.upload(buffer->data, host.data(), bytes);
  }
  return graph::make_data(device, dtype(), shape(), {std::move(buffer), 0, strides});
}

Tensor Tensor::operator-() const { return negative(*this); }
Tensor Tensor::operator!() const { return logical_not(*this); }
Tensor Tensor::operator~() const { return bitwise_not(*this); }

void start_eval(const std::vector<Tensor>& tensors) { graph::evaluate(tensors); }

void eval(const std::vector<Tensor>& tensors) {
  graph::evaluate(tensors);
  for (const Tensor& tensor : tensors) read_value(tensor);
}

namespace {

template <class To>
struct Converter {
  template <class From>
  static To convert(From value) {
    if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BFloat16>) {
      return Converter<To>::convert(static_cast<float>(value));
    } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
      return To(static_cast<float>(value));
    } else if constexpr (std::is_same_v<To, bool>) {
      return value != 0;
    } else {
      return static_cast<To>(value);
    }
  }
};

template <class To>
To read_as(const void* data, DType dtype) {
  const auto load = [&]<class From>(From value) {
    std::memcpy(&value, data, sizeof(value));
    return Converter<To>::convert(value);
  };
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return load(uint8_t{});
    case DType::I32:
      return load(int32_t{});
    case DType::I64:
      return load(int64_t{});
    case DType::F16:
      return load(Half());
    case DType::BF16:
      return load(BFloat16());
    case DType::F32:
      return load(float{});
    case DType::F64:
      return load(double{});
  }
  return To();
}

}  // namespace

template <class T>
T Tensor::item() const {
  if (numel() != 1) throw ShapeError("[item] needs one element, the shape is " + nngpu::to_string(shape()));
  char bytes[sizeof(double)];
  copy_to(bytes, row_major_strides(shape()));
  return read_as<T>(bytes, dtype());
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  const size_t size = dtype_size(dtype());
  std::vector<char> bytes(static_cast<size_t>(numel()) * size);
  copy_to(bytes.data(), row_major_strides(shape()));
  std::vector<T> values(static_cast<size_t>(numel()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = read_as<T>(bytes.data() + i * size, dtype());
  return values;
}

template <class T>
const T* Tensor::data_as() const {
  if (dtype() != dtype_of<T>()) {
    throw DTypeError(std::string("[data] the dtype is ") + dtype_name(dtype()) + ", not " +
                     dtype_name(dtype_of<T>()));
  }
  return static_cast<const T*>(data());
}

#define NNGPU_INSTANTIATE(T)                         \
  template T Tensor::item<T>() const;                \
  template std::vector<T> Tensor::to_vector() const; \
  template const T* Tensor::data_as<T>() const;
NNGPU_INSTANTIATE(bool)
NNGPU_INSTANTIATE(uint8_t)
NNGPU_INSTANTIATE(int32_t)
NNGPU_INSTANTIATE(int64_t)
NNGPU_INSTANTIATE(Half)
NNGPU_INSTANTIATE(BFloat16)
NNGPU_INSTANTIATE(float)
NNGPU_INSTANTIATE(double)
#undef NNGPU_INSTANTIATE

}  // namespace nngpu
