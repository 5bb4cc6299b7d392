#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lapack/panel_factor.cpp"
#include <hwy/foreach_target.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/lapack/panel.h"
#include "backend/cpu/targets.h"
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls step(begin, mask) over [begin, end) in vectors; the last mask may be partial.
#define NNGPU_LAPACK_ROWS(d, i, begin, end) \
  for (int64_t i = (begin); i < (end); i += static_cast<int64_t>(hn::Lanes(d)))

// ---- LU ----

// Brings column j up to date with the kLeft columns before it (left-looking: each column of the panel is written
// once), scaling the previous column by its pivot on the way. Returns the largest magnitude from row j on.
template <int kLeft, class D, class T = hn::TFromD<D>>
HWY_INLINE T lu_column(D d, int64_t m, T* HWY_RESTRICT a, int64_t lda, T inverse_pivot) {
  using V = hn::Vec<D>;
  T* HWY_RESTRICT column = a + kLeft * lda;
  V factor[kLeft > 0 ? kLeft : 1];
  if constexpr (kLeft > 0) {
    // The last row above the diagonal still needs its scaled multipliers; they are final in columns < kLeft - 1.
    for (int t = 1; t < kLeft; ++t) {
      T value = column[t];
      for (int s = 0; s < t; ++s) value -= a[t + s * lda] * column[s];
      column[t] = value;
    }
    for (int t = 0; t < kLeft; ++t) factor[t] = hn::Set(d, column[t]);
  }
  const V scale = hn::Set(d, inverse_pivot);
  V largest = hn::Zero(d);
  NNGPU_LAPACK_ROWS(d, i, kLeft, m) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(m - i));
    V value = hn::MaskedLoad(mask, d, column + i);
    if constexpr (kLeft > 0) {
      for (int t = 0; t + 1 < kLeft; ++t)
        value = hn::NegMulAdd(hn::MaskedLoad(mask, d, a + t * lda + i), factor[t], value);
      T* HWY_RESTRICT previous = a + (kLeft - 1) * lda + i;
      const V multiplier = hn::Mul(hn::MaskedLoad(mask, d, previous), scale);
      hn::BlendedStore(multiplier, mask, d, previous);
      value = hn::NegMulAdd(multiplier, factor[kLeft - 1], value);
      hn::BlendedStore(value, mask, d, column + i);
    }
    largest = hn::Max(largest, hn::Abs(value));
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

// The first row from `begin` on whose magnitude is `value`; `begin` if there is none (NaN).
template <class D, class T = hn::TFromD<D>>
HWY_INLINE int64_t find_magnitude(D d, int64_t begin, int64_t m, const T* HWY_RESTRICT column, T value) {
  const auto wanted = hn::Set(d, value);
  NNGPU_LAPACK_ROWS(d, i, begin, m) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(m - i));
    const auto equal = hn::And(mask, hn::Eq(hn::Abs(hn::MaskedLoad(mask, d, column + i)), wanted));
    const intptr_t first = hn::FindFirstTrue(d, equal);
    if (first >= 0) return i + first;
  }
  return begin;
}

template <class T>
void scale_rows(int64_t begin, int64_t end, T factor, T* column) {
  const hn::ScalableTag<T> d;
  const auto scale = hn::Set(d, factor);
  NNGPU_LAPACK_ROWS(d, i, begin, end) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(end - i));
    hn::BlendedStore(hn::Mul(hn::MaskedLoad(mask, d, column + i), scale), mask, d, column + i);
  }
}

template <class T>
T lu_column_of(int64_t j, int64_t m, T* a, int64_t lda, T inverse_pivot) {
  const hn::ScalableTag<T> d;
  switch (j) {
    case 0:
      return lu_column<0>(d, m, a, lda, inverse_pivot);
    case 1:
      return lu_column<1>(d, m, a, lda, inverse_pivot);
    case 2:
      return lu_column<2>(d, m, a, lda, inverse_pivot);
    case 3:
      return lu_column<3>(d, m, a, lda, inverse_pivot);
    case 4:
      return lu_column<4>(d, m, a, lda, inverse_pivot);
    case 5:
      return lu_column<5>(d, m, a, lda, inverse_pivot);
    case 6:
      return lu_column<6>(d, m, a, lda, inverse_pivot);
    default:
      return lu_column<7>(d, m, a, lda, inverse_pivot);
  }
}

template <class T>
int64_t lu_leaf(int64_t m, int64_t n, T* a, int64_t lda, int32_t* pivots) {
  const hn::ScalableTag<T> d;
  int64_t info = 0;
  T inverse_pivot = 1;
  const int64_t steps = std::min(m, n);
  for (int64_t j = 0; j < steps; ++j) {
    T* column = a + j * lda;
    const T largest = lu_column_of(j, m, a, lda, inverse_pivot);
    const int64_t pivot = largest > 0 ? find_magnitude(d, j, m, column, largest) : j;
    pivots[j] = static_cast<int32_t>(pivot);
    if (pivot != j)
      for (int64_t c = 0; c < n; ++c) std::swap(a[j + c * lda], a[pivot + c * lda]);
    const T value = column[j];
    inverse_pivot = 1;
    if (value == T(0)) {
      if (info == 0) info = j + 1;
    } else if (std::abs(value) >= std::numeric_limits<T>::min()) {
      inverse_pivot = T(1) / value;
    } else {  // the reciprocal would overflow
      for (int64_t i = j + 1; i < m; ++i) column[i] /= value;
    }
  }
  if (steps > 0) scale_rows(steps, m, inverse_pivot, a + (steps - 1) * lda);
  for (int64_t j = steps; j < n; ++j) {  // columns right of the diagonal of a wide panel
    T* column = a + j * lda;
    for (int64_t t = 0; t < steps; ++t)
      for (int64_t i = t + 1; i < m; ++i) column[i] -= a[i + t * lda] * column[t];
  }
  return info;
}

// Lanes hold columns of b: a small transpose in and out costs less than one dependent chain a column.
template <class T>
void solve_unit_lower(int64_t k, int64_t n, const T* l, int64_t ldl, T* b, int64_t ldb) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  alignas(64) T row[kLeafColumns * HWY_MAX_BYTES / sizeof(T)] = {};
  for (int64_t j = 0; j < n; j += lanes) {
    const int64_t width = std::min(lanes, n - j);
    for (int64_t c = 0; c < width; ++c)
      for (int64_t i = 0; i < k; ++i) row[i * lanes + c] = b[i + (j + c) * ldb];
    for (int64_t i = 1; i < k; ++i) {
      auto value = hn::Load(d, row + i * lanes);
      for (int64_t t = 0; t < i; ++t)
        value = hn::NegMulAdd(hn::Set(d, l[i + t * ldl]), hn::Load(d, row + t * lanes), value);
      hn::Store(value, d, row + i * lanes);
    }
    for (int64_t c = 0; c < width; ++c)
      for (int64_t i = 0; i < k; ++i) b[i + (j + c) * ldb] = row[i * lanes + c];
  }
}

// ---- Cholesky ----

// Subtracts the j columns before from column j: kVectors vectors of rows from `first` on, the last one masked.
// Rows between `first` and j belong to the other triangle; what happens to them does not matter.
template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void cholesky_column(D d, int64_t first, int64_t j, int64_t n, T* HWY_RESTRICT a, int64_t lda) {
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mask = hn::FirstN(d, static_cast<size_t>(n - first - (kVectors - 1) * lanes));
  V even[kVectors], odd[kVectors];
  for (int v = 0; v < kVectors; ++v) even[v] = odd[v] = hn::Zero(d);
  const auto accumulate = [&](int64_t t, V* sum) HWY_ATTR {
    const T* HWY_RESTRICT left = a + t * lda + first;
    const V factor = hn::Set(d, a[j + t * lda]);
    for (int v = 0; v + 1 < kVectors; ++v) sum[v] = hn::MulAdd(hn::LoadU(d, left + v * lanes), factor, sum[v]);
    sum[kVectors - 1] =
        hn::MulAdd(hn::MaskedLoad(mask, d, left + (kVectors - 1) * lanes), factor, sum[kVectors - 1]);
  };
  int64_t t = 0;
  for (; t + 2 <= j; t += 2) {
    accumulate(t, even);
    accumulate(t + 1, odd);
  }
  if (t < j) accumulate(t, even);
  T* HWY_RESTRICT column = a + j * lda + first;
  for (int v = 0; v + 1 < kVectors; ++v)
    hn::StoreU(hn::Sub(hn::LoadU(d, column + v * lanes), hn::Add(even[v], odd[v])), d, column + v * lanes);
  T* HWY_RESTRICT last = column + (kVectors - 1) * lanes;
  hn::BlendedStore(hn::Sub(hn::MaskedLoad(mask, d, last), hn::Add(even[kVectors - 1], odd[kVectors - 1])), mask, d,
                   last);
}

// Left-looking: a column is written once, its rows in registers while the columns before are subtracted.
template <class T>
int64_t cholesky_leaf(int64_t n, T* a, int64_t lda) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t first = j / lanes * lanes; first < n;) {
      switch ((n - first + lanes - 1) / lanes) {
        case 1:
          cholesky_column<1>(d, first, j, n, a, lda), first += lanes;
          break;
        case 2:
          cholesky_column<2>(d, first, j, n, a, lda), first += 2 * lanes;
          break;
        case 3:
          cholesky_column<3>(d, first, j, n, a, lda), first += 3 * lanes;
          break;
        default:
          cholesky_column<4>(d, first, j, std::min(n, first + 4 * lanes), a, lda), first += 4 * lanes;
      }
    }
    T* column = a + j * lda;
    const T pivot = column[j];
    if (!(pivot > T(0)) || !(pivot <= std::numeric_limits<T>::max())) return j + 1;
    const T root = std::sqrt(pivot);
    column[j] = root;
    scale_rows(j + 1, n, T(1) / root, column);
  }
  return 0;
}

// ---- QR ----

// Turns column 0 into a reflector v = scale * x and applies it to the kRight columns after it from row 2 on;
// also returns the inner products of the updated column 1 with columns 1.. below its diagonal (row 2 on), so that
// the panel is read once a column. factors[c] = tau * v^T a_c.
template <int kRight, class D, class T = hn::TFromD<D>>
HWY_INLINE void reflect(D d, int64_t m, T* HWY_RESTRICT a, int64_t lda, T scale, const T* factors, T* dots) {
  using V = hn::Vec<D>;
  V factor[kRight > 0 ? kRight : 1], sum[kRight > 0 ? kRight : 1];
  for (int c = 0; c < kRight; ++c) {
    factor[c] = hn::Set(d, factors[c]);
    sum[c] = hn::Zero(d);
  }
  const V scales = hn::Set(d, scale);
  NNGPU_LAPACK_ROWS(d, i, 2, m) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(m - i));
    const V v = hn::Mul(hn::MaskedLoad(mask, d, a + i), scales);
    hn::BlendedStore(v, mask, d, a + i);
    V first = hn::Zero(d);
    for (int c = 0; c < kRight; ++c) {
      T* HWY_RESTRICT column = a + (c + 1) * lda + i;
      const V value = hn::NegMulAdd(v, factor[c], hn::MaskedLoad(mask, d, column));
      hn::BlendedStore(value, mask, d, column);
      if (c == 0) first = value;
      sum[c] = hn::MulAdd(first, value, sum[c]);
    }
  }
  for (int c = 0; c < kRight; ++c) dots[c] = hn::GetLane(hn::SumOfLanes(d, sum[c]));
}

template <class T>
void reflect_columns(int64_t right, int64_t m, T* a, int64_t lda, T scale, const T* factors, T* dots) {
  const hn::ScalableTag<T> d;
  switch (right) {
    case 0:
      return reflect<0>(d, m, a, lda, scale, factors, dots);
    case 1:
      return reflect<1>(d, m, a, lda, scale, factors, dots);
    case 2:
      return reflect<2>(d, m, a, lda, scale, factors, dots);
    case 3:
      return reflect<3>(d, m, a, lda, scale, factors, dots);
    case 4:
      return reflect<4>(d, m, a, lda, scale, factors, dots);
    case 5:
      return reflect<5>(d, m, a, lda, scale, factors, dots);
    case 6:
      return reflect<6>(d, m, a, lda, scale, factors, dots);
    default:
      return reflect<7>(d, m, a, lda, scale, factors, dots);
  }
}

// dots[c] = sum over rows 1.. of column 0 times column c.
template <class T>
void first_dots(int64_t m, int64_t n, const T* a, int64_t lda, T* dots) {
  product_kernels<T>().inner(m - 1, 1, n, a + 1, lda, a + 1, lda, T(0), dots, 1);
}

// Scales column 0 to a largest magnitude near one where the squares of its entries leave the range of T. A
// reflector does not change with the scale of its column. Returns the power of two multiplied in.
template <class T>
T rescale_column(int64_t m, T* a) {
  T largest = 0;
  for (int64_t i = 0; i < m; ++i) largest = std::max(largest, std::abs(a[i]));
  if (!(largest > 0) || !(largest <= std::numeric_limits<T>::max())) return 1;
  const int exponent = std::min(-std::ilogb(largest), std::numeric_limits<T>::max_exponent - 2);
  const T scale = std::ldexp(T(1), exponent);
  scale_rows(0, m, scale, a);
  return scale;
}

template <class T>
void qr_leaf(int64_t m, int64_t n, T* a, int64_t lda, T* tau) {
  constexpr T kSafe = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  T dots[kLeafColumns], factors[kLeafColumns];
  first_dots(m, n, a, lda, dots);
  for (int64_t j = 0; j < n; ++j) {
    T* corner = a + j + j * lda;
    T column_scale = 1;
    const T square = corner[0] * corner[0] + dots[0];
    if (!(square >= kSafe && square <= std::numeric_limits<T>::max())) {
      column_scale = rescale_column(m - j, corner);
      if (column_scale != T(1)) first_dots(m - j, n - j, corner, lda, dots);
    }
    T scale = 0;
    tau[j] = 0;
    if (dots[0] != T(0)) {
      const T beta = -std::copysign(std::sqrt(corner[0] * corner[0] + dots[0]), corner[0]);
      tau[j] = (beta - corner[0]) / beta;
      scale = T(1) / (corner[0] - beta);
      corner[0] = beta;
    }
    corner[0] /= column_scale;
    for (int64_t c = 1; c < n - j; ++c) {
      T* column = corner + c * lda;
      const T factor = tau[j] * (column[0] + scale * dots[c]);
      factors[c - 1] = factor;
      column[0] -= factor;
      if (m - j > 1) column[1] -= factor * (scale * corner[1]);
    }
    if (m - j > 1) corner[1] *= scale;
    reflect_columns(n - j - 1, m - j, corner, lda, scale, factors, dots);
  }
}

#undef NNGPU_LAPACK_ROWS

void factor_table(FactorKernels<float>* f32, FactorKernels<double>* f64) {
  *f32 = {lu_leaf<float>, solve_unit_lower<float>, cholesky_leaf<float>, qr_leaf<float>};
  *f64 = {lu_leaf<double>, solve_unit_lower<double>, cholesky_leaf<double>, qr_leaf<double>};
}

}  // namespace HWY_NAMESPACE
}  // namespace nngpu::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
namespace {

HWY_EXPORT(factor_table);

struct Tables {
  Tables() { HWY_DYNAMIC_DISPATCH(factor_table)(&f32, &f64); }
  FactorKernels<float> f32;
  FactorKernels<double> f64;
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

}  // namespace

template <>
const FactorKernels<float>& factor_kernels<float>() {
  return tables().f32;
}
template <>
const FactorKernels<double>& factor_kernels<double>() {
  return tables().f64;
}

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
