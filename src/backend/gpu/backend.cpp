#include "backend/gpu/backend.h"

#include <algorithm>
#include <cstring>

#include "backend/gpu/launches.h"
#include "nngpu/error.h"

namespace nngpu::gpu {

GpuBackend::GpuBackend(Device device, std::unique_ptr<Runtime> runtime)
    : device_(device),
      runtime_(std::move(runtime)),
      library_(*runtime_),
      pool_(
          device, [this](size_t bytes) { return runtime_->allocate(bytes); },
          [this](void* block, size_t bytes) { runtime_->free(block, bytes); }) {}

void GpuBackend::upload(char* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  runtime_->upload(to, from, bytes);
  ++counters_.uploads;
}

void GpuBackend::download(void* to, const char* from, size_t bytes) {
  if (bytes == 0) return;
  runtime_->download(to, from, bytes);
  ++counters_.downloads;
}

void GpuBackend::launch(KernelHandle kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments) {
  runtime_->launch(kernel, blocks, threads, arguments);
  ++counters_.kernels;
}

uint32_t GpuBackend::blocks_for(int64_t count, uint32_t threads) const {
  const int64_t needed = (count + threads - 1) / threads;
  const int64_t enough = int64_t{16} * properties().multiprocessors;
  return static_cast<uint32_t>(std::clamp<int64_t>(needed, 1, enough));
}

char* GpuBackend::address(const graph::Operand& operand, const graph::RunContext& context, BufferPtr& holder) {
  if (!operand.constant) return context.at(operand);
  const size_t size = dtype_size(operand.dtype);
  uint64_t bits = 0;
  std::memcpy(&bits, context.at(operand), size);
  holder = pool_.allocate(sizeof(bits));
  Arguments arguments;
  arguments.buffer(holder->data).value(bits);
  launch(library_.kernel("number", "store_number"), {1, 1, 1}, {1, 1, 1}, arguments);
  return holder->data;
}

void GpuBackend::prepare(graph::Launch& launch) {
  if (launch.kind == graph::OpKind::Elementwise) prepare_elementwise(*this, launch);
  if (launch.kind == graph::OpKind::Reduce) prepare_reduce(*this, launch);
}

void GpuBackend::run(const graph::Launch& launch, const graph::RunContext& context) {
  using graph::OpKind;
  switch (launch.kind) {
    case OpKind::Elementwise:
      return run_elementwise(*this, launch, context);
    case OpKind::Reduce:
      return run_reduce(*this, launch, context);
    case OpKind::Copy:
      return run_copy(*this, launch, context);
    case OpKind::ArgReduce:
    case OpKind::Scan:
    case OpKind::Softmax:
    case OpKind::Matmul:
    case OpKind::Concat:
    case OpKind::Pad:
    case OpKind::Iota:
    case OpKind::Take:
    case OpKind::Gather:
    case OpKind::ScatterAdd:
    case OpKind::Sort:
    case OpKind::TopK:
    case OpKind::Random:
    case OpKind::LuFactor:
    case OpKind::LuSolve:
    case OpKind::Cholesky:
    case OpKind::Inverse:
    case OpKind::Solve:
    case OpKind::TriangularSolve:
    case OpKind::Qr:
    case OpKind::Eigh:
    case OpKind::Svd:
      throw DeviceError(std::string("[") + graph::op_name(launch.kind) + "] is not written for " +
                        to_string(device_) + " yet: move the tensors with to(device)");
    case OpKind::Data:
    case OpKind::Constant:
    case OpKind::Placeholder:
    case OpKind::Reshape:
    case OpKind::Broadcast:
    case OpKind::Permute:
    case OpKind::Slice:
    case OpKind::Diagonal:
      return;  // lowering makes no launch of these
  }
}

}  // namespace nngpu::gpu
