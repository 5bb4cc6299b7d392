// LU factors of stacks of matrices.
#include "backend/gpu/launches/lu.h"

#include <algorithm>

#include "backend/gpu/launches/factor_vendor.h"
#include "backend/gpu/launches/subtract_product.h"
#include "backend/gpu/launches/triangular.h"

namespace nngpu::gpu {
namespace {

constexpr int64_t kWidth = 32;

// As in kernels/lu.kl.
struct Panel {
  int64_t entries;
  int32_t rows, columns, first, width;
};

KernelHandle lu_kernel(GpuBackend& gpu, DType dtype, const char* name, bool from_identity = false) {
  return gpu.library().kernel(
      "lu", name,
      "#define MAX_THREADS 256\n" + type_definition(dtype) + (from_identity ? "#define FROM_IDENTITY\n" : ""));
}

// One step: a panel of columns, its exchanges in the others, the rows of U on its right, and the rest.
void factor_panel(GpuBackend& gpu, const Stack& a, const Stack& pivots, const Stack& status, const Panel& panel) {
  Arguments factor, exchange;
  factor.buffer(a.data).buffer(pivots.data).buffer(status.data).value(panel);
  gpu.launch(lu_kernel(gpu, a.dtype, "lu_panel"), {entry_blocks(a.entries), 1, 1}, {256, 1, 1}, factor);
  exchange.buffer(a.data).buffer(pivots.data).value(panel);
  gpu.launch(lu_kernel(gpu, a.dtype, "lu_exchange"), {gpu.blocks_for(a.columns, 64), entry_blocks(a.entries), 1},
             {64, 1, 1}, exchange);
  const Matrices all = matrices_of(a);
  const int64_t first = panel.first, width = panel.width, next = first + width;
  const int64_t below = a.rows - next, right = a.columns - next;
  if (right <= 0) return;
  const Matrices u = all.part(first, next, width, right);
  solve_triangular(gpu, all.part(first, first, width, width), u, false, true);
  if (below > 0) subtract_product(gpu, all.part(next, first, below, width), u, all.part(next, next, below, right));
}

// Factors and permutations of matrices that registers hold.
void factor_small(GpuBackend& gpu, const Matrices& a, const Stack& lu, const Stack& pivots, const Stack& status,
                  const Stack& permutation, const Stack& info) {
  if (a.entries == 0) return;
  const int64_t side = std::max(a.rows, a.columns);
  Arguments arguments;
  arguments.buffer(a.data).buffer(lu.data).buffer(pivots.data).buffer(status.data).buffer(permutation.data);
  arguments.value(static_cast<int32_t>(a.rows)).value(static_cast<int32_t>(a.columns)).value(a.entries);
  arguments.value(strides_of(a)).buffer(info.data);
  if (side > kLaneSide) {
    const BlockGrid grid(a.dtype, side, a.entries);
    // Left to itself, the compiler takes registers for one block of 128, and a few too many for 32 of 32.
    const int blocks = grid.side == 32 ? 32 : grid.side == 128 ? 2 : 1;
    return grid.launch(gpu, lu_block_kernel(gpu, grid, a.dtype, "LU_FACTOR", "lu_block", 1, blocks), arguments);
  }
  const SmallGrid grid(gpu, side, a.entries);
  grid.launch(gpu, lu_small_kernel(gpu, grid, a.dtype, "LU_FACTOR", "lu_small", 1), arguments);
}

}  // namespace

KernelHandle lu_small_kernel(GpuBackend& gpu, const SmallGrid& grid, DType dtype, const char* which,
                             const char* name, int columns) {
  return gpu.library().kernel(
      "lu_small", name,
      grid.definitions(dtype) + "#define " + which + "\n#define COLUMNS " + std::to_string(columns) + "\n");
}

KernelHandle lu_block_kernel(GpuBackend& gpu, const BlockGrid& grid, DType dtype, const char* which,
                             const char* name, int columns, int min_blocks) {
  return gpu.library().kernel("lu_block", name,
                              grid.definitions(dtype, min_blocks) + "#define " + which + "\n#define COLUMNS " +
                                  std::to_string(columns) + "\n");
}

void factor_lu(GpuBackend& gpu, const Stack& a, const Stack& pivots, const Stack& status) {
  const int64_t steps = std::min(a.rows, a.columns);
  if (a.entries == 0 || factor_lu_by_vendor(gpu, a, pivots, status)) return;
  for (int64_t first = 0; first < steps; first += kWidth)
    factor_panel(gpu, a, pivots, status,
                 {a.entries, static_cast<int32_t>(a.rows), static_cast<int32_t>(a.columns),
                  static_cast<int32_t>(first), static_cast<int32_t>(std::min(kWidth, steps - first))});
}

void permutation_of(GpuBackend& gpu, const Stack& pivots, int64_t rows, char* permutation) {
  if (pivots.entries * rows == 0) return;
  Arguments arguments;
  arguments.buffer(pivots.data).buffer(permutation).value(static_cast<int32_t>(pivots.rows));
  arguments.value(static_cast<int32_t>(rows)).value(pivots.entries);
  gpu.launch(lu_kernel(gpu, DType::F32, "lu_permutation"), {gpu.blocks_for(pivots.entries * rows, 256), 1, 1},
             {256, 1, 1}, arguments);
}

void substitute_lu(GpuBackend& gpu, const Stack& lu, const char* permutation, const char* b, const Stack& x) {
  const int64_t count = x.entries * x.entry_size();
  if (count == 0) return;
  Arguments arguments;
  arguments.buffer(permutation);
  if (b != nullptr) arguments.buffer(b);
  arguments.buffer(x.data).value(static_cast<int32_t>(x.rows)).value(x.columns).value(x.entries);
  gpu.launch(lu_kernel(gpu, x.dtype, "permuted_rows", b == nullptr), {gpu.blocks_for(count, 256), 1, 1},
             {256, 1, 1}, arguments);
  if (solve_triangles_by_vendor(gpu, lu, x, {{false, false, true}, {false, true, false}})) return;
  solve_triangular(gpu, matrices_of(lu), matrices_of(x), false, true);
  solve_triangular(gpu, matrices_of(lu), matrices_of(x), true, false);
}

void run_lu_factor(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const Stack lu = output_stack(gpu, launch, context, 0, Entry::Matrix);
  const Stack pivots = output_stack(gpu, launch, context, 1, Entry::Vector);
  const Stack status = status_stack(gpu, launch);
  Stack info = status;  // the same words, which outlive the checks
  const bool permuted = static_cast<int>(launch.outputs.size()) / launch.items > 3;
  Stack permutation;
  if (permuted) {
    permutation = output_stack(gpu, launch, context, 3, Entry::Vector);
  } else {
    permutation.holder = gpu.pool().allocate(static_cast<size_t>(8 * lu.entries * lu.rows));
    permutation.data = permutation.holder->data;
  }
  if (std::max(lu.rows, lu.columns) <= kBlockSide) {
    info = output_stack(gpu, launch, context, 2, Entry::Number);
    factor_small(gpu, input_matrices(gpu, launch, context, 0), lu, pivots, status, permutation, info);
  } else {
    fill_stack(gpu, launch, context, 0, Entry::Matrix, lu);
    replace_non_finite(gpu, lu, false, status, lu.columns);
    factor_lu(gpu, lu, pivots, status);
    spoil_non_finite(gpu, lu, status, lu.columns);
    permutation_of(gpu, pivots, lu.rows, permutation.data);
  }
  store_stack(gpu, launch, context, 0, Entry::Matrix, lu);
  store_stack(gpu, launch, context, 1, Entry::Vector, pivots);
  store_stack(gpu, launch, context, 2, Entry::Number, info);
  if (permuted) store_stack(gpu, launch, context, 3, Entry::Vector, permutation);
  report_status(gpu, launch, context, "lu_factor", status, lu.columns, InfoKind::Singular);
}

}  // namespace nngpu::gpu
