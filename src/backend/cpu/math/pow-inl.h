// Powers and roots: pow, cbrt, reciprocal square root, hypot.
#if defined(NNGPU_CPU_MATH_POW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_POW_INL_H_
#undef NNGPU_CPU_MATH_POW_INL_H_
#else
#define NNGPU_CPU_MATH_POW_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"
#include "backend/cpu/math/exp-inl.h"
#include "backend/cpu/math/log-inl.h"
#include "backend/cpu/math/scale-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

// log(x) to about 66 bits, for positive finite x: pow multiplies the error by up to 745. The series is that of
// 2 atanh(s), s = f / (2 + f), with s, s^2, the coefficient of s^3 and the sum in two parts each.
template <class D, class V>
HWY_INLINE Pair<V> LogPair(D d, V x) {
  const V one = hn::Set(d, 1.0), two = hn::Set(d, 2.0);
  const auto split = SplitExponent(d, x);
  const V f = hn::Sub(split.mantissa, one);
  const Pair<V> den = FastTwoSum(two, f);
  const V inv = hn::Div(one, den.hi);
  const V s = hn::Mul(f, inv);
  const V rem = hn::NegMulAdd(s, den.lo, FmaNeg(d, s, den.hi, f));
  const V s_lo = hn::Mul(rem, inv);

  Pair<V> z = TwoProd(d, s, s);
  z.lo = hn::MulAdd(hn::Add(s, s), s_lo, z.lo);
  const V q = Poly(d, z.hi, tables::kLogDDF64);
  Pair<V> a = FastTwoSum(hn::Set(d, 1.0 / 3.0), hn::Mul(z.hi, q));
  a.lo = hn::Add(hn::MulAdd(z.lo, hn::Set(d, tables::kLogDDF64[0]), hn::Set(d, tables::kThirdLoF64)), a.lo);
  Pair<V> p = TwoProd(d, z.hi, a.hi);
  p.lo = hn::Add(p.lo, hn::MulAdd(z.hi, a.lo, hn::Mul(z.lo, a.hi)));
  Pair<V> t = TwoProd(d, s, p.hi);
  t.lo = hn::Add(t.lo, hn::MulAdd(s, p.lo, hn::Mul(s_lo, p.hi)));
  Pair<V> y = FastTwoSum(s, t.hi);
  y.lo = hn::Add(y.lo, hn::Add(s_lo, t.lo));

  const V k = split.exponent;
  Pair<V> sum = TwoSum(hn::Mul(k, hn::Set(d, tables::kLn2HiF64)), hn::Add(y.hi, y.hi));
  sum.lo = hn::Add(sum.lo, hn::MulAdd(k, hn::Set(d, tables::kLn2LoF64), hn::Add(y.lo, y.lo)));
  return FastTwoSum(sum.hi, sum.lo);
}

// 2^70 is beyond what moves any a but 1 over the limits.
inline constexpr double kPowMaxExponent = 0x1p70;

// a^y for a > 0.
template <class D, class V>
HWY_INLINE V PowPositive(D d, V a, V y) {
  y = Clamp(d, y, -kPowMaxExponent, kPowMaxExponent);
  const Pair<V> l = LogPair(d, a);
  Pair<V> p = TwoProd(d, y, l.hi);
  p.lo = hn::MulAdd(y, l.lo, p.lo);
  const V hi = Clamp(d, p.hi, kExpMin<double>, kExpMax<double>);
  const V lo = hn::IfThenElseZero(hn::Eq(hi, p.hi), p.lo);
  const auto e = ExpPair(d, hi, lo);
  return Scale(d, e.e, e.k);
}

// The same to float precision: polynomials as short as that allows.
template <class D, class V>
HWY_INLINE V PowPositiveShort(D d, V a, V y) {
  const V one = hn::Set(d, 1.0);
  const auto split = SplitExponent(d, a);
  const V f = hn::Sub(split.mantissa, one);
  const V s = hn::Div(f, hn::Add(hn::Set(d, 2.0), f));
  const V z = hn::Mul(s, s);
  const V m = hn::MulAdd(hn::Mul(s, z), Poly(d, z, tables::kLogPowF64), hn::Add(s, s));
  const V ln2 = hn::Set(d, tables::kLn2HiF64 + tables::kLn2LoF64);
  const V l = hn::MulAdd(split.exponent, ln2, m);
  const V x = Clamp(d, hn::Mul(l, y), -110.0, 90.0);
  const V k = hn::Round(hn::Mul(x, hn::Set(d, tables::kLog2EHiF64)));
  const V r = hn::NegMulAdd(k, ln2, x);
  const V e = hn::MulAdd(hn::Mul(r, r), Poly(d, r, tables::kExpF32), r);
  return hn::Mul(hn::Add(one, e), Pow2(d, k));  // never subnormal in double
}

// IEEE 754 pow: r is the power of |x|, where that is finite and not 0 and y finite; this adds the rest.
template <class D, class V>
HWY_INLINE V PowSpecial(D d, V x, V y, V r) {
  using T = hn::TFromD<D>;
  const V zero = hn::Zero(d), one = hn::Set(d, T{1});
  const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
  const V nan = hn::Set(d, std::numeric_limits<T>::quiet_NaN());
  const V a = hn::Abs(x);

  // 0, inf, or a^inf: the result is 0 or inf. 1^inf = 1 stays; NaN is seen to below.
  const auto a_one = hn::Eq(a, one);
  const auto y_inf = hn::Eq(hn::Abs(y), inf);
  const auto extreme = hn::Or(hn::Or(hn::Eq(a, zero), hn::Eq(a, inf)), y_inf);
  const auto up = hn::Xor(hn::Gt(a, one), hn::Lt(y, zero));
  r = hn::IfThenElse(extreme, hn::IfThenElseZero(up, inf), r);
  r = hn::IfThenElse(a_one, one, r);

  // Negative x: a sign for odd y, NaN for y that is not whole unless the magnitude is 0 or inf because x is.
  const V half_y = hn::Mul(y, hn::Set(d, static_cast<T>(0.5)));
  const auto whole = hn::Eq(hn::Round(y), y);
  const auto odd = hn::AndNot(hn::Eq(hn::Round(half_y), half_y), whole);
  const V sign = hn::And(x, hn::SignBit(d));
  r = hn::Or(r, hn::IfThenElseZero(odd, sign));
  const auto finite_negative = hn::And(hn::Lt(x, zero), hn::Lt(a, inf));
  r = hn::IfThenElse(hn::AndNot(whole, finite_negative), nan, r);

  r = hn::IfThenElse(hn::Or(hn::IsNaN(x), hn::IsNaN(y)), nan, r);
  return hn::IfThenElse(hn::Or(hn::Eq(y, zero), hn::Eq(x, one)), one, r);
}

// The nearest integer to k / 3 for integral k, |k| < 2^12.
template <class D, class V>
HWY_INLINE V RoundThird(D d, V k) {
  using T = hn::TFromD<D>;
  return hn::Round(hn::Mul(k, hn::Set(d, static_cast<T>(1.0 / 3.0))));
}

}  // namespace detail

// x^y with the special cases of IEEE 754. Floats are computed in double.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Pow(D d, V x, V y) {
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x);
  V r;
  if constexpr (std::is_same_v<T, float>) {
    r = detail::InDouble(
        d, [](auto dd, auto u, auto v) HWY_ATTR { return detail::PowPositiveShort(dd, u, v); }, a, y);
  } else {
    r = detail::PowPositive(d, a, y);
  }
  // Mostly all x are positive and nothing is infinite.
  const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
  const auto x_plain = hn::And(hn::Gt(x, hn::Zero(d)), hn::Lt(x, inf));
  if (HWY_LIKELY(hn::AllTrue(d, hn::And(x_plain, hn::Lt(hn::Abs(y), inf))))) return r;
  return detail::PowSpecial(d, x, y, r);
}

// x = m 2^(3q + i) with i in {-1, 0, 1}. w = (m 2^i)^(-1/3) from a polynomial and one step of third order (no
// division), then (m 2^i) w^2 with a step of Newton's whose residual is computed with a fused multiply-add.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cbrt(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T{1});
  const V a = hn::Abs(x);
  const auto split = detail::SplitExponent(d, a);
  // The mantissa is in [3/4, 3/2); the table covers [3/4, 3/2) as well.
  const V m = split.mantissa;
  const V q = detail::RoundThird(d, split.exponent);
  const V i = hn::NegMulAdd(hn::Set(d, T{3}), q, split.exponent);
  const auto up = hn::Gt(i, hn::Zero(d)), down = hn::Lt(i, hn::Zero(d));
  const V b =
      hn::Mul(m, hn::IfThenElse(up, hn::Set(d, T{2}), hn::IfThenElse(down, hn::Set(d, static_cast<T>(0.5)), one)));
  V w = detail::Poly(d, m, detail::Pick<T>(tables::kCbrtInvF32, tables::kCbrtInvF64));
  w = hn::Mul(w,
              hn::IfThenElse(up, hn::Set(d, static_cast<T>(tables::kCbrtHalfF64)),
                             hn::IfThenElse(down, hn::Set(d, static_cast<T>(1.0 / tables::kCbrtHalfF64)), one)));
  const V w2 = hn::Mul(w, w);
  const V e = hn::NegMulAdd(hn::Mul(b, w), w2, one);
  const V step = hn::MulAdd(e, hn::Set(d, static_cast<T>(2.0 / 9.0)), hn::Set(d, static_cast<T>(1.0 / 3.0)));
  w = hn::MulAdd(hn::Mul(w, e), step, w);
  const V ww = hn::Mul(w, w);
  V t = hn::Mul(b, ww);
  const detail::Pair<V> t2 = detail::TwoProd(d, t, t);
  const V excess = hn::MulAdd(t2.lo, t, detail::Fma(d, t2.hi, t, hn::Neg(b)));
  t = hn::NegMulAdd(excess, hn::Mul(ww, hn::Set(d, static_cast<T>(1.0 / 3.0))), t);
  const V y = detail::Scale(d, t, q);
  const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
  const auto plain = hn::And(hn::Gt(a, hn::Zero(d)), hn::Lt(a, inf));
  return hn::IfThenElse(plain, hn::CopySign(y, x), x);
}

// 1 / sqrt(x) within 1.5 units in the last place. AVX-512 starts from an estimate of 14 bits: with e = 1 - x w^2,
// w grows by w e (1/2 + 3/8 e), a step of third order; elsewhere by definition.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Rsqrt(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T{1});
#if NNGPU_MATH_AVX512
  const V half = hn::Set(d, static_cast<T>(0.5)), three_eighths = hn::Set(d, static_cast<T>(0.375));
  const V w0 = detail::RsqrtEstimate(x);
  V w = w0;
  if constexpr (std::is_same_v<T, double>) {
    const V e = hn::NegMulAdd(hn::Mul(x, w), w, one);
    w = hn::MulAdd(hn::Mul(w, e), hn::MulAdd(e, three_eighths, half), w);
  }
  // The last step is exact to first order: what rounding x w lost counts in the residual.
  const V xw = hn::Mul(x, w);
  const V lost = hn::MulSub(x, w, xw);
  const V e = hn::NegMulAdd(lost, w, hn::NegMulAdd(xw, w, one));
  w = hn::MulAdd(hn::Mul(w, e), hn::MulAdd(e, three_eighths, half), w);
  return hn::IfThenElse(hn::IsNaN(w), w0, w);  // 0 and inf
#else
  return hn::Div(one, hn::Sqrt(x));
#endif
}

// sqrt(x^2 + y^2) without overflow or underflow on the way.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Hypot(D d, V x, V y) {
  using T = hn::TFromD<D>;
  const V ax = hn::Abs(x), ay = hn::Abs(y);
  const V one = hn::Set(d, T{1});
  const auto larger = hn::Gt(ax, ay);
  const V a = hn::IfThenElse(larger, ax, ay), b = hn::IfThenElse(larger, ay, ax);
  const auto huge = hn::Gt(a, hn::Set(d, detail::Pick<T>(0x1p60f, 0x1p500)));
  const auto tiny = hn::Lt(a, hn::Set(d, detail::Pick<T>(0x1p-40f, 0x1p-400)));
  const V down = hn::Set(d, detail::Pick<T>(0x1p-70f, 0x1p-600)),
          down_back = hn::Set(d, detail::Pick<T>(0x1p70f, 0x1p600));
  const V up = hn::Set(d, detail::Pick<T>(0x1p100f, 0x1p700)),
          up_back = hn::Set(d, detail::Pick<T>(0x1p-100f, 0x1p-700));
  const V scale = hn::IfThenElse(huge, down, hn::IfThenElse(tiny, up, one));
  const V back = hn::IfThenElse(huge, down_back, hn::IfThenElse(tiny, up_back, one));
  const V sa = hn::Mul(a, scale), sb = hn::Mul(b, scale);
  const V r = hn::Mul(hn::Sqrt(hn::MulAdd(sa, sa, hn::Mul(sb, sb))), back);
  // An infinite side wins over NaN.
  const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
  return hn::IfThenElse(hn::Or(hn::Eq(ax, inf), hn::Eq(ay, inf)), inf, r);
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
