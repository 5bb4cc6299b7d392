// Symmetric eigenproblems over stacks of matrices.
#include "backend/gpu/launches/block_matrix.h"
#include "backend/gpu/launches/jacobi.h"
#include "backend/gpu/launches/spectral_vendor.h"

namespace nngpu::gpu {
namespace {

// Matrices with no side over this go by rotations of their columns.
constexpr int64_t kRotatedSide = 16;

void eigh_small(GpuBackend& gpu, const Matrices& a, const Stack& values, const Stack& vectors,
                const Stack& status) {
  const SmallGrid grid(gpu, a.rows, a.entries, 64);
  const auto n = static_cast<int32_t>(a.rows);
  Arguments arguments;
  arguments.buffer(a.data).buffer(values.data).buffer(vectors.data).buffer(status.data);
  arguments.value(SmallSizes{a.entries, n, n, vectors.data != nullptr, 0}).value(strides_of(a));
  grid.launch(gpu, jacobi_small_kernel(gpu, grid, a.dtype, "EIGH", "eigh_small"), arguments);
}

// A block a matrix, a thread a row. A subgroup of its own that computes the next rotations while the others apply
// the last ones took longer on an H200: fewer matrices are in work at once then.
void eigh_block(GpuBackend& gpu, const Matrices& a, const Stack& values, const Stack& vectors,
                const Stack& status) {
  const auto n = static_cast<int32_t>(a.rows);
  const auto side = static_cast<uint32_t>((n + 31) / 32 * 32);
  Arguments arguments;
  arguments.buffer(a.data).buffer(values.data).buffer(vectors.data).buffer(status.data);
  arguments.value(SmallSizes{a.entries, n, n, vectors.data != nullptr, 0}).value(strides_of(a));
  // The rotations are one thread's work: many matrices at once are worth some elements outside the registers.
  const int blocks = side == 32 ? 32 : side == 64 ? 9 : side == 96 ? 5 : 4;
  const KernelHandle kernel = gpu.library().kernel(
      "eigh_block", "eigh_block",
      "#define MAX_THREADS " + std::to_string(side) + "\n#define SIDE " + std::to_string(side) + "\n" +
          type_definition(a.dtype) + limits(a.dtype) + min_blocks_definition(a.dtype, blocks));
  gpu.launch(kernel, {static_cast<uint32_t>(a.entries), 1, 1}, {side, 1, 1}, arguments);
}

void eigh_large(GpuBackend& gpu, const Stack& a, const Stack& values, const Stack& vectors, const Stack& status) {
  replace_non_finite(gpu, a, true, status, a.rows);
  if (eigh_by_vendor(gpu, a, values, vectors, status)) return;
  Jacobi jacobi(gpu, a, true, vectors.data != nullptr);
  jacobi.rotate(status);
  jacobi.order(values.data);
  if (vectors.data != nullptr) {
    jacobi.store_columns(matrices_of(vectors));
    spoil_non_finite(gpu, vectors, status, a.rows);
  }
  spoil_non_finite(gpu, values, status, a.rows);
}

}  // namespace

void run_eigh(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  // Vectors that are not wanted have shape (0,).
  const bool with_vectors = launch.outputs[1].shape.size() > 1;
  const Stack values = output_stack(gpu, launch, context, 0, Entry::Vector);
  Stack vectors;
  if (with_vectors) vectors = output_stack(gpu, launch, context, 1, Entry::Matrix);
  const Stack status = status_stack(gpu, launch);
  const int64_t n = values.rows;
  if (status.entries > 0 && n > kRotatedSide && n <= kBlockSide)
    eigh_block(gpu, input_matrices(gpu, launch, context, 0), values, vectors, status);
  else if (status.entries > 0 && n <= kRotatedSide)
    eigh_small(gpu, input_matrices(gpu, launch, context, 0), values, vectors, status);
  else if (status.entries > 0)
    eigh_large(gpu, copied_stack(gpu, launch, context, 0, Entry::Matrix), values, vectors, status);
  store_stack(gpu, launch, context, 0, Entry::Vector, values);
  if (with_vectors) store_stack(gpu, launch, context, 1, Entry::Matrix, vectors);
  store_stack(gpu, launch, context, 2, Entry::Number, status);
  report_status(gpu, launch, context, "eigh", status, n, InfoKind::NotConverged);
}

}  // namespace nngpu::gpu
