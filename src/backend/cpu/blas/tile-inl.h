// The register tile of gemm for one instruction set. Included once a target by foreach_target.h.
#if defined(NNGPU_BACKEND_CPU_BLAS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_BACKEND_CPU_BLAS_TILE_INL_H_
#undef NNGPU_BACKEND_CPU_BLAS_TILE_INL_H_
#else
#define NNGPU_BACKEND_CPU_BLAS_TILE_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <utility>

#include "backend/cpu/blas/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The largest tile: with 32 registers 24 hold sums, with 16 registers 12 do (8 without FMA, whose products need
// one more). Two FMA pipes of latency 4 to 5 need 8 to 10 independent sums.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr int kTileVectors = 3;
inline constexpr int kTileColumns = 8;
#elif HWY_TARGET == HWY_AVX2
inline constexpr int kTileVectors = 2;
inline constexpr int kTileColumns = 6;
#else
inline constexpr int kTileVectors = 2;
inline constexpr int kTileColumns = 4;
#endif
static_assert(kTileVectors <= kMaxTileVectors && kTileColumns <= kMaxTileColumns);

template <bool kTail, class D, class M, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_rows(D d, M mask, bool last, const T* from) {
  if (kTail && last) return hn::MaskedLoad(mask, d, from);
  return hn::LoadU(d, from);
}

// c = alpha * sum + beta * c, where beta * c is left out unless kAdd.
template <bool kAdd, bool kTail, int kVectors, int kColumns, class D, class M, class V, class T = hn::TFromD<D>>
HWY_INLINE void update(D d, M mask, const V (&sum)[kColumns][kVectors], const TileArgs<T>& args) {
  const size_t lanes = hn::Lanes(d);
  const V alpha = hn::Set(d, args.alpha), beta = hn::Set(d, args.beta);
#pragma GCC unroll 16
  for (int j = 0; j < kColumns; ++j) {
    T* c = args.c + j * args.c_step;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v, c += lanes) {
      const bool last = v == kVectors - 1;
      V result;
      if constexpr (kAdd) {
        result = hn::MulAdd(alpha, sum[j][v], hn::Mul(beta, load_rows<kTail>(d, mask, last, c)));
      } else {
        result = hn::Mul(alpha, sum[j][v]);
      }
      if (kTail && last) {
        hn::BlendedStore(result, mask, d, c);
      } else {
        hn::StoreU(result, d, c);
      }
    }
  }
}

template <class D, int kVectors, int kColumns, bool kTail, class T = hn::TFromD<D>>
void tile(const TileArgs<T>& args) {
  using V = hn::Vec<D>;
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto mask = hn::FirstN(d, kTail ? args.rows - (kVectors - 1) * lanes : lanes);
  V sum[kColumns][kVectors];
#pragma GCC unroll 16
  for (int j = 0; j < kColumns; ++j) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[j][v] = hn::Zero(d);
    if (args.k > 16) hwy::Prefetch(args.c + j * args.c_step);
  }

  // Three columns share one base pointer: with one a column, they would not fit the integer registers.
  constexpr int kBases = (kColumns + 2) / 3;
  const T* a = args.a;
  const T* base[kBases];
  for (int i = 0; i < kBases; ++i) base[i] = args.b + 3 * i * args.b_stride;
  const int64_t a_step = args.a_step, b_step = args.b_step, b_stride = args.b_stride;
  for (int64_t p = args.k; p > 0; --p) {
    V left[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) left[v] = load_rows<kTail>(d, mask, v == kVectors - 1, a + v * lanes);
#pragma GCC unroll 16
    for (int j = 0; j < kColumns; ++j) {
      const V right = hn::Set(d, base[j / 3][(j % 3) * b_stride]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[j][v] = hn::MulAdd(left[v], right, sum[j][v]);
    }
    a += a_step;
#pragma GCC unroll 8
    for (int i = 0; i < kBases; ++i) base[i] += b_step;
  }

  if (args.beta == T{0}) {
    update<false, kTail>(d, mask, sum, args);
  } else {
    update<true, kTail>(d, mask, sum, args);
  }
}

template <class D, int kVectors, class T, int... kColumn>
void fill_tiles(TileFunction<T> (&row)[2][kMaxTileColumns], std::integer_sequence<int, kColumn...>) {
  ((row[0][kColumn] = &tile<D, kVectors, kColumn + 1, false>), ...);
  ((row[1][kColumn] = &tile<D, kVectors, kColumn + 1, true>), ...);
}

template <class T, int... kVector>
void fill_tiles(Kernels<T>& table, std::integer_sequence<int, kVector...>) {
  using D = hn::ScalableTag<T>;
  constexpr auto kColumns = std::make_integer_sequence<int, kTileColumns>();
  fill_tiles<hn::Half<D>, 1>(table.tile[0], kColumns);
  (fill_tiles<D, kVector + 1>(table.tile[kVector + 1], kColumns), ...);
  table.lanes = hn::Lanes(D());
  table.tile_rows = kTileVectors * table.lanes;
  table.tile_columns = kTileColumns;
}

template <class T>
void fill_tiles(Kernels<T>& table) {
  fill_tiles(table, std::make_integer_sequence<int, kTileVectors>());
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
