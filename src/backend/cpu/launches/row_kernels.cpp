// Kernels of rows.
#include <algorithm>

#include "backend/cpu/launches/rows.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/launches/row_kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include <hwy/highway.h>

#include "backend/cpu/math/exp-inl.h"
#include "backend/cpu/math/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kSumBlock = 512;  // elements summed in vector lanes before they go to a double

// f(load) over the vectors of a row, of which the last may be partial: load(x) gives a vector of a row whose
// missing lanes are zero, store(v, y) writes one.
template <class D, class T = hn::TFromD<D>>
struct Whole {
  D d;
  int64_t at;
  HWY_INLINE hn::Vec<D> load(const T* x) const { return hn::LoadU(d, x + at); }
  HWY_INLINE void store(hn::Vec<D> v, T* y) const { hn::StoreU(v, d, y + at); }
};
template <class D, class T = hn::TFromD<D>>
struct Part {
  D d;
  int64_t at, n;
  HWY_INLINE hn::Vec<D> load(const T* x) const { return load_part(d, x + at, n, hn::Zero(d)); }
  HWY_INLINE void store(hn::Vec<D> v, T* y) const { store_part(d, v, y + at, n); }
};
template <class T, class F>
HWY_INLINE void for_vectors(int64_t begin, int64_t end, const F& f) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) f(Whole<decltype(d)>{d, i});
  if (i < end) f(Part<decltype(d)>{d, i, end - i});
}

template <class D>
HWY_INLINE double total(D d, hn::Vec<D> v) {
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(d, v)));
}

template <class T>
double squares_of(const T* x, int64_t n) {
  const hn::ScalableTag<T> d;
  double sum = 0;
  for (int64_t start = 0; start < n; start += kSumBlock) {
    auto s = hn::Zero(d);
    for_vectors<T>(start, std::min(n, start + kSumBlock), [&](auto part) HWY_ATTR {
      const auto v = part.load(x);
      s = hn::MulAdd(v, v, s);
    });
    sum += total(d, s);
  }
  return sum;
}

// (x - mean) * scale; what rounding takes from the mean comes back in `rest`.
template <class T>
struct Centered {
  using D = hn::ScalableTag<T>;
  hn::Vec<D> mean, scale, rest;
  explicit Centered(const RowStatistics& s)
      : mean(hn::Set(D(), static_cast<T>(s.mean))),
        scale(hn::Set(D(), static_cast<T>(s.scale))),
        rest(hn::Set(D(), static_cast<T>((static_cast<double>(static_cast<T>(s.mean)) - s.mean) * s.scale))) {}
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const { return hn::MulAdd(hn::Sub(x, mean), scale, rest); }
};

template <class T>
void normalize(const RowStatistics& s, int64_t n, const T* x, const T* weight, const T* bias, T* y) {
  const Centered<T> centered(s);
  if (weight != nullptr && bias != nullptr) {
    for_vectors<T>(0, n, [&](auto part) HWY_ATTR {
      part.store(hn::MulAdd(centered(part.load(x)), part.load(weight), part.load(bias)), y);
    });
    return;
  }
  for_vectors<T>(0, n, [&](auto part) HWY_ATTR {
    auto v = centered(part.load(x));
    if (weight != nullptr) v = hn::Mul(v, part.load(weight));
    if (bias != nullptr) v = hn::Add(v, part.load(bias));
    part.store(v, y);
  });
}

template <class T>
void normalize_gradient(const RowStatistics& s, bool centered, int64_t n, const T* g, const T* x, const T* weight,
                        T* dx) {
  const hn::ScalableTag<T> d;
  const Centered<T> normalized(s);
  double sum = 0, products = 0;
  const auto weighted = [&](auto part) HWY_ATTR {
    const auto v = part.load(g);
    return weight != nullptr ? hn::Mul(v, part.load(weight)) : v;
  };
  for (int64_t start = 0; start < n; start += kSumBlock) {
    auto s0 = hn::Zero(d), s1 = s0;
    for_vectors<T>(start, std::min(n, start + kSumBlock), [&](auto part) HWY_ATTR {
      const auto v = weighted(part);
      s0 = hn::Add(s0, v);
      s1 = hn::MulAdd(v, normalized(part.load(x)), s1);
    });
    sum += total(d, s0);
    products += total(d, s1);
  }
  const auto mean = hn::Set(d, static_cast<T>(centered ? sum / static_cast<double>(n) : 0.0));
  const auto slope = hn::Set(d, static_cast<T>(products / static_cast<double>(n)));
  for_vectors<T>(0, n, [&](auto part) HWY_ATTR {
    const auto rest = hn::Sub(weighted(part), mean);
    part.store(hn::Mul(hn::NegMulAdd(normalized(part.load(x)), slope, rest), normalized.scale), dx);
  });
}

template <class T>
void softmax_gradient(bool log, int64_t n, const T* g, const T* y, T* dx) {
  const hn::ScalableTag<T> d;
  double sum = 0;
  for (int64_t start = 0; start < n; start += kSumBlock) {
    auto s = hn::Zero(d);
    for_vectors<T>(start, std::min(n, start + kSumBlock), [&](auto part) HWY_ATTR {
      s = log ? hn::Add(s, part.load(g)) : hn::MulAdd(part.load(g), part.load(y), s);
    });
    sum += total(d, s);
  }
  const auto shift = hn::Set(d, static_cast<T>(sum));
  for_vectors<T>(0, n, [&](auto part) HWY_ATTR {
    const auto v = part.load(g), at = part.load(y);
    part.store(log ? hn::NegMulAdd(Exp(d, at), shift, v) : hn::Mul(hn::Sub(v, shift), at), dx);
  });
}

template <class T>
void attention_gradient(int64_t n, T lse, T delta, T* scores, T* slope) {
  const hn::ScalableTag<T> d;
  const auto shift = hn::Set(d, lse), taken = hn::Set(d, delta);
  for_vectors<T>(0, n, [&](auto part) HWY_ATTR {
    const auto weight = Exp(d, hn::Sub(part.load(scores), shift));
    part.store(hn::Mul(weight, hn::Sub(part.load(slope), taken)), slope);
    part.store(weight, scores);
  });
}

#define NNGPU_ROW_KERNELS(T, name)                                                                             \
  double squares_##name(const T* x, int64_t n) { return squares_of(x, n); }                                    \
  void normalize_##name(const RowStatistics& s, int64_t n, const T* x, const T* weight, const T* bias, T* y) { \
    normalize(s, n, x, weight, bias, y);                                                                       \
  }                                                                                                            \
  void normalize_gradient_##name(const RowStatistics& s, bool centered, int64_t n, const T* g, const T* x,     \
                                 const T* weight, T* dx) {                                                     \
    normalize_gradient(s, centered, n, g, x, weight, dx);                                                      \
  }                                                                                                            \
  void softmax_gradient_##name(bool log, int64_t n, const T* g, const T* y, T* dx) {                           \
    softmax_gradient(log, n, g, y, dx);                                                                        \
  }                                                                                                            \
  void attention_gradient_##name(int64_t n, T lse, T delta, T* scores, T* slope) {                             \
    attention_gradient(n, lse, delta, scores, slope);                                                          \
  }
NNGPU_ROW_KERNELS(float, f32)
NNGPU_ROW_KERNELS(double, f64)
#undef NNGPU_ROW_KERNELS

}  // namespace
}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
#define NNGPU_ROW_KERNELS(T, name)                                                                          \
  HWY_EXPORT(squares_##name);                                                                               \
  HWY_EXPORT(normalize_##name);                                                                             \
  HWY_EXPORT(normalize_gradient_##name);                                                                    \
  HWY_EXPORT(softmax_gradient_##name);                                                                      \
  HWY_EXPORT(attention_gradient_##name);                                                                    \
  template <>                                                                                               \
  double sum_of_squares(const T* x, int64_t n) {                                                            \
    return HWY_DYNAMIC_DISPATCH(squares_##name)(x, n);                                                      \
  }                                                                                                         \
  template <>                                                                                               \
  void normalize_row(const RowStatistics& s, int64_t n, const T* x, const T* weight, const T* bias, T* y) { \
    HWY_DYNAMIC_DISPATCH(normalize_##name)(s, n, x, weight, bias, y);                                       \
  }                                                                                                         \
  template <>                                                                                               \
  void normalize_row_gradient(const RowStatistics& s, bool centered, int64_t n, const T* g, const T* x,     \
                              const T* weight, T* dx) {                                                     \
    HWY_DYNAMIC_DISPATCH(normalize_gradient_##name)(s, centered, n, g, x, weight, dx);                      \
  }                                                                                                         \
  template <>                                                                                               \
  void softmax_row_gradient(bool log, int64_t n, const T* g, const T* y, T* dx) {                           \
    HWY_DYNAMIC_DISPATCH(softmax_gradient_##name)(log, n, g, y, dx);                                        \
  }                                                                                                         \
  template <>                                                                                               \
  void attention_row_gradient(int64_t n, T lse, T delta, T* scores, T* slope) {                             \
    HWY_DYNAMIC_DISPATCH(attention_gradient_##name)(n, lse, delta, scores, slope);                          \
  }
NNGPU_ROW_KERNELS(float, f32)
NNGPU_ROW_KERNELS(double, f64)
#undef NNGPU_ROW_KERNELS
}  // namespace nngpu::cpu
#endif
