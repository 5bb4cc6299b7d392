// Remainders: C's fmod, and the one that takes the sign of the divisor.
#if defined(NNGPU_CPU_MATH_MOD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_MOD_INL_H_
#undef NNGPU_CPU_MATH_MOD_INL_H_
#else
#define NNGPU_CPU_MATH_MOD_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

template <class D, class T>
HWY_NOINLINE void FmodLanes(D d, T* HWY_RESTRICT x, const T* HWY_RESTRICT y) {
  for (size_t i = 0; i < hn::Lanes(d); ++i) x[i] = std::fmod(x[i], y[i]);
}

}  // namespace detail

// x - trunc(x / y) y, exact. A quotient below 2^53 (2^24) is off by one at most, and the product with it exact in
// a fused multiply-add; anything larger, zero divisors and NaN go lane by lane through the C library.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Fmod(D d, V x, V y) {
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x), b = hn::Abs(y);
  const V q = hn::Trunc(hn::Div(a, b));
  if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Lt(q, hn::Set(d, detail::Pick<T>(0x1p23f, 0x1p52)))))) {
    HWY_ALIGN T lx[hn::MaxLanes(D())], ly[hn::MaxLanes(D())];
    hn::Store(x, d, lx);
    hn::Store(y, d, ly);
    detail::FmodLanes(d, lx, ly);
    return hn::Load(d, lx);
  }
  V r = detail::FmaNeg(d, q, b, a);
  r = hn::IfThenElse(hn::Lt(r, hn::Zero(d)), hn::Add(r, b), r);
  r = hn::IfThenElse(hn::Ge(r, b), hn::Sub(r, b), r);
  r = hn::IfThenElse(hn::Eq(q, hn::Zero(d)), a, r);  // y may be infinite
  return hn::CopySign(r, x);
}

// x - floor(x / y) y: the sign of y, also on a zero.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V FloorMod(D d, V x, V y) {
  const V zero = hn::Zero(d);
  const V r = Fmod(d, x, y);
  const auto apart = hn::Xor(hn::Lt(r, zero), hn::Lt(y, zero));
  const V moved = hn::IfThenElse(apart, hn::Add(r, y), r);
  return hn::IfThenElse(hn::Eq(r, zero), hn::CopySign(r, y), moved);
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
