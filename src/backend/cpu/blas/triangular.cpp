// Triangular solves and products: halves of the triangle become gemm, and what is left is done strip by strip,
// a strip being as many columns of b as a register tile is wide, with the rows of b as its vectors.
#include <algorithm>

#include "backend/cpu/blas.h"
#include "backend/cpu/blas/product.h"
#include "backend/cpu/blas/scratch.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kStripBytes = 32 << 10;  // a strip that a first-level cache holds

enum class Kind { Solve, Multiply };

template <class T>
struct Task {
  Kind kind;
  Triangle triangle;
  Diagonal diagonal;
  ConstMatrix<T> a;
};

// Rows [first, first + rows) of a strip are done against the rows [from, from + terms) on their other side.
struct Block {
  int64_t first, rows, from, terms;
};

// Copies a triangle of the diagonal so that it is lower: an upper one is turned around by both its indices.
template <class T>
void copy_triangle(const Task<T>& task, const Block& block, T* l) {
  const ConstMatrix<T>& a = task.a;
  const bool lower = task.triangle == Triangle::Lower;
  const T* corner = a.data + (block.first + (lower ? 0 : block.rows - 1)) * (a.rs + a.cs);
  const int64_t rs = lower ? a.rs : -a.rs, cs = lower ? a.cs : -a.cs;
  for (int64_t i = 0; i < block.rows; ++i) {
    for (int64_t j = 0; j < i; ++j) l[i * kMaxTileColumns + j] = corner[i * rs + j * cs];
    T& middle = l[i * kMaxTileColumns + i];
    middle = task.diagonal == Diagonal::Unit ? T{1} : corner[i * (rs + cs)];
    if (task.kind == Kind::Solve) middle = T{1} / middle;
  }
}

// strip rows of the block: first solved against the finished rows and then by their own triangle, or multiplied by
// their triangle and then given the products with rows that are still as they were.
template <class T>
void run_block(const Task<T>& task, const Block& block, int64_t width, T* strip, int64_t step) {
  const Kernels<T>& table = kernels<T>();
  alignas(64) T l[kMaxTileColumns * kMaxTileColumns];
  copy_triangle(task, block, l);
  const bool lower = task.triangle == Triangle::Lower, solve = task.kind == Kind::Solve;
  const auto apply_triangle = [&] {
    T* rows = strip + (block.first + (lower ? 0 : block.rows - 1)) * step;
    (solve ? table.solve : table.multiply)[block.rows - 1](width, l, rows, lower ? step : -step);
  };
  if (!solve) apply_triangle();
  if (block.terms > 0) {
    TileArgs<T> args;
    args.rows = width, args.k = block.terms;
    args.a = strip + block.from * step, args.a_step = step;
    args.b = task.a.data + block.first * task.a.rs + block.from * task.a.cs;
    args.b_step = task.a.cs, args.b_stride = task.a.rs;
    args.c = strip + block.first * step, args.c_step = step;
    args.alpha = solve ? T{-1} : T{1}, args.beta = T{1};
    table.tile_for(width, block.rows)(args);
  }
  if (solve) apply_triangle();
}

// All of an m x width strip. A solve of a lower triangle starts at its first rows, a product at its last.
template <class T>
void run_strip(const Task<T>& task, int64_t m, int64_t width, T* strip, int64_t step) {
  const int64_t most = kernels<T>().tile_columns;
  const int64_t blocks = (m + most - 1) / most;
  const bool lower = task.triangle == Triangle::Lower;
  const bool down = lower == (task.kind == Kind::Solve);
  for (int64_t index = 0; index < blocks; ++index) {
    Block block;
    block.first = (down ? index : blocks - 1 - index) * most;
    block.rows = std::min(most, m - block.first);
    block.from = lower ? 0 : block.first + block.rows;
    block.terms = lower ? block.first : m - block.from;
    run_block(task, block, width, strip, step);
  }
}

// Columns [begin, end) of b, strip by strip; strips are copied unless their rows are contiguous already.
template <class T>
void run_strips(const Task<T>& task, int64_t m, int64_t begin, int64_t end, const Matrix<T>& b) {
  const Kernels<T>& table = kernels<T>();
  for (int64_t j = begin; j < end; j += table.tile_rows) {
    const int64_t width = std::min(table.tile_rows, end - j);
    T* columns = b.data + j * b.cs;
    if (b.cs == 1) {
      run_strip(task, m, width, columns, b.rs);
      continue;
    }
    T* strip = scratch<T>(Scratch::Strip, m * table.tile_rows);
    table.pack(width, m, columns, b.cs, b.rs, strip, table.tile_rows);
    run_strip(task, m, width, strip, table.tile_rows);
    if (b.rs == 1) {
      table.pack(m, width, strip, table.tile_rows, 1, columns, b.cs);
    } else {
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t p = 0; p < width; ++p) columns[i * b.rs + p * b.cs] = strip[i * table.tile_rows + p];
      }
    }
  }
}

template <class T>
struct Half {
  Task<T> task;
  int64_t rows;
  Matrix<T> b;
};

template <class T>
void run(const Task<T>& task, int64_t m, int64_t n, const Matrix<T>& b) {
  const Kernels<T>& table = kernels<T>();
  const int64_t strip_bytes = table.tile_rows * static_cast<int64_t>(sizeof(T));
  const int64_t most = kStripBytes / strip_bytes / table.tile_columns * table.tile_columns;
  if (m <= most) {
    const int64_t strips = (n + table.tile_rows - 1) / table.tile_rows;
    const int64_t grain = 1 + 200'000 / (table.tile_rows * m * (m / 2 + 16));
    parallel_for(strips, grain, [&](int64_t begin, int64_t end) {
      run_strips(task, m, begin * table.tile_rows, std::min(n, end * table.tile_rows), b);
    });
    return;
  }
  // One half of b gives, the other takes: a solve must finish the giver before it is taken out of the taker, and
  // a product must use it before it is overwritten.
  const int64_t top = (m / 2 + most - 1) / most * most, bottom = m - top;
  const ConstMatrix<T>& a = task.a;
  const Half<T> upper_half{task, top, b};
  Half<T> lower_half{task, bottom, {b.data + top * b.rs, b.rs, b.cs}};
  lower_half.task.a.data += top * (a.rs + a.cs);
  const bool lower = task.triangle == Triangle::Lower, solve = task.kind == Kind::Solve;
  const Half<T>& giver = lower ? upper_half : lower_half;
  const Half<T>& taker = lower ? lower_half : upper_half;
  const ConstMatrix<T> between{a.data + top * (lower ? a.rs : a.cs), a.rs, a.cs};
  const Half<T>& before = solve ? giver : taker;
  const Half<T>& after = solve ? taker : giver;
  run(before.task, before.rows, n, before.b);
  product<T>(Part::All, taker.rows, n, giver.rows, solve ? T{-1} : T{1}, between, giver.b, T{1}, taker.b);
  run(after.task, after.rows, n, after.b);
}

// Threads share the columns where there are enough; otherwise they meet in every part of the recursion.
template <class T>
void run_columns(const Task<T>& task, int64_t m, int64_t n, const Matrix<T>& b) {
  if (m <= 0 || n <= 0) return;
  const int64_t width = kernels<T>().tile_rows;
  const int64_t strips = (n + width - 1) / width;
  if (strips < 2 * num_threads()) {
    run(task, m, n, b);
    return;
  }
  const int64_t grain = 1 + 400'000 / (width * m * (m / 2 + 16));
  parallel_for(strips, grain, [&](int64_t begin, int64_t end) {
    const int64_t columns = std::min(n, end * width) - begin * width;
    run(task, m, columns, Matrix<T>{b.data + begin * width * b.cs, b.rs, b.cs});
  });
}

}  // namespace

template <class T>
void trsm(Triangle triangle, Diagonal diagonal, int64_t m, int64_t n, ConstMatrix<T> a, Matrix<T> b) {
  run_columns(Task<T>{Kind::Solve, triangle, diagonal, a}, m, n, b);
}

template <class T>
void trmm(Triangle triangle, Diagonal diagonal, int64_t m, int64_t n, ConstMatrix<T> a, Matrix<T> b) {
  run_columns(Task<T>{Kind::Multiply, triangle, diagonal, a}, m, n, b);
}

#define NNGPU_INSTANTIATE(T)                                                           \
  template void trsm(Triangle, Diagonal, int64_t, int64_t, ConstMatrix<T>, Matrix<T>); \
  template void trmm(Triangle, Diagonal, int64_t, int64_t, ConstMatrix<T>, Matrix<T>)
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
