#include "backend/gpu/launches/jacobi.h"

#include <algorithm>

namespace nngpu::gpu {
namespace {

constexpr uint32_t kThreads = 512;

// As in kernels/jacobi.kl.
struct Target {
  int64_t step;
  int32_t rs, cs, length, divide;
};
// As in kernels/complete.kl.
struct Completion {
  int64_t step, entries;
  int32_t rs, cs, length, columns;
};

}  // namespace

// Half a unit in the last place of 1, and what squares of columns count as zero below, if elements are near 1.
std::string limits(DType dtype) {
  return dtype == DType::F64 ? "#define EPSILON 1.1102230246251565e-16\n#define TINY 1e-280\n"
                             : "#define EPSILON 5.9604645e-8f\n#define TINY 1e-32f\n";
}

KernelHandle jacobi_small_kernel(GpuBackend& gpu, const SmallGrid& grid, DType dtype, const char* which,
                                 const char* name) {
  return gpu.library().kernel("jacobi_small", name,
                              grid.definitions(dtype) + limits(dtype) + "#define " + which + "\n");
}

Jacobi::Jacobi(GpuBackend& gpu, const Stack& a, bool symmetric, bool vectors)
    : gpu_(gpu),
      a_(a),
      sizes_{a.entries,
             static_cast<int32_t>(a.rows),
             static_cast<int32_t>(a.columns),
             static_cast<int32_t>(std::max(a.rows, a.columns)),
             static_cast<int32_t>(std::min(a.rows, a.columns)),
             symmetric,
             vectors} {
  const int64_t columns = a.entries * sizes_.count;
  work_ = memory(columns * sizes_.length);
  rotations_ = memory(vectors && !symmetric ? columns * sizes_.count : 1);
  squares_ = memory(columns);
  quotients_ = symmetric ? memory(columns) : squares_;
  scales_ = memory(a.entries);
  places_ = gpu.pool().allocate(static_cast<size_t>(columns) * sizeof(int32_t));
  ranks_ = gpu.pool().allocate(static_cast<size_t>(a.entries) * sizeof(int32_t));
}

BufferPtr Jacobi::memory(int64_t elements) const {
  return gpu_.pool().allocate(static_cast<size_t>(elements) * dtype_size(a_.dtype));
}

KernelHandle Jacobi::kernel(const char* name) const {
  return gpu_.library().kernel(
      "jacobi", name,
      "#define MAX_THREADS " + std::to_string(kThreads) + "\n" + type_definition(a_.dtype) + limits(a_.dtype));
}

void Jacobi::rotate(const Stack& status) {
  Arguments begin, sweeps;
  begin.buffer(a_.data).buffer(work_->data).buffer(rotations_->data).buffer(scales_->data).value(sizes_);
  gpu_.launch(kernel("jacobi_begin"), {entry_blocks(a_.entries), 1, 1}, {kThreads, 1, 1}, begin);
  sweeps.buffer(work_->data).buffer(rotations_->data).buffer(squares_->data).buffer(status.data).value(sizes_);
  // A subgroup a pair of columns, as far as they go.
  const auto threads = static_cast<uint32_t>(std::clamp<int64_t>((sizes_.count + 1) / 2 * 32, 32, kThreads));
  gpu_.launch(kernel("jacobi_sweeps"), {entry_blocks(a_.entries), 1, 1}, {threads, 1, 1}, sweeps);
}

void Jacobi::order(char* values) {
  const int64_t columns = a_.entries * sizes_.count;
  if (sizes_.symmetric != 0) {
    Arguments quotients;
    quotients.buffer(a_.data).buffer(work_->data).buffer(squares_->data).buffer(scales_->data);
    quotients.buffer(quotients_->data).value(sizes_);
    gpu_.launch(kernel("jacobi_quotients"), {gpu_.blocks_for(columns, 4), 1, 1}, {128, 1, 1}, quotients);
  }
  Arguments order;
  order.buffer(squares_->data).buffer(quotients_->data).buffer(scales_->data).buffer(values);
  order.buffer(places_->data).buffer(ranks_->data).value(sizes_);
  gpu_.launch(kernel("jacobi_order"), {gpu_.blocks_for(columns, 128), 1, 1}, {128, 1, 1}, order);
}

void Jacobi::store(const char* from, bool divide, const Matrices& to) const {
  const Target target{to.step, static_cast<int32_t>(to.rs), static_cast<int32_t>(to.cs),
                      static_cast<int32_t>(to.rows), divide};
  Arguments arguments;
  arguments.buffer(from).buffer(squares_->data).buffer(places_->data).buffer(to.data).value(sizes_).value(target);
  gpu_.launch(kernel("jacobi_store"), {gpu_.blocks_for(a_.entries * sizes_.count * to.rows, 256), 1, 1},
              {256, 1, 1}, arguments);
}

void Jacobi::store_columns(const Matrices& to) const { store(work_->data, true, to); }
void Jacobi::store_rotations(const Matrices& to) const { store(rotations_->data, false, to); }

void complete_columns(GpuBackend& gpu, const Matrices& columns, const char* ranks) {
  if (columns.entries * columns.rows * columns.columns == 0) return;
  const Completion completion{columns.step,
                              columns.entries,
                              static_cast<int32_t>(columns.rs),
                              static_cast<int32_t>(columns.cs),
                              static_cast<int32_t>(columns.rows),
                              static_cast<int32_t>(columns.columns)};
  const BufferPtr parts =
      gpu.pool().allocate(static_cast<size_t>(columns.entries * columns.columns) * dtype_size(columns.dtype));
  Arguments arguments;
  arguments.buffer(columns.data).buffer(ranks).buffer(parts->data).value(completion);
  const uint32_t threads = columns.rows <= kSmallSide ? 32 : 256;
  gpu.launch(gpu.library().kernel("complete", "complete_columns",
                                  "#define MAX_THREADS 256\n" + type_definition(columns.dtype)),
             {entry_blocks(columns.entries), 1, 1}, {threads, 1, 1}, arguments);
}

}  // namespace nngpu::gpu
