#include "nngpu/convolution.h"

#include "graph/infer_rules.h"
#include "ops/autocast.h"
#include "ops/maps.h"

namespace nngpu {
namespace {

using graph::ConvolutionMode;
using graph::ConvolutionParams;
using ops::make_node;
using ops::OpKind;

ConvolutionParams params_of(ConvolutionMode mode, Pair stride, Padding padding, Pair dilation, int64_t groups,
                            Pair size = 0) {
  const Pair &low = padding.before, &high = padding.after;
  return {mode,
          groups,
          {stride.height, stride.width},
          {dilation.height, dilation.width},
          {low.height, low.width},
          {high.height, high.width},
          {size.height, size.width}};
}

ConvolutionParams params_of(ConvolutionMode mode, const Conv2dOptions& o, Pair size = 0) {
  return params_of(mode, o.stride, o.padding, o.dilation, o.groups, size);
}

Conv2dOptions planar(const Conv1dOptions& o) {
  return {{1, o.stride}, {0, o.padding}, {1, o.dilation}, o.groups, o.padding_mode};
}

ConvTranspose2dOptions planar(const ConvTranspose1dOptions& o) {
  return {{1, o.stride}, {0, o.padding}, {0, o.output_padding}, {1, o.dilation}, o.groups};
}

void require_padding(const char* operation, const Padding& padding) {
  for (int64_t width : {padding.before.height, padding.before.width, padding.after.height, padding.after.width})
    if (width < 0) fail<ValueError>(operation, "negative padding: ", width);
}

// The kernel as (o, c, h, w).
Tensor as_kernel(const char* operation, const Tensor& w, int axes) {
  graph::require_defined(operation, w);
  if (w.rank() != axes + 2)
    fail<ShapeError>(operation, "needs a kernel of ", axes + 2, " dimensions: ", w.shape());
  return axes == 1 ? expand_dims(w, 2) : w;
}

void require_bias(const char* operation, const Tensor& bias, int64_t channels) {
  graph::require_defined(operation, bias);
  if (!(bias.shape() == Shape{channels}))
    fail<ShapeError>(operation, "needs a bias of shape ", Shape{channels}, ": ", bias.shape());
}

// Maps, kernel and, where there is one, bias in one floating dtype.
struct Operands {
  ops::Maps maps;
  Tensor w;
  Tensor bias;  // undefined: none

  Operands(const char* operation, int axes, const Tensor& x, const Tensor& w_, const Tensor* bias_)
      : maps(ops::as_maps(operation, x, axes)), w(as_kernel(operation, w_, axes)) {
    std::vector<Tensor> all{maps.x, w};
    if (bias_ != nullptr) graph::require_defined(operation, *bias_), all.push_back(*bias_);
    all = ops::promoted_for_product(operation, all);
    graph::require_floating(operation, all[0]);
    maps.x = all[0];
    w = all[1];
    if (bias_ != nullptr) bias = all[2];
  }
  Tensor restored(const Tensor& y) const {
    return maps.restored(bias.defined() ? y + reshape(bias, {bias.numel(), 1, 1}) : y);
  }
};

Tensor convolution_node(const char* operation, const ConvolutionParams& params, const Tensor& a, const Tensor& b) {
  graph::convolution_shape(operation, params, a.shape(), b.shape());  // errors name the function
  return make_node(OpKind::Convolution, params, {a, b});
}

Tensor convolve(const char* operation, int axes, const Tensor& x, const Tensor& w, const Tensor* bias,
                const Conv2dOptions& options) {
  Operands operands(operation, axes, x, w, bias);
  require_padding(operation, options.padding);
  if (bias != nullptr) require_bias(operation, operands.bias, operands.w.shape()[0]);
  ConvolutionParams params = params_of(ConvolutionMode::Forward, options);
  Tensor planes = operands.maps.x;
  if (options.padding_mode != PadMode::Constant) {
    const auto& [before, after] = options.padding;
    planes = pad(planes, {{0, 0}, {0, 0}, {before.height, after.height}, {before.width, after.width}},
                 options.padding_mode);
    for (int i = 0; i < 2; ++i) params.low[i] = params.high[i] = 0;
  }
  return operands.restored(convolution_node(operation, params, planes, operands.w));
}

// The size of a transposed convolution's result along one axis, and its output padding taken off `high` where the
// forward convolution would not round it away.
int64_t transposed_size(const char* operation, int64_t n, int64_t window, int64_t output_padding,
                        ConvolutionParams& p, int axis) {
  if (output_padding < 0 || (output_padding >= p.stride[axis] && output_padding >= p.dilation[axis]))
    fail<ValueError>(operation,
                     "output padding must be smaller than the stride or the dilation: ", output_padding);
  int64_t reach = 0, span = 0;
  if (n < 1) fail<ShapeError>(operation, "the maps are empty: ", n, " elements along an axis");
  if (__builtin_mul_overflow(p.dilation[axis], window - 1, &reach) ||
      __builtin_mul_overflow(p.stride[axis], n - 1, &span) || __builtin_add_overflow(span, reach, &span) ||
      __builtin_add_overflow(span, output_padding + 1, &span))
    fail<ValueError>(operation, "the result is too large: stride ", p.stride[axis], ", dilation ",
                     p.dilation[axis]);
  const int64_t size = span - p.low[axis] - p.high[axis];
  if (size < 1)
    fail<ShapeError>(operation, "padding leaves nothing of the result: ", p.low[axis], " and ", p.high[axis],
                     " of ", span);
  if (output_padding >= p.stride[axis]) p.high[axis] -= output_padding;
  return size;
}

Tensor convolve_transposed(const char* operation, int axes, const Tensor& x, const Tensor& w, const Tensor* bias,
                           const ConvTranspose2dOptions& options) {
  Operands operands(operation, axes, x, w, bias);
  require_padding(operation, options.padding);
  const Shape &planes = operands.maps.x.shape(), &kernel = operands.w.shape();
  if (bias != nullptr) require_bias(operation, operands.bias, kernel[1] * options.groups);
  ConvolutionParams params =
      params_of(ConvolutionMode::InputGradient, options.stride, options.padding, options.dilation, options.groups);
  for (int i = 0; i < 2; ++i)
    if (params.stride[i] < 1 || params.dilation[i] < 1)
      fail<ValueError>(operation, "stride and dilation must be positive: ", params.stride[i], " and ",
                       params.dilation[i]);
  params.size[0] = transposed_size(operation, planes[2], kernel[2], options.output_padding.height, params, 0);
  params.size[1] = transposed_size(operation, planes[3], kernel[3], options.output_padding.width, params, 1);
  return operands.restored(convolution_node(operation, params, operands.maps.x, operands.w));
}

Tensor gradient(const char* operation, ConvolutionMode mode, const Tensor& a, const Tensor& b, Pair size,
                const Conv2dOptions& options) {
  for (const Tensor* t : {&a, &b}) graph::require_defined(operation, *t);
  require_padding(operation, options.padding);
  if (options.padding_mode != PadMode::Constant) fail<ValueError>(operation, "padding_mode must be Constant");
  if (size.height < 0 || size.width < 0)
    fail<ValueError>(operation, "negative size: ", Dims{size.height, size.width});
  const std::vector<Tensor> pair = ops::promoted(operation, std::initializer_list<Tensor>{a, b});
  graph::require_floating(operation, pair[0]);
  return convolution_node(operation, params_of(mode, options, size), pair[0], pair[1]);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Conv2dOptions& options) {
  return convolve("conv2d", 2, x, w, nullptr, options);
}
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options) {
  return convolve("conv2d", 2, x, w, &bias, options);
}
Tensor conv1d(const Tensor& x, const Tensor& w, const Conv1dOptions& options) {
  return convolve("conv1d", 1, x, w, nullptr, planar(options));
}
Tensor conv1d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv1dOptions& options) {
  return convolve("conv1d", 1, x, w, &bias, planar(options));
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const ConvTranspose2dOptions& options) {
  return convolve_transposed("conv_transpose2d", 2, x, w, nullptr, options);
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const ConvTranspose2dOptions& options) {
  return convolve_transposed("conv_transpose2d", 2, x, w, &bias, options);
}
Tensor conv_transpose1d(const Tensor& x, const Tensor& w, const ConvTranspose1dOptions& options) {
  return convolve_transposed("conv_transpose1d", 1, x, w, nullptr, planar(options));
}
Tensor conv_transpose1d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const ConvTranspose1dOptions& options) {
  return convolve_transposed("conv_transpose1d", 1, x, w, &bias, planar(options));
}

Tensor conv2d_input_gradient(const Tensor& g, const Tensor& w, Pair size, const Conv2dOptions& options) {
  return gradient("conv2d_input_gradient", ConvolutionMode::InputGradient, g, w, size, options);
}
Tensor conv2d_weight_gradient(const Tensor& x, const Tensor& g, Pair size, const Conv2dOptions& options) {
  return gradient("conv2d_weight_gradient", ConvolutionMode::WeightGradient, x, g, size, options);
}

}  // namespace nngpu
