// log |gamma(x)|.
//
// Below 8 the argument is shifted to 2 + u, |u| <= 1/2, where lgamma(2 + u) = u P(u) keeps its digits at the zero;
// above, Stirling's formula; reflection for negative x. Relative accuracy holds at the zeros 1 and 2. Left of 0
// the reflection subtracts lgamma(-x): there the error is small relative to that, not to a result near zero.
#if defined(NNGPU_CPU_MATH_GAMMA_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_GAMMA_INL_H_
#undef NNGPU_CPU_MATH_GAMMA_INL_H_
#else
#define NNGPU_CPU_MATH_GAMMA_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"
#include "backend/cpu/math/log-inl.h"
#include "backend/cpu/math/scale-inl.h"
#include "backend/cpu/math/trig-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

// lgamma(a) for a >= 0.
template <class D, class V>
HWY_INLINE V LgammaPositive(D d, V a) {
  const V one = hn::Set(d, 1.0);
  const auto big = hn::Ge(a, hn::Set(d, 8.0));

  // a = c + u. gamma(a) = gamma(2 + u) (a - 1) ... (a - c + 2), or divided by a (a + 1) or a for c = 0 or 1.
  const V c = hn::Round(hn::IfThenElse(big, one, a));
  const V u = hn::Sub(a, c);
  const auto c0 = hn::Eq(c, hn::Zero(d)), below = hn::Lt(c, hn::Set(d, 2.0));
  V product = hn::IfThenElse(c0, hn::Mul(a, hn::Add(a, one)), hn::IfThenElse(below, a, one));
  for (int j = 1; j <= 6; ++j) {
    const V factor = hn::Sub(a, hn::Set(d, static_cast<double>(j)));
    product = hn::IfThenElse(hn::Ge(c, hn::Set(d, j + 2.0)), hn::Mul(product, factor), product);
  }
  const V l = Log(d, hn::IfThenElse(big, a, product));
  const V near = hn::MulAdd(u, Poly(d, u, tables::kLgammaF64), hn::IfThenElse(below, hn::Neg(l), l));

  const V inv = hn::Div(one, a);
  const V series = hn::Mul(inv, Poly(d, hn::Mul(inv, inv), tables::kStirlingF64));
  // (a - 1/2)(log a - 1) - 1/2 + log(2 pi)/2: this order has no inf - inf.
  const V far = hn::Add(
      hn::MulAdd(hn::Sub(a, hn::Set(d, 0.5)), hn::Sub(l, one), hn::Set(d, tables::kHalfLog2PiF64 - 0.5)), series);
  return hn::IfThenElse(big, far, near);
}

template <class D, class V>
HWY_INLINE V LgammaDouble(D d, V x) {
  const V inf = hn::Set(d, std::numeric_limits<double>::infinity());
  const V a = hn::Abs(x);
  V y = LgammaPositive(d, a);
  const auto negative = hn::Lt(x, hn::Set(d, -0x1p-60));  // nearer to 0 both sides agree
  if (!hn::AllFalse(d, negative)) {
    // gamma(-a) = -pi / (a sin(pi a) gamma(a))
    const V r = hn::Abs(hn::Sub(a, hn::Round(a)));
    const V s = SinCore(d, hn::Mul(r, hn::Set(d, 3.141592653589793)));
    const V reflected = hn::Sub(hn::Sub(hn::Set(d, tables::kLogPiF64), Log(d, hn::Mul(a, s))), y);
    // At negative whole numbers the subtraction may be inf - inf.
    const auto pole = hn::And(negative, hn::Eq(r, hn::Zero(d)));
    y = hn::IfThenElse(pole, inf, hn::IfThenElse(negative, reflected, y));
  }
  return hn::IfThenElse(hn::Eq(a, inf), inf, y);
}

}  // namespace detail

// Floats are computed in double.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Lgamma(D d, V x) {
  if constexpr (std::is_same_v<hn::TFromD<D>, float>) {
    return detail::InDouble(
        d, [](auto dd, auto v) HWY_ATTR { return detail::LgammaDouble(dd, v); }, x);
  } else {
    return detail::LgammaDouble(d, x);
  }
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
