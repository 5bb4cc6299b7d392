// exp, exp2, expm1 and the logistic function.
//
// Reduction of Cody and Waite (1980): x = k ln 2 + r with |r| <= ln(2)/2, then a polynomial in r and scaling by
// 2^k, which rounds once even where the result is subnormal.
#if defined(NNGPU_CPU_MATH_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_EXP_INL_H_
#undef NNGPU_CPU_MATH_EXP_INL_H_
#else
#define NNGPU_CPU_MATH_EXP_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"
#include "backend/cpu/math/scale-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

template <class V>
struct ExpReduced {
  V r;  // x - k ln 2
  V k;  // integral
};

template <class D, class V>
HWY_INLINE ExpReduced<V> ReduceLn2(D d, V x) {
  using T = hn::TFromD<D>;
  const V k = hn::Round(hn::Mul(x, hn::Set(d, Pick<T>(tables::kLog2EHiF32, tables::kLog2EHiF64))));
  V r = hn::NegMulAdd(k, hn::Set(d, Pick<T>(tables::kLn2HiF32, tables::kLn2HiF64)), x);
  r = hn::NegMulAdd(k, hn::Set(d, Pick<T>(tables::kLn2LoF32, tables::kLn2LoF64)), r);
  return {r, k};
}

// exp(r) - 1 for |r| <= ln(2)/2.
template <class D, class V>
HWY_INLINE V Expm1Small(D d, V r) {
  using T = hn::TFromD<D>;
  const V p = Poly(d, r, Pick<T>(tables::kExpF32, tables::kExpF64));
  return hn::MulAdd(hn::Mul(r, r), p, r);
}

// Beyond these exp is infinite or rounds to zero, with room for an operand between the two.
template <class T>
inline constexpr T kExpMax = std::is_same_v<T, float> ? T(89.0f) : T(710.0);
template <class T>
inline constexpr T kExpMin = std::is_same_v<T, float> ? T(-105.0f) : T(-746.0);

// exp(hi + lo) as e * 2^k, for callers that multiply before they scale. hi must lie in [kExpMin, kExpMax].
template <class V>
struct ExpParts {
  V e;
  V k;
};

template <class D, class V>
HWY_INLINE ExpParts<V> ExpPair(D d, V hi, V lo) {
  using T = hn::TFromD<D>;
  const ExpReduced<V> red = ReduceLn2(d, hi);
  return {hn::Add(hn::Set(d, T{1}), Expm1Small(d, hn::Add(red.r, lo))), red.k};
}

}  // namespace detail

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  using T = hn::TFromD<D>;
  const V c = detail::Clamp(d, x, detail::kExpMin<T>, detail::kExpMax<T>);
  const auto red = detail::ReduceLn2(d, c);
  return detail::Scale(d, hn::Add(hn::Set(d, T{1}), detail::Expm1Small(d, red.r)), red.k);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp2(D d, V x) {
  using T = hn::TFromD<D>;
  const V c = detail::Clamp(d, x, detail::Pick<T>(-151.0f, -1076.0), detail::Pick<T>(129.0f, 1025.0));
  const V k = hn::Round(c);
  const V r = hn::Sub(c, k);
  const V p = detail::Poly(d, r, detail::Pick<T>(tables::kExp2F32, tables::kExp2F64));
  return detail::Scale(d, hn::MulAdd(r, p, hn::Set(d, T{1})), k);
}

// 2^k (exp(r) - 1 + (1 - 2^-k)): the bracket is exact or nearly so for every k.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1(D d, V x) {
  using T = hn::TFromD<D>;
  const V c = detail::Clamp(d, x, detail::Pick<T>(-20.0f, -45.0), detail::kExpMax<T>);
  const auto red = detail::ReduceLn2(d, c);
  const V p = detail::Expm1Small(d, red.r);
  // Above this exponent 2^-k no longer counts, and must not leave the normal numbers.
  const V kq = detail::ClampAbove(d, red.k, detail::Pick<T>(100.0f, 1000.0));
  const V q = detail::Pow2(d, hn::Neg(kq));
  const V y = detail::Scale(d, hn::Add(p, hn::Sub(hn::Set(d, T{1}), q)), red.k);
  return hn::CopySign(y, x);
}

// 1 / (1 + exp(-x)), as z / (1 + z) with z = exp(x) for negative x, so that the lower tail keeps its digits.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T{1});
  const V z = Exp(d, hn::Neg(hn::Abs(x)));
  const V num = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), z, one);
  return hn::Div(num, hn::Add(one, z));
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
