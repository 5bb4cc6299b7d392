// log, log2, log10 and log1p.
//
// x = 2^k (1 + f) with 1 + f in [3/4, 3/2), and log(1 + f) = f - g(f), where g is small enough for its rounding
// not to count. In double g comes from s = f / (2 + f) as in fdlibm (Sun, 1993): log(1 + f) = 2 atanh(s).
#if defined(NNGPU_CPU_MATH_LOG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_LOG_INL_H_
#undef NNGPU_CPU_MATH_LOG_INL_H_
#else
#define NNGPU_CPU_MATH_LOG_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"
#include "backend/cpu/math/scale-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

// f - log(1 + f) less `tail`, for -1/4 <= f <= 1/2. The tail joins where the terms are smallest.
template <class D, class V>
HWY_INLINE V LogDefect(D d, V f, V tail) {
  using T = hn::TFromD<D>;
  const V half = hn::Set(d, static_cast<T>(0.5));
  if constexpr (std::is_same_v<T, float>) {
    const V f2 = hn::Mul(f, f);
    const V p = Poly(d, f, tables::kLogFF32);
    return hn::MulSub(half, f2, hn::MulAdd(hn::Mul(f2, f), p, tail));
  } else {
    // 2s = f - s f, and s f = f^2/2 - s f^2/2.
    const V s = hn::Div(f, hn::Add(hn::Set(d, T{2}), f));
    const V hf2 = hn::Mul(half, hn::Mul(f, f));
    const V z = hn::Mul(s, s);
    const V r = hn::MulAdd(z, Poly(d, z, tables::kLogSF64), hf2);
    return hn::Sub(hf2, hn::MulAdd(s, r, tail));
  }
}

// k c_log(2) + c log(1 + f) for a base other than e: c in two parts, c_log(2) in two parts.
template <class D, class V, class T>
HWY_INLINE V LogBase(D d, V f, V k, T c_hi, T c_lo, T k_hi, T k_lo) {
  const V g = LogDefect(d, f, hn::Zero(d));
  const V chi = hn::Set(d, c_hi);
  const Pair<V> p = TwoProd(d, f, chi);
  // f is below 1/2, k whole: the sum below cannot lose digits of p when k is not 0.
  const V kh = hn::Mul(k, hn::Set(d, k_hi));
  const V head = hn::Add(kh, p.hi);
  const V lost = hn::Sub(p.hi, hn::Sub(head, kh));
  V tail = hn::MulAdd(f, hn::Set(d, c_lo), p.lo);
  tail = hn::MulAdd(k, hn::Set(d, k_lo), tail);
  tail = hn::Add(tail, lost);
  // Infinite k (AVX-512: x is 0 or inf) makes the tail NaN, and is then the answer itself.
  return hn::Add(head, hn::NegMulAdd(g, chi, tail));
}

}  // namespace detail

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log(D d, V x) {
  using T = hn::TFromD<D>;
  const auto split = detail::SplitExponent(d, x);
  const V f = hn::Sub(split.mantissa, hn::Set(d, T{1}));
  const V k = split.exponent;
  const V tail = hn::Mul(k, hn::Set(d, detail::Pick<T>(tables::kLn2LoF32, tables::kLn2LoF64)));
  const V g = detail::LogDefect(d, f, tail);
  const V ln2 = hn::Set(d, detail::Pick<T>(tables::kLn2HiF32, tables::kLn2HiF64));
  return detail::LogLimits(d, x, hn::MulAdd(k, ln2, hn::Sub(f, g)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log2(D d, V x) {
  using T = hn::TFromD<D>;
  const auto split = detail::SplitExponent(d, x);
  const V f = hn::Sub(split.mantissa, hn::Set(d, T{1}));
  const V y = detail::LogBase(d, f, split.exponent, detail::Pick<T>(tables::kLog2EHiF32, tables::kLog2EHiF64),
                              detail::Pick<T>(tables::kLog2ELoF32, tables::kLog2ELoF64), T{1}, T{0});
  return detail::LogLimits(d, x, hn::IfThenElse(hn::IsInf(split.exponent), split.exponent, y));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log10(D d, V x) {
  using T = hn::TFromD<D>;
  const auto split = detail::SplitExponent(d, x);
  const V f = hn::Sub(split.mantissa, hn::Set(d, T{1}));
  const V y = detail::LogBase(d, f, split.exponent, detail::Pick<T>(tables::kLog10EHiF32, tables::kLog10EHiF64),
                              detail::Pick<T>(tables::kLog10ELoF32, tables::kLog10ELoF64),
                              detail::Pick<T>(tables::kLog10Of2HiF32, tables::kLog10Of2HiF64),
                              detail::Pick<T>(tables::kLog10Of2LoF32, tables::kLog10Of2LoF64));
  return detail::LogLimits(d, x, hn::IfThenElse(hn::IsInf(split.exponent), split.exponent, y));
}

// log(1 + x): what rounding 1 + x lost comes back as a correction, relative to 1 + x, in the tail.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1p(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T{1});
  const V u = hn::Add(one, x);
  const auto split = detail::SplitExponent(d, u);
  const V k = split.exponent;
  const auto plain = hn::Eq(k, hn::Zero(d));
  const V f = hn::IfThenElse(plain, x, hn::Sub(split.mantissa, one));
  // u = fl(1 + x); the lost part is x - (u - 1) or, for x > 1, 1 - (u - x); to a few digits, divided by u.
  const V big = hn::Max(x, one), small = hn::Min(x, one);
  const V lost = hn::Sub(small, hn::Sub(u, big));
  const V c = hn::IfThenElse(plain, hn::Zero(d), hn::Div(lost, u));
  const V ln2_lo = hn::Set(d, detail::Pick<T>(tables::kLn2LoF32, tables::kLn2LoF64));
  const V g = detail::LogDefect(d, f, hn::MulAdd(k, ln2_lo, c));
  const V ln2_hi = hn::Set(d, detail::Pick<T>(tables::kLn2HiF32, tables::kLn2HiF64));
  const V y = detail::LogLimits(d, u, hn::MulAdd(k, ln2_hi, hn::Sub(f, g)));
  // 1 + x = 0 and 1 + x = inf make the correction NaN; also keep the sign of zero.
  const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
  const V edge = hn::IfThenElse(hn::Eq(u, hn::Zero(d)), hn::Neg(inf), x);
  const auto at_edge = hn::Or(hn::Or(hn::Eq(u, hn::Zero(d)), hn::Eq(u, inf)), hn::Eq(x, hn::Zero(d)));
  return hn::IfThenElse(at_edge, edge, y);
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
