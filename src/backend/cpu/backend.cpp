#include "backend/cpu/backend.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "backend/cpu/elementwise/tape.h"
#include "backend/cpu/launches.h"
#include "core/buffer.h"
#include "nngpu/error.h"

namespace nngpu::cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// Large blocks start on a huge page and ask for them: fewer faults, fewer address translations.
void* allocate(size_t bytes) {
  // The system promises more than it has and kills who uses it: refuse what cannot be.
  static const size_t physical =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (bytes > physical) return nullptr;
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  void* block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
#if defined(__linux__)
  if (block != nullptr && bytes >= kHugePage) madvise(block, bytes, MADV_HUGEPAGE);
#endif
  return block;
}

class CpuBackend : public Backend {
 public:
  CpuBackend() : pool_({DeviceType::CPU, 0}, allocate, [](void* block, size_t) { std::free(block); }) {}

  Device device() const override { return {DeviceType::CPU, 0}; }
  MemoryPool& pool() override { return pool_; }
  void synchronize() override {}
  bool host_addressable() const override { return true; }
  void upload(char* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void download(void* to, const char* from, size_t bytes) override { std::memcpy(to, from, bytes); }

  void prepare(graph::Launch& launch) override {
    if (launch.kind == graph::OpKind::Elementwise)
      prepare_elementwise(launch);
    else if (launch.kind == graph::OpKind::Matmul)
      prepare_matmul(launch);
    else if (launch.tape)
      launch.prepared = prepare_tape(launch);
  }

  // Large results are better written past the caches, by a launch of their own.
  bool takes_chain(const ChainOffer& offer) override {
    constexpr int64_t kMostBytes = int64_t{8} << 20;
    const graph::Operand& result = offer.product.outputs[0];
    return numel(result.shape) * static_cast<int64_t>(dtype_size(result.dtype)) <= kMostBytes;
  }

  void run(const graph::Launch& launch, const graph::RunContext& context) override {
    using graph::OpKind;
    switch (launch.kind) {
      case OpKind::Elementwise:
        return run_elementwise(launch, context);
      case OpKind::Reduce:
        return run_reduce(launch, context);
      case OpKind::ArgReduce:
        return run_arg_reduce(launch, context);
      case OpKind::Scan:
        return run_scan(launch, context);
      case OpKind::Softmax:
        return run_softmax(launch, context);
      case OpKind::SoftmaxGradient:
        return run_softmax_gradient(launch, context);
      case OpKind::Normalize:
        return run_normalize(launch, context);
      case OpKind::NormalizeGradient:
        return run_normalize_gradient(launch, context);
      case OpKind::Dropout:
        return run_dropout(launch, context);
      case OpKind::Matmul:
        return run_matmul(launch, context);
      case OpKind::Attention:
        return run_attention(launch, context);
      case OpKind::AttentionGradient:
        return run_attention_gradient(launch, context);
      case OpKind::Copy:
        return run_copy(launch, context);
      case OpKind::Concat:
        return run_concat(launch, context);
      case OpKind::Pad:
        return run_pad(launch, context);
      case OpKind::Iota:
        return run_iota(launch, context);
      case OpKind::Take:
        return run_take(launch, context);
      case OpKind::Gather:
        return run_gather(launch, context);
      case OpKind::ScatterAdd:
        return run_scatter_add(launch, context);
      case OpKind::Sort:
        return run_sort(launch, context);
      case OpKind::TopK:
        return run_top_k(launch, context);
      case OpKind::Random:
        return run_random(launch, context);
      case OpKind::LuFactor:
        return run_lu_factor(launch, context);
      case OpKind::LuSolve:
        return run_lu_solve(launch, context);
      case OpKind::Cholesky:
        return run_cholesky(launch, context);
      case OpKind::Inverse:
        return run_inverse(launch, context);
      case OpKind::Solve:
        return run_solve(launch, context);
      case OpKind::TriangularSolve:
        return run_triangular_solve(launch, context);
      case OpKind::Qr:
        return run_qr(launch, context);
      case OpKind::Eigh:
        return run_eigh(launch, context);
      case OpKind::Svd:
        return run_svd(launch, context);
      case OpKind::Convolution:
        return run_convolution(launch, context);
      case OpKind::Pool:
        return run_pool(launch, context);
      case OpKind::PoolGradient:
        return run_pool_gradient(launch, context);
      case OpKind::Custom:
        throw DeviceError("[kernel] kernels of programs run on GPUs and the simulated device, not on the cpu");
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

 private:
  MemoryPool pool_;
};

}  // namespace

Backend& backend() {
  static auto* instance = new CpuBackend;  // buffers may outlive static destructors
  return *instance;
}

}  // namespace nngpu::cpu
