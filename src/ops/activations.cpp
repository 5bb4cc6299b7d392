// Elementwise composites: one fused pass each.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/convert.h"

namespace nngpu {

Tensor relu(const Tensor& x) {
  ops::require_defined("relu", x);
  return maximum(x, 0);
}

using ops::accumulated;

Tensor gelu(const Tensor& x) {
  return accumulated("gelu", x, [](const Tensor& y) { return y * (erf(y * std::sqrt(0.5)) + 1) * 0.5; });
}

Tensor gelu_tanh(const Tensor& x) {
  return accumulated("gelu_tanh", x, [](const Tensor& y) {
    return y * (tanh((y + y * square(y) * 0.044715) * std::sqrt(2 / M_PI)) + 1) * 0.5;
  });
}

Tensor silu(const Tensor& x) {
  return accumulated("silu", x, [](const Tensor& y) { return y * sigmoid(y); });
}

// log(1 + exp(x)) without overflow: the exponent is never positive.
Tensor softplus(const Tensor& x) {
  return accumulated("softplus", x, [](const Tensor& y) { return maximum(y, 0) + log1p(exp(-abs(y))); });
}

Tensor logaddexp(const Tensor& a, const Tensor& b) {
  const std::vector<Tensor> pair = ops::promoted("logaddexp", std::initializer_list<Tensor>{a, b});
  broadcast_shapes("logaddexp", a.shape(), b.shape());
  const Tensor y = ops::as_accumulator("logaddexp", pair[1]);
  return accumulated("logaddexp", pair[0], [&](const Tensor& x) {
    // Equal operands aside, because infinity - infinity is NaN.
    return where(x == y, x + M_LN2, maximum(x, y) + log1p(exp(-abs(x - y))));
  });
}

Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight) {
  for (const Tensor* x : {&a, &b, &weight}) graph::require_defined("lerp", *x);
  return a + weight * (b - a);
}

namespace {

// A bound of integers: the nearest integer inside, within what the dtype holds.
Tensor integer_bound(const Tensor& x, double bound) {
  if (std::isnan(bound)) fail<ValueError>("clip", "bound of integers is NaN");
  double lowest = -0x1p63, highest = 0x1p63;
  if (x.dtype() == DType::U8) lowest = 0, highest = 255;
  if (x.dtype() == DType::I32)
    lowest = std::numeric_limits<int32_t>::min(), highest = std::numeric_limits<int32_t>::max();
  const double inside = std::clamp(bound, lowest, highest);
  const int64_t value = inside >= 0x1p63 ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(inside);
  return ops::scalar_int("clip", value, x.dtype(), x.device());
}

Tensor bound_of(const Tensor& x, double bound, double (*inside)(double)) {
  if (is_floating(x.dtype())) return ops::scalar("clip", bound, x.dtype(), x.device());
  return integer_bound(x, inside(bound));
}

}  // namespace

Tensor clip(const Tensor& x, std::optional<double> low, std::optional<double> high) {
  Tensor result = ops::as_number("clip", x);
  if (low) result = maximum(result, bound_of(result, *low, [](double v) { return std::ceil(v); }));
  if (high) result = minimum(result, bound_of(result, *high, [](double v) { return std::floor(v); }));
  return result;
}

Tensor cast(const Tensor& x, DType dtype) {
  graph::require_defined("cast", x);
  if (!graph::is_weak(x) || is_floating(dtype) || dtype == DType::Bool) return ops::convert("cast", x, dtype);
  // Casting wraps and saturates where converting a number refuses, so the number is made a tensor first.
  const Tensor strong = ops::convert("cast", x, is_floating(x.dtype()) ? DType::F64 : DType::I64);
  return ops::convert("cast", strong, dtype);
}

Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol) {
  if (!(rtol >= 0) || !(atol >= 0))
    fail<ValueError>("isclose", "negative tolerance: rtol ", rtol, ", atol ", atol);
  const std::vector<Tensor> pair = ops::promoted("isclose", std::initializer_list<Tensor>{a, b});
  // f64 holds every i32 and the differences of most i64; f32 would call distinct integers close.
  const DType dtype = is_floating(pair[0].dtype()) ? promote(pair[0].dtype(), DType::F32) : DType::F64;
  const Tensor x = ops::convert("isclose", pair[0], dtype), y = ops::convert("isclose", pair[1], dtype);
  broadcast_shapes("isclose", x.shape(), y.shape());
  const Tensor near = abs(x - y) <= abs(y) * rtol + atol;
  return (x == y) | (isfinite(x) & isfinite(y) & near);
}

}  // namespace nngpu
