#include "backend/gpu/backend.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "backend/gpu/launches.h"
#include "backend/gpu/launches/convolution_vendor.h"
#include "backend/gpu/recorder.h"
#include "backend/gpu/warm_up.h"
#include "graph/channels_last.h"
#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

bool is_set_to(const char* name, const char* value) {
  const char* setting = std::getenv(name);
  return setting != nullptr && std::strcmp(setting, value) == 0;
}

// Devices report what a kernel did wrong at some later call.
std::string earlier() { return "an operation submitted before may be the cause: NNGPU_CUDA_SYNC=1 finds it"; }

// As errors name operations: scatter_add.
std::string name_of(graph::OpKind kind) {
  std::string name;
  for (const char* c = graph::op_name(kind); *c != '\0'; ++c) {
    const bool upper = *c >= 'A' && *c <= 'Z';
    if (upper && !name.empty()) name += '_';
    name += upper ? static_cast<char>(*c - 'A' + 'a') : *c;
  }
  return name;
}

// Adds `origin()` to what the device says; a text that does not compile has nothing to do with it.
template <class Origin, class Call>
void with_origin(const Origin& origin, const Call& call) {
  try {
    call();
  } catch (const KernelCompileError&) {
    throw;
  } catch (const DeviceError& error) {
    throw DeviceError(std::string(error.what()) + " (" + origin() + ")");
  }
}

}  // namespace

GpuBackend::GpuBackend(Device device, std::unique_ptr<Runtime> runtime)
    : device_(device),
      runtime_(std::move(runtime)),
      library_(*runtime_),
      pool_(
          device, [this](size_t bytes) { return runtime_->allocate(bytes); },
          [this](void* block, size_t bytes) { runtime_->free(block, bytes); }) {
  waits_ = is_set_to("NNGPU_CUDA_SYNC", "1");
  records_ = !waits_ && !is_set_to("NNGPU_GPU_RECORD", "0");
}

void GpuBackend::trim() {
  pool_.trim();
  runtime_->trim();
}

void GpuBackend::upload(char* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  runtime_->upload(to, from, bytes);
  ++counters_.uploads;
}

void GpuBackend::download(void* to, const char* from, size_t bytes) {
  if (bytes == 0) return;
  with_origin(earlier, [&] { runtime_->download(to, from, bytes); });
  ++counters_.downloads;
}

void GpuBackend::launch(KernelHandle kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments) {
  if (WarmUp::current(*this) != nullptr) return;
  runtime().launch(kernel->get(), blocks, threads, arguments);
  ++counters_.kernels;
}

MemoryPool& GpuBackend::pool() {
  if (WarmUp* warm_up = WarmUp::current(*this)) return warm_up->pool();
  GpuRecorder* recorder = GpuRecorder::current(*this);
  return recorder != nullptr ? recorder->pool() : pool_;
}

Runtime& GpuBackend::runtime() {
  if (WarmUp* warm_up = WarmUp::current(*this)) return warm_up->runtime();
  GpuRecorder* recorder = GpuRecorder::current(*this);
  return recorder != nullptr ? recorder->runtime() : *runtime_;
}

BufferPtr GpuBackend::status_memory(size_t bytes) {
  if (WarmUp* warm_up = WarmUp::current(*this)) return warm_up->pool().allocate(bytes);
  BufferPtr memory = pool_.allocate(bytes);
  if (GpuRecorder* recorder = GpuRecorder::current(*this)) recorder->add_status(memory);
  return memory;
}

std::unique_ptr<Recorder> GpuBackend::record(const RunMemory& memory) {
  return std::make_unique<GpuRecorder>(*this, *runtime_, pool_, memory);
}

uint32_t GpuBackend::blocks_for(int64_t count, uint32_t threads) const {
  const int64_t needed = (count + threads - 1) / threads;
  const int64_t enough = int64_t{16} * properties().multiprocessors;
  return static_cast<uint32_t>(std::clamp<int64_t>(needed, 1, enough));
}

char* GpuBackend::address(const graph::Operand& operand, const graph::RunContext& context, BufferPtr& holder) {
  if (!operand.constant) return context.at(operand);
  holder = pool().allocate(sizeof(uint64_t));
  Arguments arguments;
  arguments.buffer(holder->data).number(context.at(operand), dtype_size(operand.dtype), sizeof(uint64_t));
  launch(library_.kernel("number", "store_number"), {1, 1, 1}, {1, 1, 1}, arguments);
  return holder->data;
}

bool GpuBackend::prefers_channels_last(const graph::Launch& convolution) {
  switch (graph::channels_last()) {
    case graph::ChannelsLast::Always:
      return true;
    case graph::ChannelsLast::Never:
      return false;
    case graph::ChannelsLast::ByDevice:
      return vendor_prefers_channels_last(*this, convolution);
  }
  return false;
}

void GpuBackend::prepare(graph::Launch& launch) {
  const KernelLibrary::Ahead ahead;
  if (launch.kind == graph::OpKind::Elementwise) prepare_elementwise(*this, launch);
  if (launch.kind == graph::OpKind::Reduce) prepare_reduce(*this, launch);
  if (launch.kind == graph::OpKind::Matmul) prepare_matmul(*this, launch);
  WarmUp(*this, *runtime_).run(launch);
}

void GpuBackend::synchronize() {
  with_origin(earlier, [this] { runtime_->synchronize(); });
}

void GpuBackend::run(const graph::Launch& launch, const graph::RunContext& context) {
  const auto origin = [&] {
    const std::string name = name_of(launch.kind);
    return waits_ ? "in " + name : "found in " + name + "; " + earlier();
  };
  with_origin(origin, [&] {
    run_kind(launch, context);
    if (waits_ && WarmUp::current(*this) == nullptr) runtime_->synchronize();
  });
}

void GpuBackend::run_kind(const graph::Launch& launch, const graph::RunContext& context) {
  using graph::OpKind;
  switch (launch.kind) {
    case OpKind::Elementwise:
      return run_elementwise(*this, launch, context);
    case OpKind::Reduce:
      return run_reduce(*this, launch, context);
    case OpKind::ArgReduce:
      return run_arg_reduce(*this, launch, context);
    case OpKind::Scan:
      return run_scan(*this, launch, context);
    case OpKind::Softmax:
      return run_softmax(*this, launch, context);
    case OpKind::SoftmaxGradient:
      return run_softmax_gradient(*this, launch, context);
    case OpKind::Normalize:
      return run_normalize(*this, launch, context);
    case OpKind::NormalizeGradient:
      return run_normalize_gradient(*this, launch, context);
    case OpKind::Dropout:
      return run_dropout(*this, launch, context);
    case OpKind::Matmul:
      return run_matmul(*this, launch, context);
    case OpKind::Attention:
      return run_attention(*this, launch, context);
    case OpKind::AttentionGradient:
      return run_attention_gradient(*this, launch, context);
    case OpKind::Copy:
      return run_copy(*this, launch, context);
    case OpKind::Concat:
      return run_concat(*this, launch, context);
    case OpKind::Pad:
      return run_pad(*this, launch, context);
    case OpKind::Iota:
      return run_iota(*this, launch, context);
    case OpKind::Take:
      return run_take(*this, launch, context);
    case OpKind::Gather:
      return run_gather(*this, launch, context);
    case OpKind::ScatterAdd:
      return run_scatter_add(*this, launch, context);
    case OpKind::Sort:
      return run_sort(*this, launch, context);
    case OpKind::TopK:
      return run_top_k(*this, launch, context);
    case OpKind::Random:
      return run_random(*this, launch, context);
    case OpKind::LuFactor:
      return run_lu_factor(*this, launch, context);
    case OpKind::LuSolve:
      return run_lu_solve(*this, launch, context);
    case OpKind::Cholesky:
      return run_cholesky(*this, launch, context);
    case OpKind::Inverse:
      return run_inverse(*this, launch, context);
    case OpKind::Solve:
      return run_solve(*this, launch, context);
    case OpKind::TriangularSolve:
      return run_triangular_solve(*this, launch, context);
    case OpKind::Qr:
      return run_qr(*this, launch, context);
    case OpKind::Eigh:
      return run_eigh(*this, launch, context);
    case OpKind::Svd:
      return run_svd(*this, launch, context);
    case OpKind::Pool:
      return run_pool(*this, launch, context);
    case OpKind::PoolGradient:
      return run_pool_gradient(*this, launch, context);
    case OpKind::Convolution:
      return run_convolution(*this, launch, context);
    case OpKind::Custom:
      return run_custom(*this, launch, context);
    case OpKind::Data:
    case OpKind::Constant:
    case OpKind::Placeholder:
    case OpKind::Reshape:
    case OpKind::Broadcast:
    case OpKind::Permute:
    case OpKind::Slice:
    case OpKind::Tie:
    case OpKind::Diagonal:
      return;  // lowering makes no launch of these
  }
}

}  // namespace nngpu::gpu
