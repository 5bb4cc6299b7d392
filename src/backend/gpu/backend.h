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

class GpuBackend;
bool matmul_takes_chain(GpuBackend& gpu, const ChainOffer& offer);  // launches/matmul.cpp

class GpuBackend : public Backend {
 public:
  GpuBackend(Device device, std::unique_ptr<Runtime> runtime);

  Device device() const override { return device_; }
  MemoryPool& pool() override;
  bool prefers_channels_last(const graph::Launch& convolution) override;
  void prepare(graph::Launch& launch) override;
  bool takes_chain(const ChainOffer& offer) override { return matmul_takes_chain(*this, offer); }
  void run(const graph::Launch& launch, const graph::RunContext& context) override;
  bool records() const override { return records_; }
  std::unique_ptr<Recorder> record(const RunMemory& memory) override;
  void synchronize() override;
  bool host_addressable() const override { return false; }
  // Returns the pool's free blocks to the system; may wait for what still uses them.
  void trim();
  void upload(char* to, const void* from, size_t bytes) override;
  void download(void* to, const char* from, size_t bytes) override;

  // What the launches of this thread work with: while it records a run, they record it.
  Runtime& runtime();
  KernelLibrary& library() { return library_; }
  const Properties& properties() const { return runtime_->properties(); }

  // Runs a kernel over `threads` threads a block.
  void launch(KernelHandle kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments);
  // Blocks for a loop of `count` steps by `threads` threads each, which its blocks share: enough to fill the
  // device.
  uint32_t blocks_for(int64_t count, uint32_t threads) const;

  // Memory for the status words of one run (graph::Check).
  BufferPtr status_memory(size_t bytes);

  // Where an operand lies in the device's memory. A constant is written to memory first, which `holder` keeps.
  char* address(const graph::Operand& operand, const graph::RunContext& context, BufferPtr& holder);

  // What the device has done since the start.
  struct Counters {
    std::atomic<int64_t> kernels{0}, uploads{0}, downloads{0};
    std::atomic<int64_t> graphs{0}, replays{0};  // graphs launched; runs submitted from a recording
  };
  Counters& counters() { return counters_; }

 private:
  void run_kind(const graph::Launch& launch, const graph::RunContext& context);

  Device device_;
  std::unique_ptr<Runtime> runtime_;
  KernelLibrary library_;
  MemoryPool pool_;
  Counters counters_;
  bool records_ = true;  // NNGPU_GPU_RECORD=0: every run of a plan runs its launches
  bool waits_ = false;   // NNGPU_CUDA_SYNC=1: each launch waits for its kernels, so that its errors are its own
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_BACKEND_H_
