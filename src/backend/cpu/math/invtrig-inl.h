// asin, acos, atan and atan2.
#if defined(NNGPU_CPU_MATH_INVTRIG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_INVTRIG_INL_H_
#undef NNGPU_CPU_MATH_INVTRIG_INL_H_
#else
#define NNGPU_CPU_MATH_INVTRIG_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

template <class T>
inline constexpr T kPio2Hi = std::is_same_v<T, float> ? T(tables::kPio2_1F32) : T(tables::kPio2_1F64);
template <class T>
inline constexpr T kPio2Lo = std::is_same_v<T, float> ? T(tables::kPio2_2F32) : T(tables::kPio2_2F64);

// asin(a) for a <= 1/2, else asin(sqrt((1 - a) / 2)), which is (pi/2 - asin(a)) / 2. NaN for a > 1.
template <class D, class V, class M>
HWY_INLINE V AsinCore(D d, V a, M big) {
  using T = hn::TFromD<D>;
  const V half = hn::Set(d, static_cast<T>(0.5));
  const V z = hn::IfThenElse(big, hn::NegMulAdd(half, a, half), hn::Mul(a, a));
  const V s = hn::IfThenElse(big, hn::Sqrt(z), a);
  const V p = Poly(d, z, Pick<T>(tables::kAsinF32, tables::kAsinF64));
  return hn::MulAdd(hn::Mul(s, z), p, s);
}

// atan(num / den) for num, den >= 0, with one division: t = (num - den) / (num + den) or -den / num where the
// quotient is beyond tan(pi/8) or tan(3 pi/8).
template <class D, class V>
HWY_INLINE V AtanCore(D d, V num, V den) {
  using T = hn::TFromD<D>;
  const auto mid = hn::Gt(num, hn::Mul(den, hn::Set(d, static_cast<T>(0.41421356237309503))));
  const auto high = hn::Gt(num, hn::Mul(den, hn::Set(d, static_cast<T>(2.414213562373095))));
  const V n = hn::IfThenElse(high, hn::Neg(den), hn::IfThenElse(mid, hn::Sub(num, den), num));
  const V m = hn::IfThenElse(high, num, hn::IfThenElse(mid, hn::Add(num, den), den));
  const V t = hn::Div(n, m);
  const V z = hn::Mul(t, t);
  const V p = Poly(d, z, Pick<T>(tables::kAtanF32, tables::kAtanF64));
  // The offset is 0, pi/4 or pi/2, in two parts.
  const V count = hn::IfThenElse(high, hn::Set(d, T{1}), hn::IfThenElseZero(mid, hn::Set(d, static_cast<T>(0.5))));
  const V lo = hn::Mul(count, hn::Set(d, kPio2Lo<T>));
  return hn::MulAdd(count, hn::Set(d, kPio2Hi<T>), hn::Add(t, hn::MulAdd(hn::Mul(t, z), p, lo)));
}

}  // namespace detail

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Asin(D d, V x) {
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x);
  const auto big = hn::Gt(a, hn::Set(d, static_cast<T>(0.5)));
  const V r = detail::AsinCore(d, a, big);
  const V far =
      hn::Add(hn::NegMulAdd(hn::Set(d, T{2}), r, hn::Set(d, detail::kPio2Hi<T>)), hn::Set(d, detail::kPio2Lo<T>));
  return hn::CopySign(hn::IfThenElse(big, far, r), x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Acos(D d, V x) {
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x);
  const auto big = hn::Gt(a, hn::Set(d, static_cast<T>(0.5)));
  const V r = detail::AsinCore(d, a, big);
  const V hi = hn::Set(d, detail::kPio2Hi<T>), lo = hn::Set(d, detail::kPio2Lo<T>);
  // pi/2 - asin(x) near 0; 2r near 1; pi - 2r near -1.
  const V rest = hn::Sub(hi, hn::Sub(hn::CopySign(r, x), lo));
  const V other = hn::Sub(hi, hn::Sub(r, lo));
  const V far = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), other, r);
  return hn::IfThenElse(big, hn::Add(far, far), rest);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atan(D d, V x) {
  return hn::CopySign(detail::AtanCore(d, hn::Abs(x), hn::Set(d, hn::TFromD<D>{1})), x);
}

// The angle of the point (x, y), with C's rules for zeros and infinities.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atan2(D d, V y, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T{1}), zero = hn::Zero(d);
  V num = hn::Abs(y), den = hn::Abs(x);
  // Their sum must not overflow.
  const V top = hn::Set(d, std::numeric_limits<T>::max() / 4);
  const auto huge = hn::Or(hn::Gt(num, top), hn::Gt(den, top));
  const V scale = hn::IfThenElse(huge, hn::Set(d, static_cast<T>(0.25)), one);
  num = hn::Mul(num, scale);
  den = hn::Mul(den, scale);
  // inf/inf counts as 1/1 and 0/0 as 0/1.
  const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
  const auto both_inf = hn::And(hn::Eq(num, inf), hn::Eq(den, inf));
  num = hn::IfThenElse(both_inf, one, num);
  den = hn::IfThenElse(hn::Or(both_inf, hn::And(hn::Eq(num, zero), hn::Eq(den, zero))), one, den);
  const V angle = detail::AtanCore(d, num, den);
  const V pi = hn::Set(d, T{2} * detail::kPio2Hi<T>), pi_lo = hn::Set(d, T{2} * detail::kPio2Lo<T>);
  const V left = hn::Sub(pi, hn::Sub(angle, pi_lo));
  return hn::CopySign(detail::IfSignBit(d, x, left, angle), y);
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
