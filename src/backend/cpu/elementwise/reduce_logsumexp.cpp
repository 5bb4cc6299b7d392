// The logarithm of a sum of exponentials in one pass: the largest element so far, and the sum relative to it
// (Milakov and Gimelshein: Online normalizer calculation for softmax, 2018).
//
// Elements equal to the largest count as 1, also where both are infinite; NaN stays in the sum.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/elementwise/reduce_kernels.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise/reduce_logsumexp.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include <hwy/highway.h>

#include "backend/cpu/math/exp-inl.h"
#include "backend/cpu/math/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace {

constexpr size_t kPiece = 512;  // elements whose exponentials are summed in vector lanes

// NaN may or may not survive here; the exponentials bring it back.
template <class T>
HWY_INLINE T largest_of(const T* x, size_t n) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const auto least = hn::Set(d, -std::numeric_limits<T>::infinity());
  auto m0 = least, m1 = least;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    m0 = hn::Max(m0, hn::LoadU(d, x + i));
    m1 = hn::Max(m1, hn::LoadU(d, x + i + lanes));
  }
  for (; i + lanes <= n; i += lanes) m0 = hn::Max(m0, hn::LoadU(d, x + i));
  if (i < n) m1 = hn::Max(m1, load_part(d, x + i, static_cast<int64_t>(n - i), least));
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(m0, m1)));
}

template <class T>
HWY_INLINE double exponential_sum(const T* x, size_t n, T max) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const auto shift = hn::Set(d, max);
  auto s0 = hn::Zero(d), s1 = s0;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    s0 = hn::Add(s0, Exp(d, hn::Sub(hn::LoadU(d, x + i), shift)));
    s1 = hn::Add(s1, Exp(d, hn::Sub(hn::LoadU(d, x + i + lanes), shift)));
  }
  for (; i + lanes <= n; i += lanes) s0 = hn::Add(s0, Exp(d, hn::Sub(hn::LoadU(d, x + i), shift)));
  const auto nothing = hn::Set(d, -std::numeric_limits<T>::infinity());
  if (i < n) s1 = hn::Add(s1, Exp(d, hn::Sub(load_part(d, x + i, static_cast<int64_t>(n - i), nothing), shift)));
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1))));
}

void join(Partial& into, const Partial& other) {
  if (other.real == into.real) {
    into.error += other.error;
  } else if (other.real > into.real) {
    into.error = into.error * std::exp(into.real - other.real) + other.error;
    into.real = other.real;
  } else {
    into.error += other.error * std::exp(other.real - into.real);
  }
}

template <class T>
Partial piece_of(const T* x, size_t n) {
  double max = static_cast<double>(largest_of(x, n));
  if (max - max == 0) return {max, exponential_sum(x, n, static_cast<T>(max)), 0};
  // Infinities or NaN: look at each.
  Partial partial{-std::numeric_limits<double>::infinity(), 0, 0};
  for (size_t i = 0; i < n; ++i) {
    const auto value = static_cast<double>(x[i]);
    if (value != value)
      partial.error = value;
    else
      join(partial, {value, 1, 0});
  }
  return partial;
}

template <class T>
void run_log_sum_exp(Partial& partial, const void* x, size_t n) {
  const auto* from = static_cast<const T*>(x);
  for (size_t i = 0; i < n; i += kPiece) join(partial, piece_of(from + i, std::min(kPiece, n - i)));
}

// One exponential an element: of minus the distance to the largest one.
template <class T>
void columns_log_sum_exp(double* max, double* sum, int64_t*, double*, const void* x, size_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<T, decltype(d)> dt;
  const size_t lanes = hn::Lanes(d);
  const auto* from = static_cast<const T*>(x);
  const auto value_at = [&](size_t i) HWY_ATTR {
    if constexpr (sizeof(T) == 4)
      return hn::PromoteTo(d, hn::LoadU(dt, from + i));
    else
      return hn::LoadU(d, from + i);
  };
  const auto power = [&](auto exponent) HWY_ATTR {
    if constexpr (sizeof(T) == 4)
      return hn::PromoteTo(d, Exp(dt, hn::DemoteTo(dt, exponent)));
    else
      return Exp(d, exponent);
  };
  const auto one = hn::Set(d, 1.0);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto value = value_at(i), top = hn::LoadU(d, max + i), total = hn::LoadU(d, sum + i);
    const auto distance = hn::IfThenElse(hn::Eq(value, top), hn::Zero(d), hn::Sub(value, top));
    const auto e = power(hn::Neg(hn::Abs(distance)));
    const auto above = hn::Gt(value, top);
    hn::StoreU(hn::IfThenElse(above, hn::MulAdd(total, e, one), hn::Add(total, e)), d, sum + i);
    hn::StoreU(hn::IfThenElse(above, value, top), d, max + i);
  }
  for (; i < n; ++i) {
    const auto value = static_cast<double>(from[i]);
    const double e = std::exp(-std::abs(value == max[i] ? 0 : value - max[i]));
    sum[i] = value > max[i] ? sum[i] * e + 1 : sum[i] + e;
    if (value > max[i]) max[i] = value;
  }
}

void combine_log_sum_exp(Partial& into, const Partial& other) { join(into, other); }

ReduceKernels find_log_sum_exp_kernels(DType type) {
  const Partial nothing{-std::numeric_limits<double>::infinity(), 0, 0};
  if (type == DType::F64)
    return {nothing, true, run_log_sum_exp<double>, nullptr, columns_log_sum_exp<double>, combine_log_sum_exp};
  return {nothing, true, run_log_sum_exp<float>, nullptr, columns_log_sum_exp<float>, combine_log_sum_exp};
}

}  // namespace
}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
HWY_EXPORT(find_log_sum_exp_kernels);
ReduceKernels log_sum_exp_kernels(DType type) { return HWY_DYNAMIC_DISPATCH(find_log_sum_exp_kernels)(type); }
}  // namespace nngpu::cpu
#endif
