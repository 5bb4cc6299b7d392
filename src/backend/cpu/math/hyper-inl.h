// sinh, cosh, tanh and their inverses.
//
// sinh and cosh split x = k ln 2 + r and use the addition theorems: sinh and cosh of k ln 2 are sums of two powers
// of two, so that neither a division nor a cancellation for small x occurs.
#if defined(NNGPU_CPU_MATH_HYPER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_HYPER_INL_H_
#undef NNGPU_CPU_MATH_HYPER_INL_H_
#else
#define NNGPU_CPU_MATH_HYPER_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"
#include "backend/cpu/math/exp-inl.h"
#include "backend/cpu/math/log-inl.h"
#include "backend/cpu/math/scale-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

// The parts of |x|: sinh(r), cosh(r) - 1, and 1 -+ 2^-2k, which are 2^(1-k) sinh(k ln 2) and 2^(1-k) cosh(k ln 2).
template <class V>
struct HyperParts {
  V sinh_r, cosh_r1;
  V minus, plus;
  V k;
};

template <class D, class V>
HWY_INLINE HyperParts<V> HyperReduce(D d, V x) {
  using T = hn::TFromD<D>;
  // A little beyond the overflow of sinh and cosh, at ln(2 max).
  const V a = ClampAbove(d, hn::Abs(x), Pick<T>(90.0f, 711.0));
  const auto red = ReduceLn2(d, a);
  const V z = hn::Mul(red.r, red.r);
  HyperParts<V> h;
  h.sinh_r = hn::MulAdd(hn::Mul(red.r, z), Poly(d, z, Pick<T>(tables::kSinhF32, tables::kSinhF64)), red.r);
  h.cosh_r1 = hn::Mul(z, Poly(d, z, Pick<T>(tables::kCoshF32, tables::kCoshF64)));
  const V twice = ClampAbove(d, hn::Add(red.k, red.k), Pick<T>(100.0f, 200.0));
  const V q = Pow2(d, hn::Neg(twice));
  const V one = hn::Set(d, T{1});
  h.minus = hn::Sub(one, q);
  h.plus = hn::Add(one, q);
  h.k = hn::Sub(red.k, one);
  return h;
}

}  // namespace detail

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sinh(D d, V x) {
  const auto h = detail::HyperReduce(d, x);
  const V small = hn::MulAdd(h.minus, h.cosh_r1, hn::Mul(h.plus, h.sinh_r));
  // Scaling by 1/2 comes before the last exponent, which must stay exact for subnormal results: for k = 0 the sum
  // is 2 sinh(r).
  return hn::CopySign(detail::Scale(d, hn::Add(h.minus, small), h.k), x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cosh(D d, V x) {
  const auto h = detail::HyperReduce(d, x);
  const V small = hn::MulAdd(h.plus, h.cosh_r1, hn::Mul(h.minus, h.sinh_r));
  return detail::Scale(d, hn::Add(h.plus, small), h.k);
}

// float: rational. double: t / (t + 2) with t = exp(2|x|) - 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tanh(D d, V x) {
  using T = hn::TFromD<D>;
  if constexpr (std::is_same_v<T, float>) {
    // Evaluates to 1 here, where tanh rounds to 1.
    const V a = detail::ClampAbove(d, hn::Abs(x), 9.011f);
    const V z = hn::Mul(a, a);
    const V p = hn::Mul(a, detail::Poly(d, z, tables::kTanhPF32));
    return hn::CopySign(detail::DoubleAngle(d, p, detail::Poly(d, z, tables::kTanhQF32)), x);
  } else {
    const V a = detail::ClampAbove(d, hn::Abs(x), 20.0);
    const V t = Expm1(d, hn::Add(a, a));
    return hn::CopySign(hn::Div(t, hn::Add(t, hn::Set(d, 2.0))), x);
  }
}

// log1p(a + a^2 / (1 + sqrt(1 + a^2))); log(2a) where a^2 would overflow.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Asinh(D d, V x) {
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x);
  const V one = hn::Set(d, T{1});
  const auto big = hn::Gt(a, hn::Set(d, detail::Pick<T>(0x1p60f, 0x1p500)));
  const V a2 = hn::Mul(a, a);
  const V t = hn::Div(a, hn::Add(one, hn::Sqrt(hn::Add(one, a2))));
  const V arg = hn::IfThenElse(big, a, hn::MulAdd(a, t, a));
  const V ln2 = hn::Set(d, detail::Pick<T>(0.69314718f, 0.6931471805599453));
  return hn::CopySign(hn::Add(Log1p(d, arg), hn::IfThenElseZero(big, ln2)), x);
}

// log1p(t + sqrt(2t + t^2)) with t = x - 1; log(2x) where the square would overflow. NaN below 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Acosh(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T{1});
  const V t = hn::Sub(x, one);
  const auto big = hn::Gt(x, hn::Set(d, detail::Pick<T>(0x1p60f, 0x1p500)));
  const V arg = hn::IfThenElse(big, x, hn::Add(t, hn::Sqrt(hn::MulAdd(t, t, hn::Add(t, t)))));
  const V ln2 = hn::Set(d, detail::Pick<T>(0.69314718f, 0.6931471805599453));
  const V y = hn::Add(Log1p(d, arg), hn::IfThenElseZero(big, ln2));
  return hn::IfThenElse(hn::Lt(x, one), hn::Set(d, std::numeric_limits<T>::quiet_NaN()), y);
}

// log1p(2a / (1 - a)) / 2.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atanh(D d, V x) {
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x);
  const V one = hn::Set(d, T{1});
  const V q = hn::Div(hn::Add(a, a), hn::Sub(one, a));
  const V y = hn::Mul(Log1p(d, q), hn::Set(d, static_cast<T>(0.5)));
  const V nan = hn::Set(d, std::numeric_limits<T>::quiet_NaN());
  return hn::CopySign(hn::IfThenElse(hn::Gt(a, one), nan, y), x);
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
