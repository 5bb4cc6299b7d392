// Matrix products as the kernels see them: strides brought to one form, and which kernel computes them. The choice
// depends on an item's own shape and strides where it could change the order of a sum, never on how many items run
// together, so that batching changes no bits.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_PROBLEM_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_PROBLEM_H_

#include "graph/launch.h"

namespace nngpu::gpu {

// struct Problem of kernels/matmul_parts.kl.
struct MatmulArguments {
  int64_t m, n, k;
  int64_t a_row, a_k, b_k, b_column, c_row, c_column;
  int64_t splits, chunk;
  int64_t batch, jobs;
  int64_t rows, columns;
  int64_t a_along_k, b_along_k;
  int64_t rank;
  int64_t size[6], a_step[6], b_step[6], c_step[6];
};

enum class MatmulKernel { Small, Vector, Tiled };

// Results of a block, k of a step, results of a thread.
struct Tile {
  int bm, bn, bk, tm, tn;
  uint32_t threads() const { return static_cast<uint32_t>(bm / tm * (bn / tn)); }
};

struct MatmulPlan {
  MatmulArguments p{};
  MatmulKernel kernel = MatmulKernel::Small;
  bool swapped = false;  // a and b have changed places: the product is of the transposed
  bool wide = false;     // 64-bit indices
  int micro = 1;         // Small: micro x micro results of a thread
  int group = 32;        // Vector: threads of a row
  Tile tile{};           // Tiled
  bool empty() const { return p.batch == 0 || p.m == 0 || p.n == 0; }
  int64_t products() const { return p.jobs / p.splits; }
};

MatmulPlan plan_matmul(const graph::Operand& a, const graph::Operand& b, const graph::Operand& c, int32_t items);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_PROBLEM_H_
