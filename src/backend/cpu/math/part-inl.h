// Vectors that are partly filled: the end of a row.
#if defined(NNGPU_CPU_MATH_PART_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_PART_INL_H_
#undef NNGPU_CPU_MATH_PART_INL_H_
#else
#define NNGPU_CPU_MATH_PART_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// n elements, fewer than a vector holds; the lanes past them are those of `rest`. Nothing past them is touched.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_part(D d, const T* x, int64_t n, hn::Vec<D> rest) {
#if HWY_TARGET <= HWY_AVX2  // masked loads do not touch what is masked
  const auto mask = hn::FirstN(d, static_cast<size_t>(n));
  return hn::IfThenElse(mask, hn::MaskedLoad(mask, d, x), rest);
#else
  HWY_ALIGN T lanes[HWY_LANES(T)];
  hn::Store(rest, d, lanes);
  std::memcpy(lanes, x, static_cast<size_t>(n) * sizeof(T));
  return hn::Load(d, lanes);
#endif
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_part(D d, hn::Vec<D> v, T* y, int64_t n) {
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(n)), d, y);
#else
  HWY_ALIGN T lanes[HWY_LANES(T)];
  hn::Store(v, d, lanes);
  std::memcpy(y, lanes, static_cast<size_t>(n) * sizeof(T));
#endif
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // NNGPU_CPU_MATH_PART_INL_H_
