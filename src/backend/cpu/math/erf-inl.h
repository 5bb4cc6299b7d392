// The error function and its complement.
//
// erf of floats is rational. Otherwise, near 0 an odd polynomial; further out erfc(x) = exp(-x^2) P(t) / (1 + 2x)
// with t = (x - K)/(x + K), the mapping of Shepherd and Laframboise (1981), in which one polynomial serves up to
// the underflow.
#if defined(NNGPU_CPU_MATH_ERF_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_ERF_INL_H_
#undef NNGPU_CPU_MATH_ERF_INL_H_
#else
#define NNGPU_CPU_MATH_ERF_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"
#include "backend/cpu/math/exp-inl.h"
#include "backend/cpu/math/scale-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

// erf(x) for |x| <= 3/4.
template <class D, class V>
HWY_INLINE V ErfSmall(D d, V x) {
  using T = hn::TFromD<D>;
  return hn::Mul(x, Poly(d, hn::Mul(x, x), Pick<T>(tables::kErfSmallF32, tables::kErfSmallF64)));
}

// erfc(a) for a >= 1/2.
template <class D, class V>
HWY_INLINE V ErfcTail(D d, V x) {
  using T = hn::TFromD<D>;
  const V a = ClampAbove(d, x, Pick<T>(10.5f, 28.0));
  const V shift = hn::Set(d, static_cast<T>(3.75));
  const V t = hn::Div(hn::Sub(a, shift), hn::Add(a, shift));
  const V p = hn::Add(hn::Set(d, static_cast<T>(1.25)), Poly(d, t, Pick<T>(tables::kErfcF32, tables::kErfcF64)));
  const V g = hn::Div(p, hn::MulAdd(hn::Set(d, T{2}), a, hn::Set(d, T{1})));
  // The rounding error of a^2 would come back multiplied by a^2.
  const Pair<V> sq = TwoProd(d, a, a);
  const auto red = ReduceLn2(d, hn::Neg(sq.hi));
  return Scale(d, hn::MulAdd(g, Expm1Small(d, hn::Sub(red.r, sq.lo)), g), red.k);
}

}  // namespace detail

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erf(D d, V x) {
  using T = hn::TFromD<D>;
  if constexpr (std::is_same_v<T, float>) {
    // Evaluates to 1 here, where erf rounds to 1.
    const V a = detail::ClampAbove(d, hn::Abs(x), 3.9193f);
    const V z = hn::Mul(a, a);
    const V r = detail::Horner<1, 1>(d, z, tables::kErfPF32);
    const V p = hn::MulAdd(hn::Mul(a, z), r, hn::Mul(a, hn::Set(d, tables::kErfPF32[0])));
    return hn::CopySign(detail::DoubleAngle(d, p, detail::Poly(d, z, tables::kErfQF32)), x);
  } else {
    const V a = hn::Abs(x);
    const auto small = hn::Lt(a, hn::Set(d, 0.75));
    const V far = hn::CopySign(hn::Sub(hn::Set(d, 1.0), detail::ErfcTail(d, a)), x);
    return hn::IfThenElse(small, detail::ErfSmall(d, x), far);
  }
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erfc(D d, V x) {
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x);
  const auto small = hn::Lt(a, hn::Set(d, static_cast<T>(0.5)));
  const V tail = detail::ErfcTail(d, a);
  const V far = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Sub(hn::Set(d, T{2}), tail), tail);
  return hn::IfThenElse(small, hn::Sub(hn::Set(d, T{1}), detail::ErfSmall(d, x)), far);
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
