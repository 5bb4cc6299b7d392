// The transposed copy of a plane.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_TRANSPOSE_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_TRANSPOSE_H_

#include <algorithm>
#include <cstdint>

namespace nngpu::cpu {

// One tile at most kTransposeTile on a side, which stays in the first-level cache.
inline constexpr int64_t kTransposeTile = 64;

template <class T>
void transpose_tile(int64_t m, int64_t n, const T* src, int64_t src_rows, int64_t src_columns, T* dst,
                    int64_t dst_step) {
  constexpr int64_t kLine = std::max<int64_t>(8, 64 / sizeof(T));  // a cache line of the destination
  for (int64_t i = 0; i < m; i += kLine) {
    const int64_t rows = std::min(kLine, m - i);
    for (int64_t j = 0; j < n; j += kLine) {
      const int64_t columns = std::min(kLine, n - j);
      T lines[kLine * kLine];
      const T* from = src + i * src_rows + j * src_columns;
      T* to = dst + i * dst_step + j;
      if (rows == kLine && src_rows == 1) {
        for (int64_t c = 0; c < columns; ++c)
          for (int64_t r = 0; r < kLine; ++r) lines[r * kLine + c] = from[c * src_columns + r];
      } else {
        for (int64_t c = 0; c < columns; ++c)
          for (int64_t r = 0; r < rows; ++r) lines[r * kLine + c] = from[c * src_columns + r * src_rows];
      }
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c) to[r * dst_step + c] = lines[r * kLine + c];
    }
  }
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_TRANSPOSE_H_
