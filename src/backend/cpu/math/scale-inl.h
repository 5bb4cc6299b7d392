// v * 2^k with one rounding, splitting a number into mantissa and exponent, and evaluation of float functions
// in double. AVX-512 has instructions for the first two that also take care of zeros, infinities and subnormals.
#if defined(NNGPU_CPU_MATH_SCALE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_SCALE_INL_H_
#undef NNGPU_CPU_MATH_SCALE_INL_H_
#else
#define NNGPU_CPU_MATH_SCALE_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

#undef NNGPU_MATH_AVX512
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
#define NNGPU_MATH_AVX512 1
template <size_t N>
HWY_INLINE hn::Vec128<float, N> ScaleImpl(hn::Vec128<float, N> v, hn::Vec128<float, N> k) {
  return hn::Vec128<float, N>{_mm_scalef_ps(v.raw, k.raw)};
}
template <size_t N>
HWY_INLINE hn::Vec128<double, N> ScaleImpl(hn::Vec128<double, N> v, hn::Vec128<double, N> k) {
  return hn::Vec128<double, N>{_mm_scalef_pd(v.raw, k.raw)};
}
HWY_INLINE hn::Vec256<float> ScaleImpl(hn::Vec256<float> v, hn::Vec256<float> k) {
  return hn::Vec256<float>{_mm256_scalef_ps(v.raw, k.raw)};
}
HWY_INLINE hn::Vec256<double> ScaleImpl(hn::Vec256<double> v, hn::Vec256<double> k) {
  return hn::Vec256<double>{_mm256_scalef_pd(v.raw, k.raw)};
}
HWY_INLINE hn::Vec512<float> ScaleImpl(hn::Vec512<float> v, hn::Vec512<float> k) {
  return hn::Vec512<float>{_mm512_scalef_ps(v.raw, k.raw)};
}
HWY_INLINE hn::Vec512<double> ScaleImpl(hn::Vec512<double> v, hn::Vec512<double> k) {
  return hn::Vec512<double>{_mm512_scalef_pd(v.raw, k.raw)};
}

// floor(log2(|x|)); -inf for 0, inf for inf.
template <size_t N>
HWY_INLINE hn::Vec128<float, N> GetExp(hn::Vec128<float, N> v) {
  return hn::Vec128<float, N>{_mm_getexp_ps(v.raw)};
}
template <size_t N>
HWY_INLINE hn::Vec128<double, N> GetExp(hn::Vec128<double, N> v) {
  return hn::Vec128<double, N>{_mm_getexp_pd(v.raw)};
}
HWY_INLINE hn::Vec256<float> GetExp(hn::Vec256<float> v) { return hn::Vec256<float>{_mm256_getexp_ps(v.raw)}; }
HWY_INLINE hn::Vec256<double> GetExp(hn::Vec256<double> v) { return hn::Vec256<double>{_mm256_getexp_pd(v.raw)}; }
HWY_INLINE hn::Vec512<float> GetExp(hn::Vec512<float> v) { return hn::Vec512<float>{_mm512_getexp_ps(v.raw)}; }
HWY_INLINE hn::Vec512<double> GetExp(hn::Vec512<double> v) { return hn::Vec512<double>{_mm512_getexp_pd(v.raw)}; }

// The mantissa in [3/4, 3/2); 1 for 0 and inf, NaN for negative numbers.
template <size_t N>
HWY_INLINE hn::Vec128<float, N> GetMant(hn::Vec128<float, N> v) {
  return hn::Vec128<float, N>{_mm_getmant_ps(v.raw, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan)};
}
template <size_t N>
HWY_INLINE hn::Vec128<double, N> GetMant(hn::Vec128<double, N> v) {
  return hn::Vec128<double, N>{_mm_getmant_pd(v.raw, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan)};
}
HWY_INLINE hn::Vec256<float> GetMant(hn::Vec256<float> v) {
  return hn::Vec256<float>{_mm256_getmant_ps(v.raw, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan)};
}
HWY_INLINE hn::Vec256<double> GetMant(hn::Vec256<double> v) {
  return hn::Vec256<double>{_mm256_getmant_pd(v.raw, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan)};
}
HWY_INLINE hn::Vec512<float> GetMant(hn::Vec512<float> v) {
  return hn::Vec512<float>{_mm512_getmant_ps(v.raw, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan)};
}
HWY_INLINE hn::Vec512<double> GetMant(hn::Vec512<double> v) {
  return hn::Vec512<double>{_mm512_getmant_pd(v.raw, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan)};
}

// 1/sqrt(v) with a relative error below 2^-14; right for 0, infinities and subnormals.
template <size_t N>
HWY_INLINE hn::Vec128<float, N> RsqrtEstimate(hn::Vec128<float, N> v) {
  return hn::Vec128<float, N>{_mm_rsqrt14_ps(v.raw)};
}
template <size_t N>
HWY_INLINE hn::Vec128<double, N> RsqrtEstimate(hn::Vec128<double, N> v) {
  return hn::Vec128<double, N>{_mm_rsqrt14_pd(v.raw)};
}
HWY_INLINE hn::Vec256<float> RsqrtEstimate(hn::Vec256<float> v) {
  return hn::Vec256<float>{_mm256_rsqrt14_ps(v.raw)};
}
HWY_INLINE hn::Vec256<double> RsqrtEstimate(hn::Vec256<double> v) {
  return hn::Vec256<double>{_mm256_rsqrt14_pd(v.raw)};
}
HWY_INLINE hn::Vec512<float> RsqrtEstimate(hn::Vec512<float> v) {
  return hn::Vec512<float>{_mm512_rsqrt14_ps(v.raw)};
}
HWY_INLINE hn::Vec512<double> RsqrtEstimate(hn::Vec512<double> v) {
  return hn::Vec512<double>{_mm512_rsqrt14_pd(v.raw)};
}
#else
#define NNGPU_MATH_AVX512 0
#endif

// v * 2^k for integral k, rounded once. |k| may reach twice the range of the exponent; v must be normal.
template <class D, class V>
HWY_INLINE V Scale(D d, V v, V k) {
#if NNGPU_MATH_AVX512
  (void)d;
  return ScaleImpl(v, k);
#else
  // Only the second product can round: the first stays among the normal numbers.
  const V half = hn::Round(hn::Mul(k, hn::Set(d, static_cast<hn::TFromD<D> >(0.5))));
  return hn::Mul(hn::Mul(v, Pow2(d, half)), Pow2(d, hn::Sub(k, half)));
#endif
}

template <class V>
struct Split {
  V mantissa;
  V exponent;
};

// x = mantissa * 2^exponent, mantissa in [3/4, 3/2), for x > 0 including subnormals. With AVX-512, zeros and
// infinities give an infinite exponent and negative x NaN, so that a logarithm needs no special cases.
template <class D, class V>
HWY_INLINE Split<V> SplitExponent(D d, V x) {
#if NNGPU_MATH_AVX512
  (void)d;
  const V m = GetMant(x);
  return {m, hn::Sub(GetExp(x), GetExp(m))};
#else
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  const auto tiny = hn::Lt(x, hn::Set(d, std::numeric_limits<T>::min()));
  if constexpr (std::is_same_v<T, float>) {
    const hn::RebindToSigned<D> di;
    const V scaled = hn::IfThenElse(tiny, hn::Mul(x, hn::Set(d, 33554432.0f)), x);
    const auto bits = hn::BitCast(di, scaled);
    const auto k = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3F400000)));
    const V m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(k)));
    return {m, hn::Add(hn::ConvertTo(d, k), hn::IfThenElseZero(tiny, hn::Set(d, -25.0f)))};
  } else {
    // Exponents to double without a 64-bit conversion: as low bits of 2^52 + k + 1024.
    const V scaled = hn::IfThenElse(tiny, hn::Mul(x, hn::Set(d, 18014398509481984.0)), x);
    const auto bits = hn::BitCast(du, scaled);
    const auto biased =
        hn::ShiftRight<52>(hn::Add(bits, hn::Set(du, uint64_t{0x4000000000000000} - 0x3FE8000000000000)));
    const V magic = hn::Set(d, 4503599627370496.0);
    const V kb = hn::Sub(hn::BitCast(d, hn::Or(biased, hn::BitCast(du, magic))), magic);
    const auto k = hn::Sub(biased, hn::Set(du, uint64_t{1024}));
    const V m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<52>(k)));
    return {m, hn::Sub(kb, hn::IfThenElse(tiny, hn::Set(d, 1078.0), hn::Set(d, 1024.0)))};
  }
#endif
}

// The result of a logarithm at and below zero and at infinity.
template <class D, class V>
HWY_INLINE V LogLimits(D d, V x, V y) {
#if NNGPU_MATH_AVX512
  (void)d;
  (void)x;
  return y;
#else
  using T = hn::TFromD<D>;
  const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
  const V zero = hn::Zero(d);
  y = hn::IfThenElse(hn::Lt(x, inf), y, x);  // also passes NaN on
  y = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(inf), y);
  return hn::IfThenElse(hn::Lt(x, zero), hn::Set(d, std::numeric_limits<T>::quiet_NaN()), y);
#endif
}

// Double to float with overflow to infinity; Highway's portable targets stop at the largest float.
template <class D, class V>
HWY_INLINE hn::Vec<D> Demote(D d, V v) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  const hn::Rebind<double, D> dd;
  HWY_ALIGN double from[hn::MaxLanes(D())];
  HWY_ALIGN float to[hn::MaxLanes(D())];
  hn::Store(v, dd, from);
  for (size_t i = 0; i < hn::Lanes(d); ++i) to[i] = static_cast<float>(from[i]);
  return hn::Load(d, to);
#else
  return hn::DemoteTo(d, v);
#endif
}

// f(dd, x) of a float vector, evaluated in double with tag dd: correctly rounded in all but rare cases where f
// is good to double precision. Vectors of which the doubles would not fit go in halves.
template <class D, class F, class... V>
HWY_INLINE hn::Vec<D> InDouble(D d, const F& f, V... x) {
#if HWY_TARGET == HWY_SCALAR
  const hn::Rebind<double, D> dd;
  return Demote(d, f(dd, hn::PromoteTo(dd, x)...));
#else
  if constexpr (hn::MaxLanes(D()) * sizeof(double) <= HWY_MAX_BYTES) {
    const hn::Rebind<double, D> dd;
    return Demote(d, f(dd, hn::PromoteTo(dd, x)...));
  } else {
    const hn::Half<D> dh;
    const hn::Rebind<double, decltype(dh)> dd;
    const auto lo = Demote(dh, f(dd, hn::PromoteTo(dd, hn::LowerHalf(dh, x))...));
    const auto hi = Demote(dh, f(dd, hn::PromoteTo(dd, hn::UpperHalf(dh, x))...));
    return hn::Combine(d, hi, lo);
  }
#endif
}

}  // namespace detail
}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
