#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lapack/matvec.cpp"
#include "backend/cpu/lapack/matvec.h"

#include <hwy/foreach_target.h>

#include <algorithm>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "backend/cpu/targets.h"
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows [begin, end) of kColumns columns of a symmetric matrix below its diagonal block: y[i] += a(i, c) x[c] and
// dots[c] = sum of a(i, c) x[i].
template <int kColumns, class D, class T = hn::TFromD<D>>
HWY_INLINE void symmetric_columns(D d, int64_t begin, int64_t end, const T* HWY_RESTRICT a, int64_t lda,
                                  const T* HWY_RESTRICT x, const T* factors, T* HWY_RESTRICT y, T* dots) {
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  V factor[kColumns], sum[kColumns];
  for (int c = 0; c < kColumns; ++c) {
    factor[c] = hn::Set(d, factors[c]);
    sum[c] = hn::Zero(d);
  }
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    const V right = hn::LoadU(d, x + i);
    V out = hn::LoadU(d, y + i);
    for (int c = 0; c < kColumns; ++c) {
      const V entry = hn::LoadU(d, a + c * lda + i);
      out = hn::MulAdd(entry, factor[c], out);
      sum[c] = hn::MulAdd(entry, right, sum[c]);
    }
    hn::StoreU(out, d, y + i);
  }
  if (i < end) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(end - i));
    const V right = hn::MaskedLoad(mask, d, x + i);
    V out = hn::MaskedLoad(mask, d, y + i);
    for (int c = 0; c < kColumns; ++c) {
      const V entry = hn::MaskedLoad(mask, d, a + c * lda + i);
      out = hn::MulAdd(entry, factor[c], out);
      sum[c] = hn::MulAdd(entry, right, sum[c]);
    }
    hn::BlendedStore(out, mask, d, y + i);
  }
  for (int c = 0; c < kColumns; ++c) dots[c] = hn::GetLane(hn::SumOfLanes(d, sum[c]));
}

// The part of y = A x that columns [first, last) of the lower triangle give; y is valid from row `first` on.
template <class T>
void symmetric_chunk(int64_t n, int64_t first, int64_t last, const T* a, int64_t lda, const T* x, T* y) {
  constexpr int kColumns = 4;
  const hn::ScalableTag<T> d;
  std::fill(y + first, y + n, T(0));
  T dots[kColumns];
  for (int64_t j = first; j < last; j += kColumns) {
    const int64_t width = std::min<int64_t>(kColumns, last - j);
    const T* strip = a + j * lda;
    for (int64_t c = 0; c < width; ++c) {
      y[j + c] += strip[j + c + c * lda] * x[j + c];
      for (int64_t i = c + 1; i < width; ++i) {
        const T entry = strip[j + i + c * lda];
        y[j + i] += entry * x[j + c];
        y[j + c] += entry * x[j + i];
      }
    }
    if (width == kColumns) {
      symmetric_columns<kColumns>(d, j + kColumns, n, strip, lda, x, x + j, y, dots);
    } else {
      for (int64_t c = 0; c < width; ++c)
        symmetric_columns<1>(d, j + width, n, strip + c * lda, lda, x, x + j + c, y, dots + c);
    }
    for (int64_t c = 0; c < width; ++c) y[j + c] += dots[c];
  }
}

template <int kColumns, class D, class T = hn::TFromD<D>>
HWY_INLINE void two_sided_columns(D d, int64_t m, const T* HWY_RESTRICT a, int64_t lda, const T* HWY_RESTRICT v,
                                  T scale, const T* g, T* r, T* HWY_RESTRICT t) {
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t whole = m / lanes * lanes;
  const auto mask = hn::FirstN(d, static_cast<size_t>(m - whole));
  V value[kColumns];
  for (int c = 0; c < kColumns; ++c) value[c] = hn::Zero(d);
  for (int64_t i = 0; i < whole; i += lanes) {
    const V left = hn::LoadU(d, v + i);
    for (int c = 0; c < kColumns; ++c) value[c] = hn::MulAdd(hn::LoadU(d, a + c * lda + i), left, value[c]);
  }
  if (whole < m) {
    const V left = hn::MaskedLoad(mask, d, v + whole);
    for (int c = 0; c < kColumns; ++c)
      value[c] = hn::MulAdd(hn::MaskedLoad(mask, d, a + c * lda + whole), left, value[c]);
  }
  for (int c = 0; c < kColumns; ++c) {
    r[c] = g[c] - scale * hn::GetLane(hn::SumOfLanes(d, value[c]));
    value[c] = hn::Set(d, r[c]);
  }
  for (int64_t i = 0; i < whole; i += lanes) {
    V out = hn::LoadU(d, t + i);
    for (int c = 0; c < kColumns; ++c) out = hn::MulAdd(hn::LoadU(d, a + c * lda + i), value[c], out);
    hn::StoreU(out, d, t + i);
  }
  if (whole < m) {
    V out = hn::MaskedLoad(mask, d, t + whole);
    for (int c = 0; c < kColumns; ++c)
      out = hn::MulAdd(hn::MaskedLoad(mask, d, a + c * lda + whole), value[c], out);
    hn::BlendedStore(out, mask, d, t + whole);
  }
}

template <class T>
void two_sided_chunk(int64_t m, int64_t first, int64_t last, const T* a, int64_t lda, const T* v, T scale,
                     const T* g, T* r, T* t) {
  constexpr int kColumns = 4;
  const hn::ScalableTag<T> d;
  std::fill(t, t + m, T(0));
  int64_t j = first;
  for (; j + kColumns <= last; j += kColumns)
    two_sided_columns<kColumns>(d, m, a + j * lda, lda, v, scale, g + j, r + j, t);
  for (; j < last; ++j) two_sided_columns<1>(d, m, a + j * lda, lda, v, scale, g + j, r + j, t);
}

void symmetric_chunk_f32(int64_t n, int64_t first, int64_t last, const float* a, int64_t lda, const float* x,
                         float* y) {
  symmetric_chunk(n, first, last, a, lda, x, y);
}
void symmetric_chunk_f64(int64_t n, int64_t first, int64_t last, const double* a, int64_t lda, const double* x,
                         double* y) {
  symmetric_chunk(n, first, last, a, lda, x, y);
}
void two_sided_chunk_f32(int64_t m, int64_t first, int64_t last, const float* a, int64_t lda, const float* v,
                         float scale, const float* g, float* r, float* t) {
  two_sided_chunk(m, first, last, a, lda, v, scale, g, r, t);
}
void two_sided_chunk_f64(int64_t m, int64_t first, int64_t last, const double* a, int64_t lda, const double* v,
                         double scale, const double* g, double* r, double* t) {
  two_sided_chunk(m, first, last, a, lda, v, scale, g, r, t);
}

}  // namespace HWY_NAMESPACE
}  // namespace nngpu::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
namespace {

HWY_EXPORT(symmetric_chunk_f32);
HWY_EXPORT(symmetric_chunk_f64);
HWY_EXPORT(two_sided_chunk_f32);
HWY_EXPORT(two_sided_chunk_f64);

constexpr int64_t kColumnsPerChunk = 64;
constexpr int64_t kParallelEntries = 32768;  // below, waking a thread costs more than it brings

int64_t chunks_of(int64_t columns) { return std::clamp<int64_t>(columns / kColumnsPerChunk, 1, kMatvecChunks); }

// Where chunk `index` of `chunks` begins if all hold as many entries of the lower triangle.
int64_t triangle_split(int64_t n, int64_t index, int64_t chunks) {
  if (index == chunks) return n;
  const double rest = 1.0 - static_cast<double>(index) / static_cast<double>(chunks);
  return static_cast<int64_t>(static_cast<double>(n) * (1.0 - std::sqrt(rest))) / 4 * 4;
}

}  // namespace

template <class T>
void symmetric_matvec(int64_t n, const T* a, int64_t lda, const T* x, T* y, T* work) {
  const int64_t chunks = chunks_of(n);
  const int64_t grain = n * n / 2 < kParallelEntries ? chunks : 1;
  parallel_for(chunks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const int64_t first = triangle_split(n, c, chunks), last = triangle_split(n, c + 1, chunks);
      T* part = c == 0 ? y : work + c * n;
      if constexpr (sizeof(T) == sizeof(float)) {
        HWY_DYNAMIC_DISPATCH(symmetric_chunk_f32)(n, first, last, a, lda, x, part);
      } else {
        HWY_DYNAMIC_DISPATCH(symmetric_chunk_f64)(n, first, last, a, lda, x, part);
      }
    }
  });
  for (int64_t c = 1; c < chunks; ++c) {
    const T* part = work + c * n;
    for (int64_t i = triangle_split(n, c, chunks); i < n; ++i) y[i] += part[i];
  }
}

template <class T>
void two_sided_matvec(int64_t m, int64_t n, const T* a, int64_t lda, const T* v, T scale, const T* g, T* r, T* t,
                      T* work) {
  const int64_t chunks = chunks_of(n);
  const int64_t grain = m * n < kParallelEntries ? chunks : 1;
  parallel_for(chunks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const int64_t first = n * c / chunks, last = n * (c + 1) / chunks;
      T* part = c == 0 ? t : work + c * m;
      if constexpr (sizeof(T) == sizeof(float)) {
        HWY_DYNAMIC_DISPATCH(two_sided_chunk_f32)(m, first, last, a, lda, v, scale, g, r, part);
      } else {
        HWY_DYNAMIC_DISPATCH(two_sided_chunk_f64)(m, first, last, a, lda, v, scale, g, r, part);
      }
    }
  });
  for (int64_t c = 1; c < chunks; ++c)
    for (int64_t i = 0; i < m; ++i) t[i] += work[c * m + i];
}

#define NNGPU_INSTANTIATE(T)                                                    \
  template void symmetric_matvec(int64_t, const T*, int64_t, const T*, T*, T*); \
  template void two_sided_matvec(int64_t, int64_t, const T*, int64_t, const T*, T, const T*, T*, T*, T*);
NNGPU_INSTANTIATE(float)
NNGPU_INSTANTIATE(double)
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
