// Linear systems and inverses, by LU.
#include <algorithm>

#include "backend/gpu/launches/lu.h"
#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

// Right-hand sides at once: the lanes wait less for each other with several.
int columns_at_once(int64_t columns) { return columns == 1 ? 1 : 4; }

// How many of them each subgroup of a block has at once, beside its part of the matrix.
int columns_of_subgroup(const BlockGrid& grid, DType dtype, int64_t columns) {
  const int most = dtype == DType::F64 || grid.side > 64 ? 4 : grid.side > 32 ? 8 : 16;
  int each = 1;
  while (each < most && each * int64_t{grid.warps} < columns) each *= 2;
  return each;
}

// Blocks beside each other for the columns, if the entries alone are few.
uint32_t column_blocks(const SmallGrid& grid, const GpuBackend& gpu, int64_t columns, int at_once) {
  const int64_t wanted = 4 * gpu.properties().multiprocessors / grid.blocks;
  return static_cast<uint32_t>(std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, columns / (4 * at_once))));
}

BufferPtr pivots_memory(GpuBackend& gpu, const Stack& a, Stack& pivots) {
  pivots.dtype = DType::I32;
  pivots.rows = a.rows;
  pivots.entries = a.entries;
  pivots.holder = gpu.pool().allocate(static_cast<size_t>(pivots.bytes()));
  pivots.data = pivots.holder->data;
  return gpu.pool().allocate(static_cast<size_t>(a.entries * a.rows) * sizeof(int64_t));
}

// x = a^-1 b, or a^-1 where b is null; a is overwritten by its factors.
void solve_large(GpuBackend& gpu, const Stack& a, const char* b, const Stack& x, const Stack& status) {
  replace_non_finite(gpu, a, false, status, a.rows);
  Stack pivots;
  const BufferPtr permutation = pivots_memory(gpu, a, pivots);
  factor_lu(gpu, a, pivots, status);
  permutation_of(gpu, pivots, a.rows, permutation->data);
  substitute_lu(gpu, a, permutation->data, b, x);
  spoil_non_finite(gpu, x, status, a.rows);
}

void check_pivots(GpuBackend& gpu, const Launch& launch, const RunContext& context, const Stack& pivots, int64_t n,
                  const BufferPtr& status) {
  if (pivots.entries == 0) return;
  Arguments arguments;
  arguments.buffer(pivots.data).buffer(status->data).value(static_cast<int32_t>(n)).value(pivots.entries);
  gpu.launch(gpu.library().kernel("lu", "check_pivots", type_definition(DType::F32)),
             {gpu.blocks_for(pivots.entries, 256), 1, 1}, {256, 1, 1}, arguments);
  defer(gpu, context, status,
        [&gpu, n, entries = pivots.item_entries, items = launch.items](const char* from,
                                                                       std::vector<graph::Failure>& failures) {
          std::vector<int32_t> words(static_cast<size_t>(2 * entries * items));
          gpu.download(words.data(), from, words.size() * sizeof(int32_t));
          for (int32_t item = 0; item < items; ++item)
            for (int64_t i = item * entries; i < (item + 1) * entries; ++i) {
              if (words[2 * i] == 0) continue;
              failures.push_back({item, std::make_exception_ptr(IndexError(
                                            "[lu_solve] pivot " + std::to_string(words[2 * i + 1]) +
                                            " is out of range for a matrix of size " + std::to_string(n)))});
              break;
            }
        });
}

void apply_small(GpuBackend& gpu, const Matrices& lu, const Stack& pivots, const BufferPtr& status,
                 const Matrices& b, const Stack& x) {
  const SmallGrid grid(gpu, x.rows, x.entries);
  const int at_once = columns_at_once(x.columns);
  Arguments arguments;
  arguments.buffer(lu.data).buffer(pivots.data).buffer(status->data).buffer(b.data).buffer(x.data);
  arguments.value(static_cast<int32_t>(x.rows)).value(x.columns).value(x.entries);
  arguments.value(strides_of(lu)).value(strides_of(b));
  grid.launch(gpu, lu_small_kernel(gpu, grid, x.dtype, "LU_APPLY", "lu_apply_small", at_once), arguments,
              column_blocks(grid, gpu, x.columns, at_once));
}

void solve_small(GpuBackend& gpu, const Matrices& a, const Matrices& b, const Stack& x, const Stack& status) {
  if (a.entries == 0) return;
  Arguments arguments;
  arguments.buffer(a.data).buffer(b.data).buffer(x.data).buffer(status.data);
  arguments.value(static_cast<int32_t>(a.rows)).value(x.columns).value(a.entries);
  arguments.value(strides_of(a)).value(strides_of(b));
  if (a.rows > kLaneSide) {
    const BlockGrid grid(a.dtype, a.rows, a.entries);
    const int each = columns_of_subgroup(grid, a.dtype, x.columns);
    const int blocks = grid.side == 32 ? 16 : grid.side == 64 ? 5 : 2;
    return grid.launch(gpu, lu_block_kernel(gpu, grid, a.dtype, "SOLVE", "solve_block", each, blocks), arguments);
  }
  const SmallGrid grid(gpu, a.rows, a.entries);
  const int at_once = columns_at_once(x.columns);
  grid.launch(gpu, lu_small_kernel(gpu, grid, a.dtype, "SOLVE", "solve_small", at_once), arguments,
              column_blocks(grid, gpu, x.columns, at_once));
}

void inverse_small(GpuBackend& gpu, const Matrices& a, const Stack& x, const Stack& status, const Stack& info) {
  if (a.entries == 0) return;
  Arguments arguments;
  arguments.buffer(a.data).buffer(x.data).buffer(status.data).value(static_cast<int32_t>(a.rows)).value(a.entries);
  arguments.value(strides_of(a)).buffer(info.data);
  if (a.rows > kLaneSide) {
    const BlockGrid grid(a.dtype, a.rows, a.entries);
    return grid.launch(gpu, lu_block_kernel(gpu, grid, a.dtype, "INVERSE", "inverse_block", 1, 1), arguments);
  }
  const SmallGrid grid(gpu, a.rows, a.entries);
  grid.launch(gpu, lu_small_kernel(gpu, grid, a.dtype, "INVERSE", "inverse_small", 4), arguments);
}

}  // namespace

void run_lu_solve(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const Stack x = output_stack(gpu, launch, context, 0, Entry::Matrix);
  if (x.entries * x.entry_size() == 0) return;
  const Stack pivots = input_stack(gpu, launch, context, 1, Entry::Vector);
  const BufferPtr status = gpu.status_memory(static_cast<size_t>(2 * x.entries) * sizeof(int32_t));
  check_pivots(gpu, launch, context, pivots, x.rows, status);
  if (x.rows <= kSmallSide) {
    apply_small(gpu, input_matrices(gpu, launch, context, 0), pivots, status,
                input_matrices(gpu, launch, context, 2), x);
  } else {
    const BufferPtr permutation = gpu.pool().allocate(static_cast<size_t>(x.entries * x.rows) * sizeof(int64_t));
    const Stack lu = input_stack(gpu, launch, context, 0, Entry::Matrix);
    const Stack b = input_stack(gpu, launch, context, 2, Entry::Matrix);
    permutation_of(gpu, pivots, x.rows, permutation->data);
    substitute_lu(gpu, lu, permutation->data, b.data, x);
  }
  store_stack(gpu, launch, context, 0, Entry::Matrix, x);
}

void run_solve(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const Stack x = output_stack(gpu, launch, context, 0, Entry::Matrix);
  const Stack status = status_stack(gpu, launch);
  const int64_t n = x.rows;
  if (n <= kBlockSide) {
    solve_small(gpu, input_matrices(gpu, launch, context, 0), input_matrices(gpu, launch, context, 1), x, status);
  } else {
    const Stack b = input_stack(gpu, launch, context, 1, Entry::Matrix);
    solve_large(gpu, copied_stack(gpu, launch, context, 0, Entry::Matrix), b.data, x, status);
  }
  store_stack(gpu, launch, context, 0, Entry::Matrix, x);
  store_stack(gpu, launch, context, 1, Entry::Number, status);
  report_status(gpu, launch, context, "solve", status, n, InfoKind::Singular);
}

void run_inverse(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const Stack x = output_stack(gpu, launch, context, 0, Entry::Matrix);
  const Stack status = status_stack(gpu, launch);
  Stack info = status;  // the same words, which outlive the checks
  const int64_t n = x.rows;
  if (n <= kBlockSide) {
    info = output_stack(gpu, launch, context, 1, Entry::Number);
    inverse_small(gpu, input_matrices(gpu, launch, context, 0), x, status, info);
  } else {
    solve_large(gpu, copied_stack(gpu, launch, context, 0, Entry::Matrix), nullptr, x, status);
  }
  store_stack(gpu, launch, context, 0, Entry::Matrix, x);
  store_stack(gpu, launch, context, 1, Entry::Number, info);
  report_status(gpu, launch, context, "inverse", status, n, InfoKind::Singular);
}

}  // namespace nngpu::gpu
