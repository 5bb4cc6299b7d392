// Mean and sum of squared deviations: pieces that stay in the first-level cache are read twice, first for their
// mean; pieces are merged by the rule of Chan, Golub and LeVeque (Updating formulae and a pairwise algorithm for
// computing sample variances, 1979).
#include <algorithm>

#include "backend/cpu/elementwise/reduce_kernels.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise/reduce_moments.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include <hwy/highway.h>

#include "backend/cpu/math/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {

HWY_INLINE void merge_moments(Partial& into, const Partial& other) {
  if (other.integer == 0) return;
  if (into.integer == 0) {
    into = other;
    return;
  }
  const auto a = static_cast<double>(into.integer), b = static_cast<double>(other.integer);
  // The means lie close together even where they are large.
  const double difference = other.real - into.real + (other.shift - into.shift), share = b / (a + b);
  // Means that are infinite stay so.
  into.real += difference - difference == 0 ? difference * share : other.real;
  into.error += other.error + difference * difference * (a * share);
  into.integer += other.integer;
}

// In four chains.
template <class D, class T>
HWY_INLINE double sum_of(D d, const T* x, size_t n) {
  const size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = hn::Add(s0, hn::LoadU(d, x + i));
    s1 = hn::Add(s1, hn::LoadU(d, x + i + lanes));
    s2 = hn::Add(s2, hn::LoadU(d, x + i + 2 * lanes));
    s3 = hn::Add(s3, hn::LoadU(d, x + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) s0 = hn::Add(s0, hn::LoadU(d, x + i));
  if (i < n) s1 = hn::Add(s1, load_part(d, x + i, static_cast<int64_t>(n - i), hn::Zero(d)));
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)))));
}

// The deviations are taken from the rounded mean, and their own mean corrects it: what they lose is of second
// order.
template <class T>
HWY_INLINE Partial piece_moments(const T* x, size_t n) {
  const hn::ScalableTag<T> d;
  const auto count = static_cast<double>(n);
  const double mean = sum_of(d, x, n) / count;
  if (!(mean - mean == 0)) return {mean, mean - mean, static_cast<int64_t>(n), 0};
  const auto center = hn::Set(d, static_cast<T>(mean));
  const size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), s1 = s0, q0 = s0, q1 = s0;
  const auto add = [center](auto v, auto& s, auto& q) HWY_ATTR {
    const auto deviation = hn::Sub(v, center);
    s = hn::Add(s, deviation);
    q = hn::MulAdd(deviation, deviation, q);
  };
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    add(hn::LoadU(d, x + i), s0, q0);
    add(hn::LoadU(d, x + i + lanes), s1, q1);
  }
  for (; i + lanes <= n; i += lanes) add(hn::LoadU(d, x + i), s0, q0);
  if (i < n) add(load_part(d, x + i, static_cast<int64_t>(n - i), center), s1, q1);
  const auto sum = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1))));
  const auto squares = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(q0, q1))));
  const double correction = sum / count;
  return {correction, std::max(squares - sum * correction, 0.0), static_cast<int64_t>(n),
          static_cast<double>(static_cast<T>(mean))};
}

template <class T>
void run_moments(Partial& partial, const void* x, size_t n) {
  const size_t piece = 64 * hn::Lanes(hn::ScalableTag<T>());
  const auto* from = static_cast<const T*>(x);
  for (size_t i = 0; i < n; i += piece) merge_moments(partial, piece_moments(from + i, std::min(piece, n - i)));
}

// Column by column, a row at a time (Welford 1962), of the differences from the first row: beside a large mean
// they keep their precision. All columns have seen as many rows.
template <class T>
void columns_moments(double* HWY_RESTRICT mean, double* HWY_RESTRICT squares, int64_t* HWY_RESTRICT count,
                     double* HWY_RESTRICT shift, const void* x, size_t n) {
  const auto* HWY_RESTRICT from = static_cast<const T*>(x);
  if (count[0] == 0) {
    for (size_t i = 0; i < n; ++i) {
      const auto value = static_cast<double>(from[i]);
      shift[i] = value - value == 0 ? value : 0;
    }
  }
  // Now and then the mean moves into the shift, without an error: what is added to it later rounds as the small
  // number that it then is.
  if (count[0] >= 16 && (count[0] & (count[0] - 1)) == 0) {
    for (size_t i = 0; i < n; ++i) {
      const double total = shift[i] + mean[i], part = total - shift[i];
      const double rest = (shift[i] - (total - part)) + (mean[i] - part);
      const bool finite = total - total == 0;
      shift[i] = finite ? total : shift[i];
      mean[i] = finite ? rest : mean[i];
    }
  }
  const double share = 1.0 / static_cast<double>(count[0] + 1);
  for (size_t i = 0; i < n; ++i) {
    const double value = static_cast<double>(from[i]) - shift[i], difference = value - mean[i];
    mean[i] += difference - difference == 0 ? difference * share : value;
    squares[i] += difference * (value - mean[i]);
    count[i] += 1;
  }
}

void combine_moments(Partial& into, const Partial& other) { merge_moments(into, other); }

ReduceKernels find_moments_kernels(DType type) {
  if (type == DType::F64)
    return {{}, true, run_moments<double>, nullptr, columns_moments<double>, combine_moments};
  return {{}, true, run_moments<float>, nullptr, columns_moments<float>, combine_moments};
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
HWY_EXPORT(find_moments_kernels);
ReduceKernels moments_kernels(DType type) { return HWY_DYNAMIC_DISPATCH(find_moments_kernels)(type); }
}  // namespace nngpu::cpu
#endif
