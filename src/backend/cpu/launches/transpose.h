// The transposed copy of one tile, for elements that are moved as unsigned integers.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_TRANSPOSE_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_TRANSPOSE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace nngpu::cpu {

// A tile is this large at most. It passes through a buffer of 32 KiB: the source is read in whole cache lines,
// several of each column, and the destination is written in runs long enough to go past the caches.
inline constexpr int64_t kTileColumns = 128;
template <class T>
inline constexpr int64_t kTileRows = 256 / static_cast<int64_t>(sizeof(T));

// dst[i * dst_step + j] = src[i * src_rows + j * src_columns] for rows x columns elements.
//
// A streaming tile (src_rows must be 1) bypasses the caches with its stores. Each row then starts and ends at a
// cache line, for lines written in two parts cost more than all the rest: neighbouring tiles overlap by `shared`
// columns, and between them each row is cut where its lines begin. Call finish_streaming at the end.
template <class T>
struct Tile {
  int64_t rows, columns;
  const T* src;
  int64_t src_rows, src_columns;
  T* dst;
  int64_t dst_step;
  bool streaming = false;
  int64_t shared = 0;  // of the columns, with the tile to the left: 0 (lines begin with the tile) or a line
  bool last = false;   // no tile to the right
};

template <class T>
inline constexpr int64_t kLineElements = 64 / static_cast<int64_t>(sizeof(T));

// How far into a cache line an element lies, in elements.
template <class T>
int64_t line_position(const T* at) {
  return static_cast<int64_t>(reinterpret_cast<uintptr_t>(at) % 64 / sizeof(T));
}

inline void finish_streaming() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

namespace transposing {

// Vectors of 16 bytes, which every target has.
template <class T>
struct Vectors {
  static constexpr int kLanes = 16 / sizeof(T);
  typedef T Vector __attribute__((vector_size(16)));
  using Lanes = std::make_integer_sequence<int, kLanes>;

  template <int... I>
  static Vector low_lanes(Vector a, Vector b, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, (I % 2 ? kLanes + I / 2 : I / 2)...);
  }
  template <int... I>
  static Vector high_lanes(Vector a, Vector b, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, (kLanes / 2 + (I % 2 ? kLanes + I / 2 : I / 2))...);
  }

  // to[r * to_step + c] = from[c * from_step + r] for kLanes x kLanes elements: interleaving the two halves of the
  // rows log2(kLanes) times transposes.
  static void transpose(const T* from, int64_t from_step, T* to, int64_t to_step) {
    Vector a[kLanes], b[kLanes];
    Vector *in = a, *out = b;
    for (int i = 0; i < kLanes; ++i) std::memcpy(&in[i], from + i * from_step, sizeof(Vector));
    for (int stage = 1; stage < kLanes; stage *= 2) {
      for (int i = 0; i < kLanes / 2; ++i) {
        out[2 * i] = low_lanes(in[i], in[i + kLanes / 2], Lanes());
        out[2 * i + 1] = high_lanes(in[i], in[i + kLanes / 2], Lanes());
      }
      std::swap(in, out);
    }
    for (int i = 0; i < kLanes; ++i) std::memcpy(to + i * to_step, &in[i], sizeof(Vector));
  }
};

// Whole lines past the caches, what is left at the ends through them.
template <class T>
void stream_row(int64_t n, const T* from, T* to) {
#if defined(__SSE2__)
  constexpr int64_t kLine = kLineElements<T>;
  int64_t i = 0;
  for (const int64_t head = std::min(n, (kLine - line_position(to)) % kLine); i < head; ++i) to[i] = from[i];
  for (; i + kLine <= n; i += kLine) {
    const __m128i* source = reinterpret_cast<const __m128i*>(from + i);
    __m128i* target = reinterpret_cast<__m128i*>(to + i);
    for (int part = 0; part < 4; ++part) _mm_stream_si128(target + part, _mm_loadu_si128(source + part));
  }
  for (; i < n; ++i) to[i] = from[i];
#else
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
#endif
}

// Columns of which the lines will be needed soon. The hardware follows too few streams to see it coming.
// (Not inlined, gcc takes a function that only prefetches for one without effects and drops the call.)
template <class T>
[[gnu::always_inline]] inline void prefetch_columns(const Tile<T>& tile, int64_t j) {
  constexpr int64_t kAhead = 16;
  for (int64_t column = j + kAhead; column < j + kAhead + Vectors<T>::kLanes; ++column) {
    // Past the last column: the first ones of the tile below.
    const T* from = column < tile.columns ? tile.src + column * tile.src_columns
                                          : tile.src + (column - tile.columns) * tile.src_columns + tile.rows;
    for (int64_t i = 0; i < tile.rows; i += kLineElements<T>) __builtin_prefetch(from + i);
  }
}

template <class T>
void plain(const Tile<T>& t, int64_t row, int64_t column, T* to, int64_t to_step) {
  for (int64_t i = row; i < t.rows; ++i)
    for (int64_t j = column; j < t.columns; ++j) to[i * to_step + j] = t.src[i * t.src_rows + j * t.src_columns];
}

// Writes the rows of a tile out of the buffer.
template <class T>
void flush(const Tile<T>& tile, const T* buffer, int64_t step) {
  for (int64_t i = 0; i < tile.rows; ++i) {
    const T* from = buffer + i * step;
    T* to = tile.dst + i * tile.dst_step;
    if (!tile.streaming) {
      std::memcpy(to, from, static_cast<size_t>(tile.columns) * sizeof(T));
      continue;
    }
    const int64_t begin = tile.shared == 0 ? 0 : tile.shared - line_position(to + tile.shared);
    const int64_t end = tile.last ? tile.columns : tile.columns - line_position(to + tile.columns);
    stream_row(end - begin, from + begin, to + begin);
  }
}

}  // namespace transposing

template <class T>
void transpose_tile(const Tile<T>& tile) {
  using Vectors = transposing::Vectors<T>;
  constexpr int64_t kLanes = Vectors::kLanes;
  if (!tile.streaming && (tile.src_rows != 1 || tile.rows < kLanes || tile.columns < kLanes))
    return transposing::plain(tile, 0, 0, tile.dst, tile.dst_step);
  const bool buffered = tile.streaming || (tile.rows == kTileRows<T> && tile.columns >= kTileColumns / 2);
  alignas(64) T buffer[kTileRows<T> * kTileColumns];
  T* to = buffered ? buffer : tile.dst;
  const int64_t to_step = buffered ? kTileColumns : tile.dst_step;
  const int64_t rows = tile.rows / kLanes * kLanes, columns = tile.columns / kLanes * kLanes;
  for (int64_t j = 0; j < columns; j += kLanes) {
    if (tile.streaming) transposing::prefetch_columns(tile, j);
    for (int64_t i = 0; i < rows; i += kLanes)
      Vectors::transpose(tile.src + j * tile.src_columns + i, tile.src_columns, to + i * to_step + j, to_step);
  }
  if (columns < tile.columns) transposing::plain(tile, 0, columns, to, to_step);
  if (rows < tile.rows) {
    Tile<T> left = tile;
    left.columns = columns;
    transposing::plain(left, rows, 0, to, to_step);
  }
  if (buffered) transposing::flush(tile, buffer, to_step);
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_TRANSPOSE_H_
