#include "backend/gpu/launches/convolution_vendor.h"

#include <algorithm>

#include "graph/channels_last.h"
#include "nngpu/device.h"

namespace nngpu::gpu {
namespace {

using graph::ConvolutionMode;
using graph::ConvolutionParams;
using graph::Operand;

constexpr double kLeastWork = 4 << 20;  // products of elements from which on the library is asked
constexpr uintptr_t kAlignment = 16;    // of addresses

// The library's kernels for half types and for tf32 want the channels of a place side by side.
bool wants_channels_last(DType dtype) { return dtype_size(dtype) == 2 || (dtype == DType::F32 && tf32()); }

// With no gaps, whatever the sizes.
Dims wanted_strides(const Shape& shape, bool channels_last) {
  if (channels_last) return graph::channels_last_strides(shape);
  const int64_t plane = shape[2] * shape[3];
  return {shape[1] * plane, plane, shape[3], 1};
}

bool lies_so(const Operand& operand, const Dims& strides) {
  for (int i = 0; i < 4; ++i)
    if (operand.shape[i] != 1 && operand.strides[i] != strides[i]) return false;
  return true;
}

// An operand as the library gets it: in place, or in memory of its own.
class Placed {
 public:
  Placed(GpuBackend& gpu, const RunContext& context, const Operand& operand, bool channels_last)
      : gpu_(gpu), operand_(operand), strides_(wanted_strides(operand.shape, channels_last)) {
    own_ = context.at(operand);
    in_place_ = lies_so(operand, strides_) && reinterpret_cast<uintptr_t>(own_) % kAlignment == 0;
  }
  // The address, once there is one.
  char* open(bool read) {
    if (in_place_) return own_;
    const size_t size = dtype_size(operand_.dtype);
    copy_ = gpu_.pool().allocate(size * static_cast<size_t>(numel(operand_.shape)));
    if (read) copy_strided(gpu_, size, operand_.shape, own_, operand_.strides, copy_->data, strides_);
    return copy_->data;
  }
  void close() const {
    if (in_place_) return;
    copy_strided(gpu_, dtype_size(operand_.dtype), operand_.shape, copy_->data, strides_, own_, operand_.strides);
  }

 private:
  GpuBackend& gpu_;
  const Operand& operand_;
  Dims strides_;
  char* own_;
  bool in_place_;
  BufferPtr copy_;
};

// Which of the launch's operands is x, w and y of the forward convolution.
struct Roles {
  const Operand *x, *w, *y;
  Roles(const Launch& launch, ConvolutionMode mode) : x(&launch.inputs[0]), w(&launch.inputs[1]) {
    y = &launch.outputs[0];
    if (mode == ConvolutionMode::InputGradient) std::swap(x, y);
    if (mode == ConvolutionMode::WeightGradient) std::swap(w, y);
  }
};

// Where our own kernels are faster than the library's deterministic ones, by factors of 1.7 to 7 on an H200 (cuDNN
// 9.14): gradients by the weights of few channels or with strides, and in plain f32 gradients by small maps of
// many channels. Half types have matrix units there, and channels are padded: of a first layer, too.
bool is_ours(const ConvolutionParams& params, const Roles& roles) {
  const Operand &w = *roles.w, &y = *roles.y;
  const bool plain = y.dtype == DType::F32 && !tf32();
  if (params.mode == ConvolutionMode::WeightGradient) {
    const int64_t channels = std::min(w.shape[0], w.shape[1]);
    const bool strided = params.stride[0] > 1 || params.stride[1] > 1;
    if (dtype_size(y.dtype) == 2 && w.shape[0] >= 32) return false;
    return channels < 32 || (plain && strided);
  }
  return params.mode == ConvolutionMode::InputGradient && plain && w.shape[1] >= 512 &&
         y.shape[2] * y.shape[3] <= 16;
}

bool is_vendors(const ConvolutionParams& params, const Launch& launch, const Roles& roles) {
  const Operand &x = *roles.x, &w = *roles.w, &y = *roles.y;
  for (const Operand& input : launch.inputs)
    if (input.constant || numel(input.shape) == 0) return false;
  // A negative padding cuts off what the library would compute.
  if (launch.items != 1 || params.high[0] < 0 || params.high[1] < 0) return false;
  if (w.shape[1] == 1 && x.shape[1] > 1) return false;
  if (is_ours(params, roles)) return false;
  const double window = static_cast<double>(w.shape[1] * w.shape[2] * w.shape[3]);
  return static_cast<double>(numel(y.shape)) * window >= kLeastWork;
}

VendorConvolution describe(const ConvolutionParams& params, const Roles& roles) {
  VendorConvolution c{};
  c.mode = static_cast<VendorConvolution::Mode>(params.mode);
  c.dtype = roles.y->dtype;
  c.tf32 = c.dtype == DType::F32 && tf32();
  for (int i = 0; i < 2; ++i) {
    c.stride[i] = params.stride[i];
    c.dilation[i] = params.dilation[i];
    c.low[i] = params.low[i];
    c.high[i] = params.high[i];
  }
  const auto set = [&](VendorConvolution::Tensor& to, const Operand& operand) {
    const Dims strides = wanted_strides(operand.shape, wants_channels_last(c.dtype));
    for (int i = 0; i < 4; ++i) {
      to.size[i] = operand.shape[i];
      to.stride[i] = strides[i];
    }
  };
  set(c.x, *roles.x);
  set(c.w, *roles.w);
  set(c.y, *roles.y);
  return c;
}

}  // namespace

bool vendor_prefers_channels_last(GpuBackend& gpu, const Launch& launch) {
  const auto& params = launch.params.as<ConvolutionParams>();
  const Roles roles(launch, params.mode);
  size_t bytes = 0;
  return wants_channels_last(roles.y->dtype) && is_vendors(params, launch, roles) &&
         gpu.runtime().plan_convolution(describe(params, roles), bytes);
}

bool convolve_by_vendor(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<ConvolutionParams>();
  const Roles roles(launch, params.mode);
  if (!is_vendors(params, launch, roles)) return false;
  VendorConvolution c = describe(params, roles);
  const bool channels_last = wants_channels_last(c.dtype);
  Placed x(gpu, context, *roles.x, channels_last), w(gpu, context, *roles.w, channels_last),
      y(gpu, context, *roles.y, channels_last);
  size_t bytes = 0;
  if (!gpu.runtime().plan_convolution(c, bytes)) return false;
  const BufferPtr workspace = bytes > 0 ? gpu.pool().allocate(bytes) : nullptr;
  c.x_data = x.open(params.mode != ConvolutionMode::InputGradient);
  c.w_data = w.open(params.mode != ConvolutionMode::WeightGradient);
  c.y_data = y.open(params.mode != ConvolutionMode::Forward);
  if (workspace != nullptr) c.workspace = workspace->data;
  gpu.runtime().convolve(c);
  (params.mode == ConvolutionMode::Forward ? y : params.mode == ConvolutionMode::InputGradient ? x : w).close();
  return true;
}

}  // namespace nngpu::gpu
