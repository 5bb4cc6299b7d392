// A GPU as a backend of the engine: memory pool, compiled kernels, and launches, over a Runtime.
#ifndef NNGPU_BACKEND_GPU_BACKEND_H_
#define NNGPU_BACKEND_GPU_BACKEND_H_

#include <atomic>
#include <memory>

#include "backend/backend.h"
#include "backend/gpu/library.h"
#include "backend/gpu/runtime.h"
#include "core/buffer.h"

namespace nngpu::gpu {

class GpuBackend : public Backend {
 public:
  GpuBackend(Device device, std::unique_ptr<Runtime> runtime);

  Device device() const override { return device_; }
  MemoryPool& pool() override { return pool_; }
  void prepare(graph::Launch& launch) override;
  void run(const graph::Launch& launch, const graph::RunContext& context) override;
  void synchronize() override { runtime_->synchronize(); }
  bool host_addressable() const override { return false; }
  void upload(char* to, const void* from, size_t bytes) override;
  void download(void* to, const char* from, size_t bytes) override;

  Runtime& runtime() { return *runtime_; }
  KernelLibrary& library() { return library_; }
  const Properties& properties() const { return runtime_->properties(); }

  // Runs a kernel over `threads` threads a block.
  void launch(KernelHandle kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments);
  // Blocks for a loop of `count` steps by `threads` threads each, which its blocks share: enough to fill the
  // device.
  uint32_t blocks_for(int64_t count, uint32_t threads) const;

  // Where an operand lies in the device's memory. A constant is written to memory first, which `holder` keeps.
  char* address(const graph::Operand& operand, const graph::RunContext& context, BufferPtr& holder);

  // What the device has done since the start.
  struct Counters {
    std::atomic<int64_t> kernels{0}, uploads{0}, downloads{0};
  };
  const Counters& counters() const { return counters_; }

 private:
  Device device_;
  std::unique_ptr<Runtime> runtime_;
  KernelLibrary library_;
  MemoryPool pool_;
  Counters counters_;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_BACKEND_H_
