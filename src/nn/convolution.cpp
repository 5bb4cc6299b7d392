#include "nngpu/nn/convolution.h"

#include <cmath>

#include "nn/describe.h"
#include "nngpu/nn/init.h"

namespace nngpu::nn {
namespace {

std::string text(Pair pair) {
  const std::string height = std::to_string(pair.height);
  return pair.height == pair.width ? height : height + "x" + std::to_string(pair.width);
}

// The weight's sizes, checked. `first` and `second` are the channels; the second is divided by the groups.
Shape weight_shape(const char* layer, int64_t first, int64_t second, int64_t groups, const Shape& kernel) {
  require_positive(layer, {first, second, groups});
  for (int64_t size : kernel) require_positive(layer, {size});
  if (first % groups != 0 || second % groups != 0) {
    fail<ValueError>(layer, first, " and ", second, " channels cannot be divided into ", groups, " groups");
  }
  Shape shape = {first, second / groups};
  for (int64_t size : kernel) shape.push_back(size);
  return shape;
}

// 1 / sqrt(fan in), as PyTorch counts it: axis 1 and the kernel.
double bound_of(const Shape& weight) {
  return 1 / std::sqrt(static_cast<double>(numel(weight)) / static_cast<double>(weight[0]));
}

Tensor bounded(const Shape& shape, double bound, const Generator& generator) {
  return init::uniform(shape, -bound, bound, generator);
}

}  // namespace

Conv1d::Conv1d(int64_t in, int64_t out, const Options& o)
    : options_{o.stride, o.padding, o.dilation, o.groups, o.padding_mode} {
  const Shape shape = weight_shape("Conv1d", out, in, o.groups, {o.kernel});
  weight = register_parameter("weight", bounded(shape, bound_of(shape), o.generator));
  if (o.bias) bias = register_parameter("bias", bounded({out}, bound_of(shape), o.generator));
}

Tensor Conv1d::forward(const Tensor& x) const {
  return bias.defined() ? conv1d(x, weight, bias, options_) : conv1d(x, weight, options_);
}

std::string Conv1d::describe() const {
  const Shape& shape = weight.shape();
  return called("Conv1d", shape[1] * options_.groups, shape[0], "kernel " + std::to_string(shape[2]),
                "stride " + std::to_string(options_.stride));
}

Conv2d::Conv2d(int64_t in, int64_t out, const Options& o)
    : options_{o.stride, o.padding, o.dilation, o.groups, o.padding_mode} {
  const Shape shape = weight_shape("Conv2d", out, in, o.groups, {o.kernel.height, o.kernel.width});
  weight = register_parameter("weight", bounded(shape, bound_of(shape), o.generator));
  if (o.bias) bias = register_parameter("bias", bounded({out}, bound_of(shape), o.generator));
}

Tensor Conv2d::forward(const Tensor& x) const {
  return bias.defined() ? conv2d(x, weight, bias, options_) : conv2d(x, weight, options_);
}

std::string Conv2d::describe() const {
  const Shape& shape = weight.shape();
  return called("Conv2d", shape[1] * options_.groups, shape[0], "kernel " + text({shape[2], shape[3]}),
                "stride " + text(options_.stride));
}

ConvTranspose1d::ConvTranspose1d(int64_t in, int64_t out, const Options& o)
    : options_{o.stride, o.padding, o.output_padding, o.dilation, o.groups} {
  const Shape shape = weight_shape("ConvTranspose1d", in, out, o.groups, {o.kernel});
  weight = register_parameter("weight", bounded(shape, bound_of(shape), o.generator));
  if (o.bias) bias = register_parameter("bias", bounded({out}, bound_of(shape), o.generator));
}

Tensor ConvTranspose1d::forward(const Tensor& x) const {
  return bias.defined() ? conv_transpose1d(x, weight, bias, options_) : conv_transpose1d(x, weight, options_);
}

std::string ConvTranspose1d::describe() const {
  const Shape& shape = weight.shape();
  return called("ConvTranspose1d", shape[0], shape[1] * options_.groups, "kernel " + std::to_string(shape[2]),
                "stride " + std::to_string(options_.stride));
}

ConvTranspose2d::ConvTranspose2d(int64_t in, int64_t out, const Options& o)
    : options_{o.stride, o.padding, o.output_padding, o.dilation, o.groups} {
  const Shape shape = weight_shape("ConvTranspose2d", in, out, o.groups, {o.kernel.height, o.kernel.width});
  weight = register_parameter("weight", bounded(shape, bound_of(shape), o.generator));
  if (o.bias) bias = register_parameter("bias", bounded({out}, bound_of(shape), o.generator));
}

Tensor ConvTranspose2d::forward(const Tensor& x) const {
  return bias.defined() ? conv_transpose2d(x, weight, bias, options_) : conv_transpose2d(x, weight, options_);
}

std::string ConvTranspose2d::describe() const {
  const Shape& shape = weight.shape();
  return called("ConvTranspose2d", shape[0], shape[1] * options_.groups, "kernel " + text({shape[2], shape[3]}),
                "stride " + text(options_.stride));
}

Tensor MaxPool1d::forward(const Tensor& x) const { return max_pool1d(x, window_, options_); }
std::string MaxPool1d::describe() const { return called("MaxPool1d", window_); }
Tensor MaxPool2d::forward(const Tensor& x) const { return max_pool2d(x, window_, options_); }
std::string MaxPool2d::describe() const { return called("MaxPool2d", text(window_)); }
Tensor AvgPool1d::forward(const Tensor& x) const { return avg_pool1d(x, window_, options_); }
std::string AvgPool1d::describe() const { return called("AvgPool1d", window_); }
Tensor AvgPool2d::forward(const Tensor& x) const { return avg_pool2d(x, window_, options_); }
std::string AvgPool2d::describe() const { return called("AvgPool2d", text(window_)); }
Tensor AdaptiveAvgPool2d::forward(const Tensor& x) const { return adaptive_avg_pool2d(x, size_); }
std::string AdaptiveAvgPool2d::describe() const { return called("AdaptiveAvgPool2d", text(size_)); }

}  // namespace nngpu::nn
