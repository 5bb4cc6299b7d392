#include "graph/infer_rules.h"

namespace nngpu::graph {
namespace {

Shape planes_of(const Shape& x) { return {x[2], x[3]}; }

void require_options(const char* operation, const ConvolutionParams& p) {
  if (p.groups < 1) fail<ValueError>(operation, "groups must be positive: ", p.groups);
  for (int i = 0; i < 2; ++i) {
    if (p.stride[i] < 1) fail<ValueError>(operation, "stride must be positive: ", Dims{p.stride[0], p.stride[1]});
    if (p.dilation[i] < 1)
      fail<ValueError>(operation, "dilation must be positive: ", Dims{p.dilation[0], p.dilation[1]});
  }
}

void require_maps(const char* operation, const char* name, const Shape& shape) {
  if (shape.size() != 4) fail<ShapeError>(operation, name, " must have 4 dimensions: ", shape);
}

// How large y is for planes and windows of those sizes.
Shape forward_planes(const char* operation, const ConvolutionParams& p, const Shape& planes, const Shape& window) {
  Shape result;
  for (int i = 0; i < 2; ++i) {
    if (window[i] < 1) fail<ShapeError>(operation, "the kernel is empty: ", window);
    int64_t reach = 0, padded = 0;  // of the dilated window; of the plane
    if (__builtin_mul_overflow(p.dilation[i], window[i] - 1, &reach) || __builtin_add_overflow(reach, 1, &reach))
      fail<ValueError>(operation, "dilation is too large: ", Dims{p.dilation[0], p.dilation[1]});
    if (__builtin_add_overflow(planes[i], p.low[i], &padded) || __builtin_add_overflow(padded, p.high[i], &padded))
      fail<ValueError>(operation, "padding is too large: ", Dims{p.low[0], p.low[1]}, " and ",
                       Dims{p.high[0], p.high[1]});
    if (reach > padded)
      fail<ShapeError>(operation, "the kernel is larger than the padded input: ", window, " with dilation ",
                       Dims{p.dilation[0], p.dilation[1]}, " on ", planes, " with padding ",
                       Dims{p.low[0], p.low[1]}, " and ", Dims{p.high[0], p.high[1]});
    result.push_back((padded - reach) / p.stride[i] + 1);
  }
  return result;
}

void require_result(const char* operation, const Shape& g, int64_t batch, int64_t channels, const Shape& planes) {
  const Shape expected{batch, channels, planes[0], planes[1]};
  if (!(g == expected))
    fail<ShapeError>(operation, "the gradient does not have the shape of the result: ", g, ", expected ",
                     expected);
}

void require_groups(const char* operation, const ConvolutionParams& p, int64_t channels, const Shape& w) {
  if (w[0] % p.groups != 0 || w[1] * p.groups != channels)
    fail<ShapeError>(operation, "channels do not fit: the kernel ", w, " takes ", w[1] * p.groups, " in ",
                     p.groups, " groups, the input has ", channels);
}

}  // namespace

Shape convolution_shape(const char* operation, const ConvolutionParams& p, const Shape& a, const Shape& b) {
  require_options(operation, p);
  require_maps(operation, p.mode == ConvolutionMode::InputGradient ? "the gradient" : "the input", a);
  require_maps(operation, p.mode == ConvolutionMode::WeightGradient ? "the gradient" : "the kernel", b);
  const Shape size{p.size[0], p.size[1]};
  Shape result;
  switch (p.mode) {
    case ConvolutionMode::Forward: {
      require_groups(operation, p, a[1], b);
      const Shape planes = forward_planes(operation, p, planes_of(a), planes_of(b));
      result = {a[0], b[0], planes[0], planes[1]};
      break;
    }
    case ConvolutionMode::InputGradient: {
      if (b[0] % p.groups != 0 || a[1] != b[0])
        fail<ShapeError>(operation, "channels do not fit: the kernel ", b, " gives ", b[0], " in ", p.groups,
                         " groups, the gradient has ", a[1]);
      require_result(operation, a, a[0], b[0], forward_planes(operation, p, size, planes_of(b)));
      result = {a[0], b[1] * p.groups, size[0], size[1]};
      break;
    }
    case ConvolutionMode::WeightGradient: {
      if (a[1] % p.groups != 0 || b[1] % p.groups != 0)
        fail<ShapeError>(operation, "channels are not a multiple of ", p.groups, " groups: ", a[1], " and ", b[1]);
      require_result(operation, b, a[0], b[1], forward_planes(operation, p, planes_of(a), size));
      result = {b[1], a[1] / p.groups, size[0], size[1]};
      break;
    }
  }
  numel(result);  // throws if it is too large
  return result;
}

Outputs infer_convolution(const ConvolutionParams& params, const Tensor& a, const Tensor& b) {
  require_floating("convolution", a);
  require_same_dtype("convolution", a, b);
  return one(convolution_shape("convolution", params, a.shape(), b.shape()), a.dtype());
}

}  // namespace nngpu::graph
