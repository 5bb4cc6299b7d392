// What the launches of linear algebra share: stacks as strided matrices, status words, the two ways kernels run.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_DECOMPOSE_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_DECOMPOSE_H_

#include <string>

#include "backend/gpu/launches/stack.h"
#include "backend/matrix_errors.h"

namespace nngpu::gpu {

// Equal parts of the entries of a stack: element (i, j) of entry e is at data + (e * step + i * rs + j * cs)
// elements. Strides may be negative.
struct Matrices {
  char* data = nullptr;
  DType dtype = DType::F32;
  int64_t rows = 0, columns = 0, rs = 1, cs = 0, step = 0, entries = 0;
  BufferPtr holder;  // of memory that belongs to nobody else
  Matrices part(int64_t row, int64_t column, int64_t part_rows, int64_t part_columns) const;
  Matrices transposed() const;
  Matrices reversed() const;  // the last row and column first
};
Matrices matrices_of(const Stack& stack);
// Input `position` where it lies, if one step leads from each entry to the next, else a copy.
Matrices input_matrices(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position);
// As kernels take them.
struct Strides {
  int64_t step;
  int32_t rs, cs;
};
Strides strides_of(const Matrices& matrices);

// "#define REAL float\n"
std::string type_definition(DType dtype);

// Matrices with no side over this are factored by a subgroup's registers, several a subgroup if they are small.
constexpr int64_t kSmallSide = 32;

// A group of `lanes` threads of a subgroup works on each matrix, in a loop over the entries.
struct SmallGrid {
  uint32_t lanes, threads, blocks;
  SmallGrid(const GpuBackend& gpu, int64_t side, int64_t entries, uint32_t threads = 128);
  std::string definitions(DType dtype) const;  // of REAL, SIDE and MAX_THREADS
  void launch(GpuBackend& gpu, KernelHandle kernel, const Arguments& arguments, uint32_t grid_y = 1) const;
};

// A block works on each entry, in a loop over the entries; the grid's y axis has the entries.
uint32_t entry_blocks(int64_t entries);

// Sets status[e] to n + 1 and entry e to the identity where it holds NaN or infinity, else status[e] to 0. Only
// the lower triangle counts if `lower` is set.
void replace_non_finite(GpuBackend& gpu, const Stack& matrices, bool lower, const Stack& status, int64_t n);
// Overwrites the results of the entries whose status is n + 1 with NaN.
void spoil_non_finite(GpuBackend& gpu, const Stack& results, const Stack& status, int64_t n);

// A status word for each entry of input 0.
Stack status_stack(GpuBackend& gpu, const Launch& launch);
// Reports what the status words hold, as LinalgParams::check asks for, when the device has finished.
void report_status(GpuBackend& gpu, const Launch& launch, const RunContext& context, const char* operation,
                   const Stack& status, int64_t n, InfoKind kind);
// Leaves the status words, memory of GpuBackend::status_memory, to be read when somebody wants to know. `read`
// holds no memory of the device.
void defer(GpuBackend& gpu, const RunContext& context, BufferPtr words, graph::Check::Read read);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_DECOMPOSE_H_
