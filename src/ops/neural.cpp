// The activation functions of nngpu/activations.h.
//
// Branches are chosen by where() on the argument, and the argument of a branch not taken is replaced by a harmless
// one: the gradient of where() multiplies by zero there, and zero times infinity is NaN.
#include <cmath>

#include "nngpu/activations.h"
#include "ops/convert.h"

namespace nngpu {
namespace {

using ops::accumulated;

// alpha * (exp(x / beta) - 1) where x is not above 0, x elsewhere. NaN takes the first form.
Tensor exponential_unit(const Tensor& x, double alpha, double beta) {
  const Tensor positive = x > 0;
  const Tensor inside = where(positive, 0, x);
  return where(positive, x, expm1(beta == 1 ? inside : inside / beta) * alpha);
}

// -|x| whose derivative at 0 is one of the two one-sided ones, where that of |x| is 0.
Tensor minus_magnitude(const Tensor& x) { return where(x < 0, x, -x); }

}  // namespace

Tensor relu6(const Tensor& x) {
  graph::require_defined("relu6", x);
  return hardtanh(x, 0, 6);
}

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return accumulated("leaky_relu", x, [&](const Tensor& y) { return where(y > 0, y, y * negative_slope); });
}

Tensor prelu(const Tensor& x, const Tensor& weight) {
  graph::require_defined("prelu", x);
  graph::require_defined("prelu", weight);
  Tensor slope = ops::as_accumulator("prelu", weight);
  const int axis = x.rank() > 1 ? 1 : 0;
  if (weight.numel() == 1) {
    slope = reshape(slope, {});
  } else {
    if (weight.rank() != 1 || x.rank() == 0 || x.shape()[axis] != weight.shape()[0]) {
      fail<ShapeError>("prelu", "weight of shape ", weight.shape(), " does not fit axis ", axis, " of ",
                       x.shape());
    }
    Shape shape = Dims::filled(x.rank(), 1);
    shape[axis] = weight.shape()[0];
    slope = reshape(slope, shape);
  }
  return accumulated("prelu", x, [&](const Tensor& y) { return where(y > 0, y, y * slope); });
}

Tensor elu(const Tensor& x, double alpha) {
  return accumulated("elu", x, [&](const Tensor& y) { return exponential_unit(y, alpha, 1); });
}

Tensor selu(const Tensor& x) {
  constexpr double kAlpha = 1.6732632423543772848170429916717;
  constexpr double kScale = 1.0507009873554804934193349852946;
  return accumulated("selu", x, [&](const Tensor& y) { return exponential_unit(y, kAlpha, 1) * kScale; });
}

Tensor celu(const Tensor& x, double alpha) {
  if (alpha == 0 || std::isnan(alpha)) fail<ValueError>("celu", "alpha must not be 0: ", alpha);
  return accumulated("celu", x, [&](const Tensor& y) { return exponential_unit(y, alpha, alpha); });
}

Tensor mish(const Tensor& x) {
  // tanh(log(1 + exp(x))) = ((1 + exp(x))^2 - 1) / ((1 + exp(x))^2 + 1), multiplied out with the exponential that
  // cannot overflow.
  return accumulated("mish", x, [](const Tensor& y) {
    const Tensor e = exp(minus_magnitude(y));
    const Tensor square_e = square(e), twice = e * 2;
    const Tensor negative = y < 0;
    const Tensor top = where(negative, square_e + twice, twice + 1);
    return y * (top / (top + where(negative, 2, square_e * 2)));
  });
}

Tensor hardswish(const Tensor& x) {
  return accumulated("hardswish", x,
                     [](const Tensor& y) { return where(y <= -3, 0, where(y >= 3, y, y * (y + 3) / 6)); });
}

Tensor hardsigmoid(const Tensor& x) {
  return accumulated("hardsigmoid", x, [](const Tensor& y) { return clip(y / 6 + 0.5, 0, 1); });
}

Tensor hardtanh(const Tensor& x, double low, double high) {
  if (!(low <= high)) fail<ValueError>("hardtanh", "no interval: low ", low, ", high ", high);
  return accumulated("hardtanh", x, [&](const Tensor& y) { return clip(y, low, high); });
}

Tensor softsign(const Tensor& x) {
  return accumulated("softsign", x, [](const Tensor& y) { return y / (abs(y) + 1); });
}

Tensor tanhshrink(const Tensor& x) {
  return accumulated("tanhshrink", x, [](const Tensor& y) { return y - tanh(y); });
}

Tensor log_sigmoid(const Tensor& x) {
  return accumulated("log_sigmoid", x,
                     [](const Tensor& y) { return where(y < 0, y, 0) - log1p(exp(minus_magnitude(y))); });
}

Tensor glu(const Tensor& x, int64_t axis) {
  graph::require_defined("glu", x);
  const int at = normalize_axis("glu", axis, x.rank());
  const int64_t size = x.shape()[at];
  if (size % 2 != 0) fail<ShapeError>("glu", "axis ", at, " cannot be halved: ", x.shape());
  return accumulated("glu", x,
                     [&](const Tensor& y) { return slice(y, at, 0, size / 2) * sigmoid(slice(y, at, size / 2)); });
}

}  // namespace nngpu
