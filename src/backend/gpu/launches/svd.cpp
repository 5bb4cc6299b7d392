// Singular value decompositions of stacks of matrices.
#include <algorithm>

#include "backend/gpu/launches/block_matrix.h"
#include "backend/gpu/launches/jacobi.h"
#include "backend/gpu/launches/spectral_vendor.h"

namespace nngpu::gpu {
namespace {

// Matrices with no side over this go by rotations of their columns, as do those over kBlockSide.
constexpr int64_t kRotatedSide = 16;

struct Results {
  Stack u, values, vt;
  bool vectors = false, full = false;
};

// What completion extends: the columns of u, or of a wide matrix the rows of vt.
Matrices open_columns(bool wide, const Results& results) {
  return wide ? matrices_of(results.vt).transposed() : matrices_of(results.u);
}

void svd_small(GpuBackend& gpu, const Matrices& a, const Results& results, const Stack& status) {
  const SmallGrid grid(gpu, std::max(a.rows, a.columns), a.entries, 64);
  const BufferPtr ranks = gpu.pool().allocate(static_cast<size_t>(a.entries) * sizeof(int32_t));
  Arguments arguments;
  arguments.buffer(a.data).buffer(results.u.data).buffer(results.values.data).buffer(results.vt.data);
  arguments.buffer(status.data).buffer(ranks->data);
  arguments
      .value(SmallSizes{a.entries, static_cast<int32_t>(a.rows), static_cast<int32_t>(a.columns), results.vectors,
                        results.full})
      .value(strides_of(a));
  grid.launch(gpu, jacobi_small_kernel(gpu, grid, a.dtype, "SVD", "svd_small"), arguments);
  if (results.vectors) complete_columns(gpu, open_columns(a.rows < a.columns, results), ranks->data);
}

// A block a matrix, with a thread for each row and one for each column. All vectors of the longer side are there.
void svd_block(GpuBackend& gpu, const Matrices& a, const Results& results, const Stack& status) {
  const int64_t side = (std::max(a.rows, a.columns) + 31) / 32 * 32;
  Arguments arguments;
  arguments.buffer(a.data).buffer(results.u.data).buffer(results.values.data).buffer(results.vt.data);
  arguments.buffer(status.data);
  arguments
      .value(SmallSizes{a.entries, static_cast<int32_t>(a.rows), static_cast<int32_t>(a.columns), results.vectors,
                        results.full})
      .value(strides_of(a));
  const auto threads = static_cast<uint32_t>(2 * side);
  const int blocks = side == 32 ? 14 : side == 64 ? 4 : 2;  // at once, as for eigenvalues
  const KernelHandle kernel = gpu.library().kernel(
      "svd_block", "svd_block",
      "#define MAX_THREADS " + std::to_string(threads) + "\n#define SIDE " + std::to_string(side) + "\n" +
          type_definition(a.dtype) + limits(a.dtype) + min_blocks_definition(a.dtype, blocks));
  gpu.launch(kernel, {static_cast<uint32_t>(a.entries), 1, 1}, {threads, 1, 1}, arguments);
}

// The vectors of matrices without elements.
void store_identities(GpuBackend& gpu, const Results& results, int64_t entries) {
  const BufferPtr ranks = gpu.pool().allocate(static_cast<size_t>(entries) * sizeof(int32_t));
  gpu.runtime().fill_zero(ranks->data, static_cast<size_t>(entries) * sizeof(int32_t));
  complete_columns(gpu, matrices_of(results.u), ranks->data);
  complete_columns(gpu, matrices_of(results.vt), ranks->data);
}

void svd_large(GpuBackend& gpu, const Stack& a, const Results& results, const Stack& status) {
  const int64_t n = a.columns;
  replace_non_finite(gpu, a, false, status, n);
  if (a.entry_size() == 0) {
    if (results.vectors) store_identities(gpu, results, a.entries);
    return;
  }
  if (svd_by_vendor(gpu, a, results.u, results.values, results.vt, status)) return;
  Jacobi jacobi(gpu, a, false, results.vectors);
  jacobi.rotate(status);
  jacobi.order(results.values.data);
  if (results.vectors) {
    const Matrices open = open_columns(a.rows < a.columns, results);
    jacobi.store_columns(open);
    jacobi.store_rotations(a.rows < a.columns ? matrices_of(results.u) : matrices_of(results.vt).transposed());
    complete_columns(gpu, open, jacobi.ranks());
    spoil_non_finite(gpu, results.u, status, n);
    spoil_non_finite(gpu, results.vt, status, n);
  }
  spoil_non_finite(gpu, results.values, status, n);
}

}  // namespace

void run_svd(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  Results results;
  // Vectors that are not wanted have shape (0,).
  results.vectors = launch.outputs[0].shape.size() > 1;
  results.full = launch.params.as<graph::LinalgParams>().full != 0;
  if (results.vectors) {
    results.u = output_stack(gpu, launch, context, 0, Entry::Matrix);
    results.vt = output_stack(gpu, launch, context, 2, Entry::Matrix);
  }
  results.values = output_stack(gpu, launch, context, 1, Entry::Vector);
  const Stack shape = stack_shape(launch.inputs[0], Entry::Matrix, launch.items);
  const Stack status = status_stack(gpu, launch);
  const int64_t side = std::max(shape.rows, shape.columns);
  if (shape.entries > 0 && shape.entry_size() > 0 && side > kRotatedSide && side <= kBlockSide)
    svd_block(gpu, input_matrices(gpu, launch, context, 0), results, status);
  else if (shape.entries > 0 && shape.entry_size() > 0 && side <= kRotatedSide)
    svd_small(gpu, input_matrices(gpu, launch, context, 0), results, status);
  else if (shape.entries > 0)
    svd_large(gpu, copied_stack(gpu, launch, context, 0, Entry::Matrix), results, status);
  if (results.vectors) {
    store_stack(gpu, launch, context, 0, Entry::Matrix, results.u);
    store_stack(gpu, launch, context, 2, Entry::Matrix, results.vt);
  }
  store_stack(gpu, launch, context, 1, Entry::Vector, results.values);
  store_stack(gpu, launch, context, 3, Entry::Number, status);
  report_status(gpu, launch, context, "svd", status, shape.columns, InfoKind::NotConverged);
}

}  // namespace nngpu::gpu
