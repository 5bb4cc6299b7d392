// Softmax of contiguous rows: the largest element, the exponentials and their sum, the scaling.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/launches/softmax.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/launches/softmax_rows.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include <hwy/highway.h>

#include "backend/cpu/math/exp-inl.h"
#include "backend/cpu/math/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kSumBlock = 2048;  // elements summed in vector lanes before they go to a double

// One vector of a row; the lanes past `n` hold minus infinity, whose exponential is zero.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_part(D d, const T* x, int64_t n) {
  return HWY_NAMESPACE::load_part(d, x, n, hn::Set(d, -std::numeric_limits<T>::infinity()));
}

// f(position, vector) -> vector stored to y, over a row; the last vector may be partial.
template <class D, class T, class F>
HWY_INLINE void map_row(D d, int64_t n, const T* x, T* y, const F& f) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(hn::LoadU(d, x + i)), d, y + i);
  if (i < n) store_part(d, f(load_part(d, x + i, n - i)), y + i, n - i);
}

// NaN may or may not survive here; the exponentials bring it back.
template <class D, class T>
HWY_INLINE T largest(D d, int64_t n, const T* x) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto max0 = hn::Set(d, -std::numeric_limits<T>::infinity());
  auto max1 = max0;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    max0 = hn::Max(max0, hn::LoadU(d, x + i));
    max1 = hn::Max(max1, hn::LoadU(d, x + i + lanes));
  }
  for (; i + lanes <= n; i += lanes) max0 = hn::Max(max0, hn::LoadU(d, x + i));
  if (i < n) max1 = hn::Max(max1, load_part(d, x + i, n - i));
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(max0, max1)));
}

// The sum of exp(x - max); the exponentials go to y unless it is null.
template <class D, class T>
HWY_INLINE double exponentials(D d, int64_t n, const T* x, T max, T* y) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto shift = hn::Set(d, max);
  double total = 0;
  for (int64_t start = 0; start < n; start += kSumBlock) {
    const int64_t stop = std::min(n, start + kSumBlock);
    auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
    int64_t i = start;
    for (; i + 2 * lanes <= stop; i += 2 * lanes) {
      const auto e0 = Exp(d, hn::Sub(hn::LoadU(d, x + i), shift));
      const auto e1 = Exp(d, hn::Sub(hn::LoadU(d, x + i + lanes), shift));
      sum0 = hn::Add(sum0, e0);
      sum1 = hn::Add(sum1, e1);
      if (y != nullptr) {
        hn::StoreU(e0, d, y + i);
        hn::StoreU(e1, d, y + i + lanes);
      }
    }
    for (; i < stop; i += lanes) {
      const int64_t part = std::min(lanes, stop - i);
      const auto in = part == lanes ? hn::LoadU(d, x + i) : load_part(d, x + i, part);
      const auto e = Exp(d, hn::Sub(in, shift));
      sum0 = hn::Add(sum0, e);
      if (y == nullptr) continue;
      if (part == lanes)
        hn::StoreU(e, d, y + i);
      else
        store_part(d, e, y + i, part);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1))));
  }
  return total;
}

// Rows of at most one vector stay in a register.
template <class D, class T>
HWY_INLINE void short_row(D d, int64_t n, bool log, const T* x, T* y) {
  const auto v = load_part(d, x, n);
  const auto shifted = hn::Sub(v, hn::MaxOfLanes(d, v));
  const auto e = Exp(d, shifted);
  const double sum = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, e)));
  if (log)
    store_part(d, hn::Sub(shifted, hn::Set(d, static_cast<T>(std::log(sum)))), y, n);
  else
    store_part(d, hn::Mul(e, hn::Set(d, static_cast<T>(1 / sum))), y, n);
}

template <class T>
void rows_of(int64_t rows, int64_t n, bool log, const T* x, int64_t x_step, T* y, int64_t y_step) {
  const hn::ScalableTag<T> d;
  const bool is_short = n <= static_cast<int64_t>(hn::Lanes(d));
  for (int64_t row = 0; row < rows; ++row, x += x_step, y += y_step) {
    if (is_short) {
      short_row(d, n, log, x, y);
      continue;
    }
    const T max = largest(d, n, x);
    if (log) {
      // (x - max) - log(sum), not x - (max + log(sum)): the first difference is exact where the result matters.
      const double sum = exponentials(d, n, x, max, static_cast<T*>(nullptr));
      const auto shift = hn::Set(d, max), scale = hn::Set(d, static_cast<T>(std::log(sum)));
      map_row(d, n, x, y, [&](auto v) HWY_ATTR { return hn::Sub(hn::Sub(v, shift), scale); });
    } else {
      const double sum = exponentials(d, n, x, max, y);
      const auto scale = hn::Set(d, static_cast<T>(1 / sum));
      map_row(d, n, y, y, [&](auto v) HWY_ATTR { return hn::Mul(v, scale); });
    }
  }
}

// One strip of columns, a vector or four wide: n rows from x to y.
template <int kVectors, class D, class T>
HWY_INLINE void strip(D d, int64_t n, bool log, const T* x, int64_t x_step, T* y, int64_t y_step) {
  using V = hn::Vec<D>;
  constexpr int64_t kBlock = 256;  // rows summed before they join the total, which keeps the error small
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN T maxima[kVectors * HWY_LANES(T)], totals[kVectors * HWY_LANES(T)];
  for (int v = 0; v < kVectors; ++v) {
    V max = hn::LoadU(d, x + v * lanes);
    for (int64_t i = 1; i < n; ++i) max = hn::Max(max, hn::LoadU(d, x + i * x_step + v * lanes));
    hn::Store(max, d, maxima + v * lanes);
    hn::Store(hn::Zero(d), d, totals + v * lanes);
  }
  for (int64_t start = 0; start < n; start += kBlock) {
    for (int v = 0; v < kVectors; ++v) {
      const V max = hn::Load(d, maxima + v * lanes);
      V sum = hn::Zero(d);
      for (int64_t i = start; i < std::min(n, start + kBlock); ++i) {
        const V shifted = hn::Sub(hn::LoadU(d, x + i * x_step + v * lanes), max);
        const V e = Exp(d, shifted);
        sum = hn::Add(sum, e);
        hn::StoreU(log ? shifted : e, d, y + i * y_step + v * lanes);
      }
      hn::Store(hn::Add(hn::Load(d, totals + v * lanes), sum), d, totals + v * lanes);
    }
  }
  for (int64_t l = 0; l < kVectors * lanes; ++l) totals[l] = log ? std::log(totals[l]) : 1 / totals[l];
  for (int64_t i = 0; i < n; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const V value = hn::LoadU(d, y + i * y_step + v * lanes), total = hn::Load(d, totals + v * lanes);
      hn::StoreU(log ? hn::Sub(value, total) : hn::Mul(value, total), d, y + i * y_step + v * lanes);
    }
  }
}

template <class T>
int64_t columns_of(int64_t columns, int64_t n, bool log, const T* x, int64_t x_step, T* y, int64_t y_step) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + 4 * lanes <= columns; c += 4 * lanes) strip<4>(d, n, log, x + c, x_step, y + c, y_step);
  for (; c + lanes <= columns; c += lanes) strip<1>(d, n, log, x + c, x_step, y + c, y_step);
  return c;
}

template <class T>
T part_of(int64_t n, T* x, T& max, double& sum) {
  const hn::ScalableTag<T> d;
  const T before = max;
  max = std::max(max, largest(d, n, x));
  const T shift = max == -std::numeric_limits<T>::infinity() ? T{0} : max;
  const T correction = before == max ? T{1} : std::exp(before - shift);
  sum = sum * static_cast<double>(correction) + exponentials(d, n, x, shift, x);
  return correction;
}

void rows_f32(int64_t rows, int64_t n, bool log, const float* x, int64_t x_step, float* y, int64_t y_step) {
  rows_of<float>(rows, n, log, x, x_step, y, y_step);
}
void rows_f64(int64_t rows, int64_t n, bool log, const double* x, int64_t x_step, double* y, int64_t y_step) {
  rows_of<double>(rows, n, log, x, x_step, y, y_step);
}
int64_t columns_f32(int64_t columns, int64_t n, bool log, const float* x, int64_t x_step, float* y,
                    int64_t y_step) {
  return columns_of<float>(columns, n, log, x, x_step, y, y_step);
}
int64_t columns_f64(int64_t columns, int64_t n, bool log, const double* x, int64_t x_step, double* y,
                    int64_t y_step) {
  return columns_of<double>(columns, n, log, x, x_step, y, y_step);
}
float part_f32(int64_t n, float* x, float& max, double& sum) { return part_of(n, x, max, sum); }
double part_f64(int64_t n, double* x, double& max, double& sum) { return part_of(n, x, max, sum); }

}  // namespace
}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {

HWY_EXPORT(rows_f32);
HWY_EXPORT(rows_f64);
HWY_EXPORT(columns_f32);
HWY_EXPORT(columns_f64);
HWY_EXPORT(part_f32);
HWY_EXPORT(part_f64);

template <>
void softmax_rows(int64_t rows, int64_t n, bool log, const float* x, int64_t x_step, float* y, int64_t y_step) {
  HWY_DYNAMIC_DISPATCH(rows_f32)(rows, n, log, x, x_step, y, y_step);
}
template <>
void softmax_rows(int64_t rows, int64_t n, bool log, const double* x, int64_t x_step, double* y, int64_t y_step) {
  HWY_DYNAMIC_DISPATCH(rows_f64)(rows, n, log, x, x_step, y, y_step);
}

template <>
int64_t softmax_columns(int64_t columns, int64_t n, bool log, const float* x, int64_t x_step, float* y,
                        int64_t y_step) {
  return HWY_DYNAMIC_DISPATCH(columns_f32)(columns, n, log, x, x_step, y, y_step);
}
template <>
int64_t softmax_columns(int64_t columns, int64_t n, bool log, const double* x, int64_t x_step, double* y,
                        int64_t y_step) {
  return HWY_DYNAMIC_DISPATCH(columns_f64)(columns, n, log, x, x_step, y, y_step);
}

template <>
float softmax_part(int64_t n, float* x, float& max, double& sum) {
  return HWY_DYNAMIC_DISPATCH(part_f32)(n, x, max, sum);
}
template <>
double softmax_part(int64_t n, double* x, double& max, double& sum) {
  return HWY_DYNAMIC_DISPATCH(part_f64)(n, x, max, sum);
}

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
