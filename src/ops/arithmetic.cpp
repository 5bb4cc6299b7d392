// Operators and functions that are one row of the elementwise table.
#include "ops/convert.h"

namespace nngpu {
namespace {

using ops::elementwise;
using E = Elementwise;

// a > b is b < a, but errors name what the user wrote, in the user's order.
Tensor swapped(const char* operation, Elementwise code, const Tensor& a, const Tensor& b) {
  for (const Tensor* x : {&a, &b}) graph::require_defined(operation, *x);
  broadcast_shapes(operation, a.shape(), b.shape());
  return elementwise(operation, code, {b, a});
}

}  // namespace

Tensor operator+(const Tensor& a, const Tensor& b) { return elementwise(E::Add, {a, b}); }
Tensor operator-(const Tensor& a, const Tensor& b) { return elementwise(E::Subtract, {a, b}); }
Tensor operator*(const Tensor& a, const Tensor& b) { return elementwise(E::Multiply, {a, b}); }
Tensor operator/(const Tensor& a, const Tensor& b) { return elementwise(E::Divide, {a, b}); }
Tensor operator%(const Tensor& a, const Tensor& b) { return elementwise(E::Remainder, {a, b}); }
Tensor operator==(const Tensor& a, const Tensor& b) { return elementwise(E::Equal, {a, b}); }
Tensor operator!=(const Tensor& a, const Tensor& b) { return elementwise(E::NotEqual, {a, b}); }
Tensor operator<(const Tensor& a, const Tensor& b) { return elementwise(E::Less, {a, b}); }
Tensor operator<=(const Tensor& a, const Tensor& b) { return elementwise(E::LessEqual, {a, b}); }
Tensor operator>(const Tensor& a, const Tensor& b) { return swapped("greater", E::Less, a, b); }
Tensor operator>=(const Tensor& a, const Tensor& b) { return swapped("greater_equal", E::LessEqual, a, b); }
Tensor operator&(const Tensor& a, const Tensor& b) { return elementwise(E::BitwiseAnd, {a, b}); }
Tensor operator|(const Tensor& a, const Tensor& b) { return elementwise(E::BitwiseOr, {a, b}); }
Tensor operator^(const Tensor& a, const Tensor& b) { return elementwise(E::BitwiseXor, {a, b}); }
Tensor operator<<(const Tensor& a, const Tensor& b) { return elementwise(E::ShiftLeft, {a, b}); }
Tensor operator>>(const Tensor& a, const Tensor& b) { return elementwise(E::ShiftRight, {a, b}); }
Tensor operator&&(const Tensor& a, const Tensor& b) {
  return ops::as_bool("logical_and", a) & ops::as_bool("logical_and", b);
}
Tensor operator||(const Tensor& a, const Tensor& b) {
  return ops::as_bool("logical_or", a) | ops::as_bool("logical_or", b);
}

Tensor negative(const Tensor& x) { return elementwise(E::Negative, {x}); }
Tensor abs(const Tensor& x) { return elementwise(E::Abs, {x}); }
Tensor sign(const Tensor& x) { return elementwise(E::Sign, {x}); }
Tensor square(const Tensor& x) { return elementwise(E::Square, {x}); }
Tensor reciprocal(const Tensor& x) { return elementwise(E::Reciprocal, {x}); }
Tensor sqrt(const Tensor& x) { return elementwise(E::Sqrt, {x}); }
Tensor rsqrt(const Tensor& x) { return elementwise(E::Rsqrt, {x}); }
Tensor cbrt(const Tensor& x) { return elementwise(E::Cbrt, {x}); }
Tensor exp(const Tensor& x) { return elementwise(E::Exp, {x}); }
Tensor exp2(const Tensor& x) { return elementwise(E::Exp2, {x}); }
Tensor expm1(const Tensor& x) { return elementwise(E::Expm1, {x}); }
Tensor log(const Tensor& x) { return elementwise(E::Log, {x}); }
Tensor log2(const Tensor& x) { return elementwise(E::Log2, {x}); }
Tensor log10(const Tensor& x) { return elementwise(E::Log10, {x}); }
Tensor log1p(const Tensor& x) { return elementwise(E::Log1p, {x}); }
Tensor sin(const Tensor& x) { return elementwise(E::Sin, {x}); }
Tensor cos(const Tensor& x) { return elementwise(E::Cos, {x}); }
Tensor tan(const Tensor& x) { return elementwise(E::Tan, {x}); }
Tensor asin(const Tensor& x) { return elementwise(E::Asin, {x}); }
Tensor acos(const Tensor& x) { return elementwise(E::Acos, {x}); }
Tensor atan(const Tensor& x) { return elementwise(E::Atan, {x}); }
Tensor sinh(const Tensor& x) { return elementwise(E::Sinh, {x}); }
Tensor cosh(const Tensor& x) { return elementwise(E::Cosh, {x}); }
Tensor tanh(const Tensor& x) { return elementwise(E::Tanh, {x}); }
Tensor asinh(const Tensor& x) { return elementwise(E::Asinh, {x}); }
Tensor acosh(const Tensor& x) { return elementwise(E::Acosh, {x}); }
Tensor atanh(const Tensor& x) { return elementwise(E::Atanh, {x}); }
Tensor erf(const Tensor& x) { return elementwise(E::Erf, {x}); }
Tensor erfc(const Tensor& x) { return elementwise(E::Erfc, {x}); }
Tensor lgamma(const Tensor& x) { return elementwise(E::Lgamma, {x}); }
Tensor sigmoid(const Tensor& x) { return elementwise(E::Sigmoid, {x}); }
Tensor floor(const Tensor& x) { return elementwise(E::Floor, {x}); }
Tensor ceil(const Tensor& x) { return elementwise(E::Ceil, {x}); }
Tensor round(const Tensor& x) { return elementwise(E::Round, {x}); }
Tensor trunc(const Tensor& x) { return elementwise(E::Trunc, {x}); }
Tensor isnan(const Tensor& x) { return elementwise(E::IsNan, {x}); }
Tensor isinf(const Tensor& x) { return elementwise(E::IsInf, {x}); }
Tensor isfinite(const Tensor& x) { return elementwise(E::IsFinite, {x}); }
Tensor bitwise_not(const Tensor& x) { return elementwise(E::BitwiseNot, {x}); }
Tensor logical_not(const Tensor& x) {
  graph::require_defined("logical_not", x);
  return x == ops::scalar_like(x, 0);
}
Tensor maximum(const Tensor& a, const Tensor& b) { return elementwise(E::Maximum, {a, b}); }
Tensor minimum(const Tensor& a, const Tensor& b) { return elementwise(E::Minimum, {a, b}); }
Tensor pow(const Tensor& a, const Tensor& b) { return elementwise(E::Pow, {a, b}); }
Tensor atan2(const Tensor& a, const Tensor& b) { return elementwise(E::Atan2, {a, b}); }
Tensor hypot(const Tensor& a, const Tensor& b) { return elementwise(E::Hypot, {a, b}); }
Tensor fmod(const Tensor& a, const Tensor& b) { return elementwise(E::Fmod, {a, b}); }
Tensor floor_divide(const Tensor& a, const Tensor& b) { return elementwise(E::FloorDivide, {a, b}); }
Tensor copysign(const Tensor& a, const Tensor& b) { return elementwise(E::Copysign, {a, b}); }
Tensor fma(const Tensor& a, const Tensor& b, const Tensor& c) { return elementwise(E::Fma, {a, b, c}); }
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return elementwise("where", E::Select, {condition, a, b});
}

}  // namespace nngpu
