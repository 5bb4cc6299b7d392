#include "nngpu/dense/storage.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "backend/backend.h"
#include "graph/node.h"
#include "nngpu/dense/functions.h"
#include "nngpu/ops.h"

namespace nngpu::dense {

namespace {

// Limits on what may wait in a list of parts.
constexpr size_t kMaxParts = 4096;
constexpr int64_t kMaxPartBytes = int64_t{64} << 20;
// So many assignments of parts are applied by building a new tensor, which keeps everything lazy but moves the
// whole matrix, before the matrix goes to the host, where one moves only its own elements.
constexpr int kMaxRewrites = 2;
constexpr size_t kMaxRewritesOnDevice = 32;

bool traced(const Tensor& tensor) { return tensor.defined() && tensor.node()->traced; }

// Borrows the buffer: it is leased until the last tensor over it is gone.
Tensor lend(const std::shared_ptr<HostBuffer>& buffer, DType dtype, Index rows, Index cols, Device device) {
  buffer->leases.fetch_add(1, std::memory_order_relaxed);
  std::shared_ptr<void> lease(buffer->data,
                              [buffer](void*) { buffer->leases.fetch_sub(1, std::memory_order_release); });
  return Tensor::borrow(buffer->data, dtype, {cols, rows}, {rows, 1}, std::move(lease), device);
}

bool column_major(const Tensor& stored, Index rows, Index cols) {
  const Dims strides = stored.strides();
  return (rows <= 1 || strides[1] == 1) && (cols <= 1 || strides[0] == rows);
}

}  // namespace

HostBuffer::HostBuffer(size_t bytes, bool zeroed) {
  constexpr size_t kAlignment = 64;
  const size_t rounded = (bytes / kAlignment + 1) * kAlignment;
  // calloc gives large blocks as pages that are zero already; aligned_alloc does not.
  if (zeroed)
    data = static_cast<char*>(std::calloc(rounded, 1));
  else
    data = static_cast<char*>(std::aligned_alloc(kAlignment, rounded));
  if (!data) throw OutOfMemoryError("[GPUDense] no host memory for " + std::to_string(bytes) + " bytes");
}

HostBuffer::~HostBuffer() { std::free(data); }

Storage::Storage(DType dtype, Index rows, Index cols, Device device)
    : dtype_(dtype), device_(device), rows_(rows), cols_(cols) {
  if (rows < 0 || cols < 0) throw ShapeError("[GPUDense] negative size: " + to_string(Dims{rows, cols}));
  numel({rows, cols});
}

Storage::Storage(DType dtype, Tensor stored) : dtype_(dtype), device_(stored.device()) {
  assign(std::move(stored));
}

Storage::Storage(const Storage& other) : dtype_(other.dtype_), device_(other.device_) { *this = other; }

Storage::Storage(Storage&& other) noexcept : dtype_(other.dtype_), device_(other.device_) { take(other); }

Storage& Storage::operator=(const Storage& other) {
  if (this == &other) return *this;
  Tensor value;
  {
    std::lock_guard lock(other.mutex_);
    if (!other.tensor_.defined() && !other.buffer_ && other.parts_.empty()) {
      reset();  // zeros are copied as such
      rows_ = other.rows_;
      cols_ = other.cols_;
      device_ = other.device_;
      return *this;
    }
  }
  assign(other.stored());
  return *this;
}

Storage& Storage::operator=(Storage&& other) noexcept {
  if (this == &other) return *this;
  reset();
  take(other);
  return *this;
}

void Storage::reset() noexcept {
  read_ = nullptr;
  write_ = nullptr;
  tensor_ = Tensor();
  buffer_.reset();
  parts_.clear();
  part_bytes_ = 0;
  rewrites_ = 0;
  retired_ = Tensor();
  retired_buffer_.reset();
}

void Storage::take(Storage& other) noexcept {
  dtype_ = other.dtype_;
  device_ = other.device_;
  rows_ = std::exchange(other.rows_, 0);
  cols_ = std::exchange(other.cols_, 0);
  tensor_ = std::exchange(other.tensor_, Tensor());
  buffer_ = std::move(other.buffer_);
  parts_ = std::move(other.parts_);
  part_bytes_ = other.part_bytes_;
  rewrites_ = other.rewrites_;
  read_ = other.read_.load();
  write_ = other.write_.load();
  other.reset();
}

size_t Storage::bytes() const {
  return static_cast<size_t>(rows_) * static_cast<size_t>(cols_) * dtype_size(dtype_);
}

void Storage::assign(Tensor stored) {
  const Shape& shape = stored.shape();
  const Index rows = shape[1], cols = shape[0];
  const Device device = stored.device();
  reset();
  rows_ = rows;
  cols_ = cols;
  device_ = device;
  tensor_ = std::move(stored);
}

void Storage::set_zero(Index rows, Index cols) {
  Storage zero(dtype_, rows, cols, device_);  // checks the sizes first
  reset();
  take(zero);
}

// The value without the waiting parts.
Tensor Storage::base() const {
  if (!tensor_.defined()) {
    if (!buffer_)
      tensor_ = zeros({cols_, rows_}, dtype_, device_);
    else
      tensor_ = lend(buffer_, dtype_, rows_, cols_, device_);
    write_.store(nullptr, std::memory_order_release);
    retired_ = Tensor();
    retired_buffer_.reset();
  }
  return tensor_;
}

Tensor Storage::stored() const {
  std::lock_guard lock(mutex_);
  if (!parts_.empty()) flush(false);
  return base();
}

const void* Storage::read_slow() const {
  std::lock_guard lock(mutex_);
  if (!parts_.empty()) flush(true);
  if (const void* data = read_.load(std::memory_order_relaxed)) return data;
  if (!tensor_.defined() && !buffer_) {
    buffer_ = std::make_shared<HostBuffer>(bytes(), true);
    write_.store(buffer_->data, std::memory_order_release);
  }
  const void* data = nullptr;
  if (buffer_) {
    data = buffer_->data;
  } else {
    tensor_.eval();
    if (backend_for(device_).host_addressable()) data = tensor_.data();
    if (!data || !column_major(tensor_, rows_, cols_)) {
      auto buffer = std::make_shared<HostBuffer>(bytes(), false);
      tensor_.copy_to(buffer->data, {rows_, 1});
      buffer_ = std::move(buffer);
      data = buffer_->data;
    }
  }
  read_.store(data, std::memory_order_release);
  return data;
}

// Makes the host buffer current and the only place that is.
void Storage::make_writable() const {
  if (!buffer_) {
    auto buffer = std::make_shared<HostBuffer>(bytes(), !tensor_.defined());
    if (tensor_.defined()) {
      tensor_.eval();
      tensor_.copy_to(buffer->data, {rows_, 1});
    }
    buffer_ = std::move(buffer);
    retired_ = std::exchange(tensor_, Tensor());
  } else {
    tensor_ = Tensor();
    if (buffer_->leases.load(std::memory_order_acquire) != 0) {
      auto buffer = std::make_shared<HostBuffer>(bytes(), false);
      std::memcpy(buffer->data, buffer_->data, bytes());
      retired_buffer_ = std::exchange(buffer_, std::move(buffer));
    }
  }
}

void* Storage::write_slow() {
  std::lock_guard lock(mutex_);
  if (void* data = write_.load(std::memory_order_relaxed)) return data;
  if (!parts_.empty()) flush(true);
  make_writable();
  read_.store(buffer_->data, std::memory_order_release);
  write_.store(buffer_->data, std::memory_order_release);
  return buffer_->data;
}

void Storage::write_part(const View& part, Tensor stored) {
  if (part.size() == 0) return;
  if (!part.diagonal && part.rows == rows_ && part.cols == cols_) {
    assign(std::move(stored));
    return;
  }
  std::lock_guard lock(mutex_);
  const bool on_host = !tensor_.defined() || buffer_;
  part_bytes_ += stored.numel() * static_cast<int64_t>(dtype_size(dtype_));
  parts_.push_back({part, std::move(stored)});
  const Tensor& value = parts_.back().value;
  const bool full = parts_.size() >= kMaxParts || part_bytes_ > kMaxPartBytes;
  read_.store(nullptr, std::memory_order_release);
  write_.store(nullptr, std::memory_order_release);
  if (full || (parts_.size() == 1 && on_host && value.is_ready())) {
    try {
      flush(on_host || full);
    } catch (const LinalgError&) {
      // The part keeps waiting, and the error is thrown when the matrix is read.
    }
  }
}

// Applies the waiting parts. An error of a right-hand side leaves them waiting, so that every read throws it.
void Storage::flush(bool to_host) const {
  bool any_traced = traced(tensor_);
  for (const Part& part : parts_) any_traced = any_traced || traced(part.value);
  const bool on_host = !tensor_.defined() || buffer_;
  const bool addressable = backend_for(device_).host_addressable();
  bool as_tensor = any_traced;
  if (!to_host && !on_host) {
    as_tensor = as_tensor || (addressable ? rewrites_ + static_cast<int>(parts_.size()) <= kMaxRewrites
                                          : parts_.size() <= kMaxRewritesOnDevice);
  }
  if (as_tensor) return apply_as_tensor();
  try {
    apply_on_host(parts_);
  } catch (const LinalgError&) {
    // The values that depend on the failed one throw when they are read, not the operations that use them.
    if (to_host) throw;
    apply_as_tensor();
  }
}

void Storage::apply_as_tensor() const {
  Tensor value = base();
  for (const Part& part : parts_) value = replace_part(value, part.view, part.value);
  rewrites_ += static_cast<int>(parts_.size());
  parts_.clear();
  part_bytes_ = 0;
  read_.store(nullptr, std::memory_order_release);
  write_.store(nullptr, std::memory_order_release);
  buffer_.reset();
  tensor_ = std::move(value);
}

void Storage::apply_on_host(std::vector<Part>& parts) const {
  std::vector<Tensor> values;
  values.reserve(parts.size() + 1);
  for (const Part& part : parts) values.push_back(part.value);
  if (tensor_.defined() && !buffer_) values.push_back(tensor_);
  eval(values);
  values.clear();
  // A right-hand side may be a view of this matrix's own elements. Those are copied out first: then nothing else
  // holds the elements, and they can be written where they are.
  std::vector<std::unique_ptr<HostBuffer>> staged(parts.size());
  const size_t width = dtype_size(dtype_);
  if (buffer_) {
    tensor_ = Tensor();
    if (buffer_->leases.load(std::memory_order_acquire) != 0) {
      for (size_t k = 0; k < parts.size(); ++k) {
        const View& view = parts[k].view;
        auto copy = std::make_unique<HostBuffer>(static_cast<size_t>(view.size()) * width, false);
        parts[k].value.copy_to(copy->data, {view.rows, 1});
        staged[k] = std::move(copy);
      }
      for (Part& part : parts) part.value = Tensor();
    }
  }
  make_writable();
  for (size_t k = 0; k < parts.size(); ++k) {
    const View& view = parts[k].view;
    char* target = buffer_->data + static_cast<size_t>(view.offset(0, 0, rows_)) * width;
    const Index step = view.diagonal ? rows_ + 1 : 1;
    if (!staged[k]) {
      parts[k].value.copy_to(target, {rows_, step});
      continue;
    }
    const char* source = staged[k]->data;
    for (Index j = 0; j < view.cols; ++j) {
      char* column = target + static_cast<size_t>(j * rows_) * width;
      if (step == 1) {
        std::memcpy(column, source, static_cast<size_t>(view.rows) * width);
        source += static_cast<size_t>(view.rows) * width;
      } else {
        for (Index i = 0; i < view.rows; ++i, source += width)
          std::memcpy(column + static_cast<size_t>(i * step) * width, source, width);
      }
    }
  }
  parts.clear();
  part_bytes_ = 0;
  read_.store(buffer_->data, std::memory_order_release);
  write_.store(buffer_->data, std::memory_order_release);
}

}  // namespace nngpu::dense
