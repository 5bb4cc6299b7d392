// What every family of vector functions uses: coefficients by type, polynomials, error-free products, scaling
// by powers of two, and evaluation of float vectors in double.
//
// Per-target header of Highway: include highway.h first. Functions take a tag of any lane count.
#if defined(NNGPU_CPU_MATH_COMMON_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_COMMON_INL_H_
#undef NNGPU_CPU_MATH_COMMON_INL_H_
#else
#define NNGPU_CPU_MATH_COMMON_INL_H_
#endif

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "hwy/highway.h"
#include "ops/math_tables.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace tables = nngpu::math_tables;

namespace detail {

// The table of the lane type, out of the float and the double one.
template <class T, size_t N, size_t M>
constexpr const auto& Pick(const float (&f32)[N], const double (&f64)[M]) {
  if constexpr (std::is_same_v<T, float>) {
    return f32;
  } else {
    return f64;
  }
}

template <class T>
constexpr T Pick(float f32, double f64) {
  if constexpr (std::is_same_v<T, float>) {
    return f32;
  } else {
    return f64;
  }
}

template <size_t I, size_t kStep, class D, class V, class T, size_t N>
HWY_INLINE V Horner(D d, V x, const T (&c)[N]) {
  if constexpr (I + kStep >= N) {
    return hn::Set(d, c[I]);
  } else {
    return hn::MulAdd(Horner<I + kStep, kStep>(d, x, c), x, hn::Set(d, c[I]));
  }
}

// c[0] + c[1] x + ... Long ones go as two interleaved chains, which halves the latency for one multiplication.
template <class D, class V, class T, size_t N>
HWY_INLINE V Poly(D d, V x, const T (&c)[N]) {
  if constexpr (N < 7) {
    return Horner<0, 1>(d, x, c);
  } else {
    const V x2 = hn::Mul(x, x);
    return hn::MulAdd(Horner<1, 2>(d, x2, c), x, Horner<0, 2>(d, x2, c));
  }
}

// a * b + c with one rounding on every target, for where an error-free transformation depends on it; elsewhere
// hn::MulAdd will do. Targets without the instruction go through the C library.
template <class D, class V>
HWY_INLINE V Fma(D d, V a, V b, V c) {
#if HWY_NATIVE_FMA
  (void)d;
  return hn::MulAdd(a, b, c);
#else
  HWY_ALIGN hn::TFromD<D> la[hn::MaxLanes(D())], lb[hn::MaxLanes(D())], lc[hn::MaxLanes(D())];
  hn::Store(a, d, la);
  hn::Store(b, d, lb);
  hn::Store(c, d, lc);
  for (size_t i = 0; i < hn::Lanes(d); ++i) la[i] = std::fma(la[i], lb[i], lc[i]);
  return hn::Load(d, la);
#endif
}

// c - a * b with one rounding.
template <class D, class V>
HWY_INLINE V FmaNeg(D d, V a, V b, V c) {
#if HWY_NATIVE_FMA
  (void)d;
  return hn::NegMulAdd(a, b, c);
#else
  return Fma(d, hn::Neg(a), b, c);
#endif
}

// An unevaluated sum hi + lo with |lo| <= ulp(hi)/2 or about that.
template <class V>
struct Pair {
  V hi;
  V lo;
};

// Error-free sum (Knuth), and the shorter one for |a| >= |b| (Dekker).
template <class V>
HWY_INLINE Pair<V> TwoSum(V a, V b) {
  const V s = hn::Add(a, b);
  const V t = hn::Sub(s, a);
  return {s, hn::Add(hn::Sub(a, hn::Sub(s, t)), hn::Sub(b, t))};
}

template <class V>
HWY_INLINE Pair<V> FastTwoSum(V a, V b) {
  const V s = hn::Add(a, b);
  return {s, hn::Sub(b, hn::Sub(s, a))};
}

template <class D, class V>
HWY_INLINE Pair<V> TwoProd(D d, V a, V b) {
  const V p = hn::Mul(a, b);
  return {p, Fma(d, a, b, hn::Neg(p))};
}

// By the sign bit of v. Highway's portable targets compare with zero instead, which does not see it in -0.
template <class D, class V>
HWY_INLINE V IfSignBit(D d, V v, V yes, V no) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  const hn::RebindToSigned<D> di;
  return hn::IfThenElse(hn::RebindMask(d, hn::Lt(hn::BitCast(di, v), hn::Zero(di))), yes, no);
#else
  (void)d;
  return hn::IfNegativeThenElse(v, yes, no);
#endif
}

// min(max(x, lo), hi) that keeps NaN.
template <class D, class V, class T>
HWY_INLINE V Clamp(D d, V x, T lo, T hi) {
  const V vlo = hn::Set(d, lo), vhi = hn::Set(d, hi);
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Lt(x, vlo), vlo, hn::IfThenElse(hn::Gt(x, vhi), vhi, x));
#else
  // x86 returns the second operand if either is NaN, Arm returns NaN.
  return hn::Min(vhi, hn::Max(vlo, x));
#endif
}

template <class D, class V, class T>
HWY_INLINE V ClampAbove(D d, V x, T hi) {
  const V vhi = hn::Set(d, hi);
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Gt(x, vhi), vhi, x);
#else
  return hn::Min(vhi, x);
#endif
}

// 2pq / (p^2 + q^2), which is tanh(2u) for p/q = tanh(u); rounding must not carry it above 1.
template <class D, class V>
HWY_INLINE V DoubleAngle(D d, V p, V q) {
  const V y = hn::Div(hn::Mul(p, hn::Add(q, q)), hn::MulAdd(p, p, hn::Mul(q, q)));
  return ClampAbove(d, y, hn::TFromD<D>{1});
}

// 2^k for integral k with a normal result. Adding 1.5 * 2^52 leaves the biased exponent in the low bits, and
// the shift drops everything above it.
template <class D, class V>
HWY_INLINE V Pow2(D d, V k) {
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  if constexpr (std::is_same_v<T, float>) {
    return hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, hn::Add(k, hn::Set(d, 12582912.0f + 127.0f)))));
  } else {
    return hn::BitCast(d, hn::ShiftLeft<52>(hn::BitCast(du, hn::Add(k, hn::Set(d, 6755399441055744.0 + 1023.0)))));
  }
}

}  // namespace detail
}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
