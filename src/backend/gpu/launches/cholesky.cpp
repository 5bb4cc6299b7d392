// Cholesky factors of stacks of matrices.
#include "backend/gpu/launches/block_matrix.h"
#include "backend/gpu/launches/factor_vendor.h"
#include "backend/gpu/launches/subtract_product.h"

namespace nngpu::gpu {
namespace {

// As in kernels/cholesky.kl.
struct Panel {
  int64_t step, entries;
  int32_t n, rs, cs, first;
};
constexpr int64_t kWidth = 32;

void factor_small(GpuBackend& gpu, const Matrices& a, const Stack& factors, const Stack& status, bool upper) {
  if (a.entries == 0) return;
  const auto n = static_cast<int32_t>(a.rows);
  Arguments arguments;
  arguments.buffer(a.data).buffer(factors.data).buffer(status.data).value(n);
  const Matrices to = matrices_of(factors);
  arguments.value(strides_of(upper ? a.transposed() : a)).value(strides_of(upper ? to.transposed() : to));
  arguments.value(a.entries);
  if (a.rows > kLaneSide) {
    const BlockGrid grid(a.dtype, a.rows, a.entries);
    const std::string definitions = grid.definitions(a.dtype, grid.side == 32 ? 32 : 1);
    return grid.launch(gpu, gpu.library().kernel("cholesky_block", "cholesky_block", definitions), arguments);
  }
  const SmallGrid grid(gpu, a.rows, a.entries);
  grid.launch(gpu, gpu.library().kernel("cholesky_small", "cholesky_small", grid.definitions(a.dtype)), arguments);
}

// In place of the lower triangle, panel by panel.
void factor_large(GpuBackend& gpu, const Matrices& a, const Stack& status) {
  const std::string definitions = "#define MAX_THREADS 256\n" + type_definition(a.dtype);
  const KernelHandle kernel = gpu.library().kernel("cholesky", "cholesky_panel", definitions);
  Panel panel{
      a.step, a.entries, static_cast<int32_t>(a.rows), static_cast<int32_t>(a.rs), static_cast<int32_t>(a.cs), 0};
  const int64_t left = factor_cholesky_by_vendor(gpu, a, status) ? 0 : a.rows;
  for (int64_t first = 0; first < left; first += kWidth) {
    panel.first = static_cast<int32_t>(first);
    Arguments arguments;
    arguments.buffer(a.data).buffer(status.data).value(panel);
    gpu.launch(kernel, {entry_blocks(a.entries), 1, 1}, {256, 1, 1}, arguments);
    const int64_t next = first + kWidth, rest = a.rows - next;
    if (rest <= 0) break;
    const Matrices below = a.part(next, first, rest, kWidth);
    subtract_product(gpu, below, below.transposed(), a.part(next, next, rest, rest), true);
  }
  Arguments arguments;
  arguments.buffer(a.data).value(panel);
  gpu.launch(gpu.library().kernel("cholesky", "clear_upper", definitions),
             {gpu.blocks_for(a.rows * a.rows, 256), entry_blocks(a.entries), 1}, {256, 1, 1}, arguments);
}

}  // namespace

void run_cholesky(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const bool upper = launch.params.as<graph::LinalgParams>().upper != 0;
  const Stack factors = output_stack(gpu, launch, context, 0, Entry::Matrix);
  const Stack status = status_stack(gpu, launch);
  const int64_t n = factors.rows;
  if (n <= kBlockSide) {
    factor_small(gpu, input_matrices(gpu, launch, context, 0), factors, status, upper);
    store_stack(gpu, launch, context, 0, Entry::Matrix, factors);
  } else if (factors.entries > 0) {
    // The upper factor is the transpose of the lower one of the transposed matrix.
    Stack work =
        upper || !factors.direct ? own_stack(gpu, launch.outputs[0], Entry::Matrix, launch.items) : factors;
    fill_stack(gpu, launch, context, 0, Entry::Matrix, work, upper);
    replace_non_finite(gpu, work, true, status, n);
    factor_large(gpu, matrices_of(work), status);
    spoil_non_finite(gpu, work, status, n);
    store_stack(gpu, launch, context, 0, Entry::Matrix, work, upper);
  }
  store_stack(gpu, launch, context, 1, Entry::Number, status);
  report_status(gpu, launch, context, "cholesky", status, n, InfoKind::NotPositiveDefinite);
}

}  // namespace nngpu::gpu
