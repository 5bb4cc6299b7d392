#include "backend/gpu/launches/matmul_problem.h"

#include <algorithm>
#include <cstdlib>

#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

constexpr int64_t kSplitBlocks = 256;     // that splits of k bring a product to
constexpr int64_t kSplitThreads = 65536;  // the same for kernels without tiles

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The matrices and the batch axes, neighbours merged.
struct Form {
  MatmulArguments p{};
  Shape batch;
  Dims a, b, c;

  Form(const graph::Operand& x, const graph::Operand& y, const graph::Operand& z) {
    const int rank = z.shape.size(), row = rank - 2, column = rank - 1;
    p.m = z.shape[row], p.n = z.shape[column], p.k = x.shape[column];
    p.a_row = x.strides[row], p.a_k = x.strides[column];
    p.b_k = y.strides[row], p.b_column = y.strides[column];
    p.c_row = z.strides[row], p.c_column = z.strides[column];
    for (int i = 0; i < row; ++i) {
      batch.push_back(z.shape[i]);
      a.push_back(x.strides[i]);
      b.push_back(y.strides[i]);
      c.push_back(z.strides[i]);
    }
    Dims classes = Dims::filled(row, 0);
    graph::collapse(batch, {&a, &b, &c}, classes);
  }

  // A batch that shares one factor is one product, if the batch continues the other's rows (columns).
  void merge_shared() {
    if (batch.size() != 1) return;
    if (b[0] == 0 && (p.m == 1 || (a[0] == p.m * p.a_row && c[0] == p.m * p.c_row))) {
      if (p.m == 1) p.a_row = a[0], p.c_row = c[0];
      p.m *= batch[0];
    } else if (a[0] == 0 && (p.n == 1 || (b[0] == p.n * p.b_column && c[0] == p.n * p.c_column))) {
      if (p.n == 1) p.b_column = b[0], p.c_column = c[0];
      p.n *= batch[0];
    } else {
      return;
    }
    for (Dims* list : {static_cast<Dims*>(&batch), &a, &b, &c}) list->pop_back();
  }

  // Vectors are columns, and a matrix c is written along its rows. True if it took a transposition.
  bool orient() {
    const bool swap = p.m == 1 || p.n == 1 ? p.n != 1 : std::abs(p.c_row) < std::abs(p.c_column);
    if (!swap) return false;
    std::swap(p.m, p.n);
    std::swap(p.a_row, p.b_column);
    std::swap(p.a_k, p.b_k);
    std::swap(p.c_row, p.c_column);
    std::swap(a, b);
    return true;
  }

  void finish() {
    p.batch = numel(batch);
    p.a_along_k = std::abs(p.a_k) < std::abs(p.a_row);
    p.b_along_k = std::abs(p.b_k) < std::abs(p.b_column);
    p.rank = batch.size();
    for (int i = 0; i < batch.size(); ++i) {
      const int axis = batch.size() - 1 - i;
      p.size[i] = batch[axis];
      p.a_step[i] = a[axis], p.b_step[i] = b[axis], p.c_step[i] = c[axis];
    }
  }
};

// Offsets in a matrix, with the margin of a tile beyond it.
bool is_wide(const MatmulArguments& p) {
  constexpr int64_t kLimit = int64_t{1} << 30, kTile = 160;
  const auto far = [&](int64_t rows, int64_t row, int64_t columns, int64_t column) {
    return (rows + kTile) * std::abs(row) + (columns + kTile) * std::abs(column) >= kLimit;
  };
  return p.jobs * p.m * p.n >= kLimit || p.k >= kLimit || far(p.m, p.a_row, p.k, p.a_k) ||
         far(p.k, p.b_k, p.n, p.b_column) || far(p.m, p.c_row, p.n, p.c_column);
}

// Parts of k of at least `least`, where the product has fewer than `wanted` of what runs at the same time.
void split(MatmulArguments& p, int64_t parallel, int64_t wanted, int64_t least) {
  const int64_t parts =
      std::clamp<int64_t>(wanted / std::max<int64_t>(1, parallel), 1, std::max<int64_t>(1, p.k / least));
  p.chunk = std::max<int64_t>(1, ceil_div(p.k, parts));
  p.splits = std::max<int64_t>(1, ceil_div(p.k, p.chunk));
}

Tile choose_tile(const MatmulArguments& p, size_t value_size) {
  if (value_size > 4) return p.m <= 32 && p.n <= 32 ? Tile{32, 32, 16, 4, 4} : Tile{64, 64, 8, 4, 4};
  if (p.m <= 32 && p.n <= 32) return {32, 32, 16, 4, 4};
  if (p.n <= 32) return {128, 32, 16, 4, 4};
  if (p.m <= 32) return {32, 128, 16, 4, 4};
  const bool large = p.batch * ceil_div(p.m, 128) * ceil_div(p.n, 128) >= 128;
  return large ? Tile{128, 128, 8, 8, 8} : Tile{64, 64, 16, 4, 4};
}

void plan_tiled(MatmulPlan& plan, size_t value_size) {
  MatmulArguments& p = plan.p;
  plan.kernel = MatmulKernel::Tiled;
  plan.tile = choose_tile(p, value_size);
  p.rows = ceil_div(p.m, plan.tile.bm);
  p.columns = ceil_div(p.n, plan.tile.bn);
  // A few blocks leave most of the device idle: then short parts pay, but no more of them than are added quickly.
  constexpr int64_t kFewBlocks = 16;
  const int64_t blocks = p.batch * p.rows * p.columns;
  const bool short_parts = blocks <= kFewBlocks && p.k >= 256;
  split(p, blocks, kSplitBlocks, short_parts ? std::clamp<int64_t>(p.k / 16, 64, 512) : 512);
}

void plan_vector(MatmulPlan& plan) {
  plan.kernel = MatmulKernel::Vector;
  split(plan.p, plan.p.batch * plan.p.m * 32, kSplitThreads, 4096);
  plan.group = plan.p.chunk >= 2048 ? 256 : 32;
}

// Every result is one sum in the order of k, however many a thread makes: that may depend on the items.
void plan_small(MatmulPlan& plan, int32_t items) {
  MatmulArguments& p = plan.p;
  split(p, p.batch * p.m * p.n, kSplitThreads, 256);
  const int64_t results = p.batch * items * p.splits * p.m * p.n, least = std::min(p.m, p.n);
  constexpr int64_t kThreads = 16384;
  plan.micro = least >= 8 && results >= 16 * kThreads ? 4 : least >= 4 && results >= 4 * kThreads ? 2 : 1;
  p.rows = ceil_div(p.m, plan.micro);
  p.columns = ceil_div(p.n, plan.micro);
}

}  // namespace

MatmulPlan plan_matmul(const graph::Operand& a, const graph::Operand& b, const graph::Operand& c, int32_t items) {
  Form form(a, b, c);
  MatmulPlan plan;
  if (numel(c.shape) == 0) return plan;
  form.merge_shared();
  plan.swapped = form.orient();
  form.finish();
  plan.p = form.p;
  const MatmulArguments& p = plan.p;
  if (p.n == 1 && p.k >= 32 && p.a_along_k != 0)
    plan_vector(plan);
  else if (p.n == 1 || p.k < 16 || p.m * p.n < 256)
    plan_small(plan, items);
  else
    plan_tiled(plan, std::max<size_t>(4, dtype_size(c.dtype)));
  plan.p.jobs = p.batch * p.splits * items;
  plan.wide = is_wide(plan.p);
  return plan;
}

}  // namespace nngpu::gpu
