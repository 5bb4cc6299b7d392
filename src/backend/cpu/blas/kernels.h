// The vector kernels that the level-3 drivers are built on, as tables of function pointers: one table a type,
// filled by whichever instruction set Highway picks at run time. The drivers themselves stay plain C++, so
// that threads and blocking are compiled once.
#ifndef NNGPU_BACKEND_CPU_BLAS_KERNELS_H_
#define NNGPU_BACKEND_CPU_BLAS_KERNELS_H_

#include <cstdint>

namespace nngpu::cpu {

// One register tile: c = alpha * a * b + beta * c, where
//   a(i, p) = a[i + p * a_step]             rows side by side, as in a packed panel or a column-major matrix
//   b(p, j) = b[p * b_step + j * b_stride]  any strides: its elements are broadcast one by one
//   c(i, j) = c[i + j * c_step]
// Every element is one chain of fused multiply-adds in the order of p, whatever the shape of the tile, so
// the way a product is cut into tiles does not show in its bits.
template <class T>
struct TileArgs {
  int64_t rows, k;
  const T* a;
  int64_t a_step;
  const T* b;
  int64_t b_step, b_stride;
  T* c;
  int64_t c_step;
  T alpha, beta;
};

template <class T>
using TileFunction = void (*)(const TileArgs<T>&);

inline constexpr int kMaxTileVectors = 4;
inline constexpr int kMaxTileColumns = 12;

template <class T>
struct Kernels {
  int64_t lanes;         // elements in a vector
  int64_t tile_rows;     // of the largest tile: a multiple of lanes
  int64_t tile_columns;  // of the largest tile
  int64_t batch_rows;    // that `batch` takes at once: tile_rows or more

  // tile[w][tail][columns - 1] computes rows of width w: 0 and 1 are a quarter and half of a vector, v + 1 is v
  // vectors. Where `rows` is not the whole width, `tail` must be 1; neither a nor c is touched beyond `rows`.
  TileFunction<T> tile[kMaxTileVectors + 2][2][kMaxTileColumns];

  // batch[w][tail] computes `count` products with any number of columns; a, b and c of `shape` are not used.
  void (*batch[kMaxTileVectors + 2][2])(const TileArgs<T>& shape, int64_t columns, int64_t count,
                                        const T* const* a, const T* const* b, T* const* c);

  // out[i + p * out_step] = in[i * stride + p * step] for i < width and p < k.
  void (*pack)(int64_t width, int64_t k, const T* in, int64_t stride, int64_t step, T* out, int64_t out_step);

  // x = l^-1 * x, and x = l * x, for rows x[i * step] of `width` elements; [n - 1] for n <= tile_columns rows.
  // l(i, j) = l[i * kMaxTileColumns + j] is lower triangular; to solve, its diagonal holds reciprocals.
  void (*solve[kMaxTileColumns])(int64_t width, const T* l, T* x, int64_t step);
  void (*multiply[kMaxTileColumns])(int64_t width, const T* l, T* x, int64_t step);

  // y += a * x for a (m x n) with contiguous columns or rows, `step` apart. For rows, x is readable, and zero,
  // up to a whole number of vectors.
  void (*gemv_columns)(int64_t m, int64_t n, const T* a, int64_t step, const T* x, T* y);
  void (*gemv_rows)(int64_t m, int64_t n, const T* a, int64_t step, const T* x, T* y);

  struct Width {
    int64_t index;
    bool tail;
  };
  Width width_for(int64_t rows) const {
    if (rows * 4 <= lanes) return {0, rows * 4 != lanes};
    if (rows * 2 <= lanes) return {1, rows * 2 != lanes};
    const int64_t vectors = (rows + lanes - 1) / lanes;
    return {vectors + 1, rows != vectors * lanes};
  }

  // The tile function for `rows` <= tile_rows and `columns` <= tile_columns.
  TileFunction<T> tile_for(int64_t rows, int64_t columns) const {
    const Width width = width_for(rows);
    return tile[width.index][width.tail][columns - 1];
  }
};

template <class T>
const Kernels<T>& kernels();

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_BLAS_KERNELS_H_
