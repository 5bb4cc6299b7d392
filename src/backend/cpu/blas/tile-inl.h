// The register tile of gemm for one instruction set. Included once a target by foreach_target.h.
#if defined(NNGPU_BACKEND_CPU_BLAS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_BACKEND_CPU_BLAS_TILE_INL_H_
#undef NNGPU_BACKEND_CPU_BLAS_TILE_INL_H_
#else
#define NNGPU_BACKEND_CPU_BLAS_TILE_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <utility>

#include "backend/cpu/blas/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The largest tile: with 32 registers 24 hold sums, with 16 registers 12 do (8 without FMA, whose products need
// one more). Two FMA pipes of latency 4 to 5 need 8 to 10 independent sums. Batches have a wider tile with as many
// sums, so that columns of a that fit it are read whole and once.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr int kTileVectors = 3;
inline constexpr int kTileColumns = 8;
inline constexpr int kBatchVectors = 4;
inline constexpr int kWideColumns = 6;
#elif HWY_TARGET == HWY_AVX2
inline constexpr int kTileVectors = 2;
inline constexpr int kTileColumns = 6;
inline constexpr int kBatchVectors = kTileVectors;
inline constexpr int kWideColumns = kTileColumns;
#else
inline constexpr int kTileVectors = 2;
inline constexpr int kTileColumns = 4;
inline constexpr int kBatchVectors = kTileVectors;
inline constexpr int kWideColumns = kTileColumns;
#endif
static_assert(kBatchVectors <= kMaxTileVectors && kTileColumns <= kMaxTileColumns);

inline constexpr int64_t kLine = 64;
inline constexpr int64_t kAheadBytes = 4096;  // operands of a product for which asking ahead pays

// Where masked loads and stores may touch what the mask leaves out, the rest of a matrix is read and written
// through a buffer or in halves.
template <class D, class M, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_tail(D d, M mask, [[maybe_unused]] int64_t rows, const T* from) {
#if HWY_MEM_OPS_MIGHT_FAULT
  alignas(64) T buffer[64 / sizeof(T)] = {};
  for (int64_t i = 0; i < rows; ++i) buffer[i] = from[i];
  (void)mask;
  return hn::Load(d, buffer);
#else
  return hn::MaskedLoad(mask, d, from);
#endif
}

template <class D, class V, class M, class T = hn::TFromD<D>>
HWY_INLINE void store_tail(D d, V value, [[maybe_unused]] M mask, [[maybe_unused]] int64_t rows, T* to) {
#if HWY_MEM_OPS_MIGHT_FAULT
  alignas(64) T buffer[64 / sizeof(T)];
  hn::Store(value, d, buffer);
  for (int64_t i = 0; i < rows; ++i) to[i] = buffer[i];
#else
  hn::BlendedStore(value, mask, d, to);
#endif
}

// What all tiles of one shape have in common. The last of kVectors holds `rest` rows if kTail.
template <class D, int kVectors, bool kTail>
struct Rows {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;

  explicit HWY_INLINE Rows(int64_t rows)
      : rest(rows - (kVectors - 1) * static_cast<int64_t>(hn::Lanes(D()))),
        mask(hn::FirstN(D(), static_cast<size_t>(kTail ? rest : 1))) {}

  HWY_INLINE V load(int v, const T* column) const {
    const T* from = column + v * hn::Lanes(D());
    return kTail && v == kVectors - 1 ? load_tail(D(), mask, rest, from) : hn::LoadU(D(), from);
  }
  HWY_INLINE void store(int v, V value, T* column) const {
    T* to = column + v * hn::Lanes(D());
    if (kTail && v == kVectors - 1) {
      store_tail(D(), value, mask, rest, to);
    } else {
      hn::StoreU(value, D(), to);
    }
  }

  int64_t rest;
  hn::Mask<D> mask;
};

// c = alpha * sum + beta * c, where beta * c is left out unless kAdd.
template <bool kAdd, class R, class V, int kColumns, int kVectors, class T>
HWY_INLINE void update(const R& rows, const V (&sum)[kColumns][kVectors], const TileArgs<T>& args) {
  const auto alpha = hn::Set(hn::DFromV<V>(), args.alpha);
  [[maybe_unused]] const auto beta = hn::Set(hn::DFromV<V>(), args.beta);
#pragma GCC unroll 16
  for (int j = 0; j < kColumns; ++j) {
    T* c = args.c + j * args.c_step;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      if constexpr (kAdd) {
        rows.store(v, hn::MulAdd(alpha, sum[j][v], hn::Mul(beta, rows.load(v, c))), c);
      } else {
        rows.store(v, hn::Mul(alpha, sum[j][v]), c);
      }
    }
  }
}

// What a tile asks for while it computes: one cache line of a and one of b at each step of k.
struct Ahead {
  const char* a = nullptr;
  const char* b = nullptr;
  int64_t a_step = 0;
};

template <class D, int kVectors, int kColumns, bool kTail, bool kAhead = false, class T = hn::TFromD<D>>
HWY_INLINE void run_tile(const Rows<D, kVectors, kTail>& rows, const TileArgs<T>& args, Ahead ahead = {}) {
  using V = hn::Vec<D>;
  const D d;
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
    for (int v = 0; v < kVectors; ++v) left[v] = rows.load(v, a);
    if constexpr (kAhead) {
      hwy::Prefetch(ahead.a), ahead.a += ahead.a_step;
      hwy::Prefetch(ahead.b), ahead.b += kLine;
    }
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
    update<false>(rows, sum, args);
  } else {
    update<true>(rows, sum, args);
  }
}

template <class D, int kVectors, int kColumns, bool kTail, class T = hn::TFromD<D>>
void tile(const TileArgs<T>& args) {
  run_tile<D, kVectors, kColumns, kTail>(Rows<D, kVectors, kTail>(args.rows), args);
}

template <class D, int kVectors, bool kTail, class T, int... kColumn>
HWY_INLINE void run_last_columns(const Rows<D, kVectors, kTail>& rows, const TileArgs<T>& args, int64_t columns,
                                 std::integer_sequence<int, kColumn...>) {
  ((columns == kColumn + 1 ? run_tile<D, kVectors, kColumn + 1, kTail>(rows, args) : void()), ...);
}

// Whole products whose rows fit a tile, one after another: calls between tiles would cost as much as the tiles.
// With kAhead the first tiles of an item ask for the lines of the next one: an item alone is too short for the
// processor to see where it goes.
template <class D, int kVectors, bool kTail, bool kAhead, class T = hn::TFromD<D>>
HWY_INLINE void run_batch(const TileArgs<T>& shape, int64_t columns, int64_t count, const T* const* a,
                          const T* const* b, T* const* c) {
  constexpr int kColumns = kVectors > kTileVectors ? kWideColumns : kTileColumns;
  const Rows<D, kVectors, kTail> rows(shape.rows);
  TileArgs<T> args = shape;
  const int64_t all_lines = std::max(shape.rows, columns) * static_cast<int64_t>(sizeof(T));
  Ahead ahead;
  ahead.a_step = shape.a_step * static_cast<int64_t>(sizeof(T));
  for (int64_t item = 0; item < count; ++item) {
    args.a = a[item], args.b = b[item], args.c = c[item];
    const int64_t next = kAhead ? std::min(item + 1, count - 1) : item;
    ahead.a = reinterpret_cast<const char*>(a[next]), ahead.b = reinterpret_cast<const char*>(b[next]);
    int64_t lines = kAhead ? all_lines : 0;  // bytes of a line of a, or of b, that are still to be asked for
    int64_t rest = columns;
    for (; rest >= kColumns; rest -= kColumns) {
      if (kAhead && lines > 0) {
        run_tile<D, kVectors, kColumns, kTail, kAhead>(rows, args, ahead);
        ahead.a += kLine, ahead.b += kLine * shape.k, lines -= kLine;
      } else {
        run_tile<D, kVectors, kColumns, kTail>(rows, args);
      }
      args.b += kColumns * args.b_stride;
      args.c += kColumns * args.c_step;
    }
    if (rest > 0) run_last_columns(rows, args, rest, std::make_integer_sequence<int, kColumns - 1>());
  }
}

template <class D, int kVectors, bool kTail, class T = hn::TFromD<D>>
void tile_batch(const TileArgs<T>& shape, int64_t columns, int64_t count, const T* const* a, const T* const* b,
                T* const* c) {
  const int64_t bytes = (shape.rows + columns) * shape.k * static_cast<int64_t>(sizeof(T));
  if (bytes >= kAheadBytes) {
    run_batch<D, kVectors, kTail, true>(shape, columns, count, a, b, c);
  } else {
    run_batch<D, kVectors, kTail, false>(shape, columns, count, a, b, c);
  }
}

template <class D, int kVectors, class T>
void fill_batch(Kernels<T>& table, int index) {
  table.batch[index][0] = &tile_batch<D, kVectors, false>;
  table.batch[index][1] = &tile_batch<D, kVectors, true>;
}

template <class D, int kVectors, class T, int... kColumn>
void fill_tiles(Kernels<T>& table, int index, std::integer_sequence<int, kColumn...>) {
  auto& row = table.tile[index];
  fill_batch<D, kVectors>(table, index);
  ((row[0][kColumn] = &tile<D, kVectors, kColumn + 1, false>), ...);
  ((row[1][kColumn] = &tile<D, kVectors, kColumn + 1, true>), ...);
}

template <class T, int... kVector>
void fill_tiles(Kernels<T>& table, std::integer_sequence<int, kVector...>) {
  using D = hn::ScalableTag<T>;
  constexpr auto kColumns = std::make_integer_sequence<int, kTileColumns>();
  fill_tiles<hn::Half<hn::Half<D>>, 1>(table, 0, kColumns);
  fill_tiles<hn::Half<D>, 1>(table, 1, kColumns);
  (fill_tiles<D, kVector + 1>(table, kVector + 2, kColumns), ...);
  if constexpr (kBatchVectors > kTileVectors) fill_batch<D, kBatchVectors>(table, kBatchVectors + 1);
  table.lanes = hn::Lanes(D());
  table.batch_rows = kBatchVectors * table.lanes;
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
