// sin, cos and tan of any finite argument.
//
// x = k pi/2 + r with |r| <= pi/4. For moderate x the first product of the reduction of Cody and Waite is exact
// with a fused multiply-add, so three constants of full precision reach far. Huge x: floats are reduced in double,
// doubles by the method of Payne and Hanek (1983), lane by lane.
#if defined(NNGPU_CPU_MATH_TRIG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_TRIG_INL_H_
#undef NNGPU_CPU_MATH_TRIG_INL_H_
#else
#define NNGPU_CPU_MATH_TRIG_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"
#include "backend/cpu/math/payne_hanek.h"
#include "backend/cpu/math/scale-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace detail {

// |x| = r + lo + q pi/2; only the two low bits of q count. lo is there for double only.
template <class D>
struct TrigReduced {
  hn::Vec<D> r;
  hn::Vec<D> lo;
  hn::Vec<hn::RebindToUnsigned<D>> q;
};

// Up to here the vector reduction below holds.
template <class T>
inline constexpr T kTrigSmall = std::is_same_v<T, float> ? T(131072.0f) : T(1073741824.0);

// Replaces the lanes of `red` whose |x| is beyond kTrigSmall.
template <class D>
HWY_NOINLINE void ReduceHugeLanes(D d, const double* HWY_RESTRICT a, TrigReduced<D>* HWY_RESTRICT red) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  const hn::RebindToUnsigned<D> du;
  HWY_ALIGN double r[kLanes], lo[kLanes];
  HWY_ALIGN uint64_t q[kLanes];
  hn::Store(red->r, d, r);
  hn::Store(red->lo, d, lo);
  hn::Store(red->q, du, q);
  for (size_t i = 0; i < hn::Lanes(d); ++i) {
    if (a[i] > kTrigSmall<double>) q[i] = reduce_pio2_huge(a[i], &r[i], &lo[i]);
  }
  red->r = hn::Load(d, r);
  red->lo = hn::Load(d, lo);
  red->q = hn::Load(du, q);
}

// a = |x|, at most kTrigSmall in float.
template <class D, class V>
HWY_INLINE TrigReduced<D> ReducePio2(D d, V a) {
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  const V k = hn::Round(hn::Mul(a, hn::Set(d, Pick<T>(tables::kTwoOverPiF32, tables::kTwoOverPiF64))));
  TrigReduced<D> red;
  // The low bits of k, as the low bits of the mantissa.
  red.q = hn::BitCast(du, hn::Add(k, hn::Set(d, Pick<T>(12582912.0f, 6755399441055744.0))));
  // a - k P1 is exact: both are multiples of the last place of P1 or of a, and the difference is below 1.
  const V t = FmaNeg(d, k, hn::Set(d, Pick<T>(tables::kPio2_1F32, tables::kPio2_1F64)), a);
  const V p2 = hn::Set(d, Pick<T>(tables::kPio2_2F32, tables::kPio2_2F64));
  const V p3 = hn::Set(d, Pick<T>(tables::kPio2_3F32, tables::kPio2_3F64));
  if constexpr (std::is_same_v<T, float>) {
    red.r = FmaNeg(d, k, p3, FmaNeg(d, k, p2, t));
    red.lo = hn::Zero(d);
  } else {
    const Pair<V> p = TwoProd(d, k, p2);
    const Pair<V> s = TwoSum(t, hn::Neg(p.hi));
    red.r = s.hi;
    red.lo = hn::NegMulAdd(k, p3, hn::Sub(s.lo, p.lo));
    const auto huge = hn::Gt(a, hn::Set(d, kTrigSmall<T>));
    if (HWY_UNLIKELY(!hn::AllFalse(d, huge))) {
      HWY_ALIGN double lanes[hn::MaxLanes(D())];
      hn::Store(a, d, lanes);
      ReduceHugeLanes(d, lanes, &red);
    }
  }
  return red;
}

// sin(r + lo) for |r| <= pi/4.
template <class D>
HWY_INLINE hn::Vec<D> SinSmall(D d, const TrigReduced<D>& red, hn::Vec<D> z) {
  using T = hn::TFromD<D>;
  const auto p = Poly(d, z, Pick<T>(tables::kSinF32, tables::kSinF64));
  const auto rz = hn::Mul(red.r, z);
  if constexpr (std::is_same_v<T, float>) {
    return hn::MulAdd(rz, p, red.r);
  } else {
    const auto lo = hn::NegMulAdd(hn::Mul(z, hn::Set(d, 0.5)), red.lo, red.lo);
    return hn::Add(red.r, hn::MulAdd(rz, p, lo));
  }
}

// cos(r + lo) for |r| <= pi/4.
template <class D>
HWY_INLINE hn::Vec<D> CosSmall(D d, const TrigReduced<D>& red, hn::Vec<D> z) {
  using T = hn::TFromD<D>;
  const auto p = Poly(d, z, Pick<T>(tables::kCosF32, tables::kCosF64));
  const auto one = hn::Set(d, T{1});
  const auto half = hn::Set(d, static_cast<T>(0.5));
  const auto w = hn::NegMulAdd(half, z, one);
  const auto z2 = hn::Mul(z, z);
  if constexpr (std::is_same_v<T, float>) {
    return hn::MulAdd(z2, p, w);
  } else {
    // What rounding 1 - z/2 lost.
    const auto lost = hn::NegMulAdd(half, z, hn::Sub(one, w));
    return hn::Add(w, hn::Add(lost, hn::MulSub(z2, p, hn::Mul(red.r, red.lo))));
  }
}

template <class D>
HWY_INLINE hn::Vec<D> SinReduced(D d, const TrigReduced<D>& red, hn::Vec<hn::RebindToUnsigned<D>> q,
                                 hn::Vec<D> sign) {
  constexpr int kTop = sizeof(hn::TFromD<D>) * 8 - 1;
  const auto z = hn::Mul(red.r, red.r);
  const auto odd = hn::BitCast(d, hn::ShiftLeft<kTop>(q));
  const auto y = IfSignBit(d, odd, CosSmall(d, red, z), SinSmall(d, red, z));
  const auto flip = hn::Xor(hn::BitCast(d, hn::ShiftLeft<kTop - 1>(q)), sign);
  return hn::Xor(y, hn::And(flip, hn::SignBit(d)));
}

template <class D>
HWY_INLINE hn::Vec<D> TanReduced(D d, const TrigReduced<D>& red, hn::Vec<D> sign) {
  constexpr int kTop = sizeof(hn::TFromD<D>) * 8 - 1;
  const auto z = hn::Mul(red.r, red.r);
  const auto odd = hn::BitCast(d, hn::ShiftLeft<kTop>(red.q));
  const auto s = SinSmall(d, red, z), c = CosSmall(d, red, z);
  const auto y = hn::Div(IfSignBit(d, odd, c, s), IfSignBit(d, odd, s, c));
  return hn::Xor(y, hn::And(hn::Xor(odd, sign), hn::SignBit(d)));
}

template <class D, class V>
HWY_INLINE V SinCore(D d, V x) {
  const auto red = ReducePio2(d, hn::Abs(x));
  return SinReduced(d, red, red.q, x);
}

template <class D, class V>
HWY_INLINE V CosCore(D d, V x) {
  const auto red = ReducePio2(d, hn::Abs(x));
  const hn::RebindToUnsigned<D> du;
  return SinReduced(d, red, hn::Add(red.q, hn::Set(du, 1)), hn::Zero(d));
}

template <class D, class V>
HWY_INLINE V TanCore(D d, V x) {
  return TanReduced(d, ReducePio2(d, hn::Abs(x)), x);
}

// Out of line, and through memory so that no vector crosses a call: taken only where a float lane is huge.
template <class D>
HWY_NOINLINE void SinHuge(D d, float* HWY_RESTRICT x) {
  hn::Store(InDouble(
                d, [](auto dd, auto v) HWY_ATTR { return SinCore(dd, v); }, hn::Load(d, x)),
            d, x);
}
template <class D>
HWY_NOINLINE void CosHuge(D d, float* HWY_RESTRICT x) {
  hn::Store(InDouble(
                d, [](auto dd, auto v) HWY_ATTR { return CosCore(dd, v); }, hn::Load(d, x)),
            d, x);
}
template <class D>
HWY_NOINLINE void TanHuge(D d, float* HWY_RESTRICT x) {
  hn::Store(InDouble(
                d, [](auto dd, auto v) HWY_ATTR { return TanCore(dd, v); }, hn::Load(d, x)),
            d, x);
}

template <class D, class V>
HWY_INLINE bool AnyHuge(D d, V x) {
  return !hn::AllFalse(d, hn::Gt(hn::Abs(x), hn::Set(d, kTrigSmall<hn::TFromD<D>>)));
}

}  // namespace detail

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sin(D d, V x) {
  if constexpr (std::is_same_v<hn::TFromD<D>, float>) {
    if (HWY_UNLIKELY(detail::AnyHuge(d, x))) {
      HWY_ALIGN float lanes[hn::MaxLanes(D())];
      hn::Store(x, d, lanes);
      detail::SinHuge(d, lanes);
      return hn::Load(d, lanes);
    }
  }
  return detail::SinCore(d, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cos(D d, V x) {
  if constexpr (std::is_same_v<hn::TFromD<D>, float>) {
    if (HWY_UNLIKELY(detail::AnyHuge(d, x))) {
      HWY_ALIGN float lanes[hn::MaxLanes(D())];
      hn::Store(x, d, lanes);
      detail::CosHuge(d, lanes);
      return hn::Load(d, lanes);
    }
  }
  return detail::CosCore(d, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tan(D d, V x) {
  if constexpr (std::is_same_v<hn::TFromD<D>, float>) {
    if (HWY_UNLIKELY(detail::AnyHuge(d, x))) {
      HWY_ALIGN float lanes[hn::MaxLanes(D())];
      hn::Store(x, d, lanes);
      detail::TanHuge(d, lanes);
      return hn::Load(d, lanes);
    }
  }
  return detail::TanCore(d, x);
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
