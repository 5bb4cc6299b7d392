// Records what a run's launches submit.
#ifndef NNGPU_BACKEND_GPU_RECORDER_H_
#define NNGPU_BACKEND_GPU_RECORDER_H_

#include <map>
#include <unordered_set>

#include "backend/gpu/recording.h"

namespace nngpu::gpu {

// Stands between the launches of its thread and the device's pool and runtime. The launches' own memory comes from
// the pool through one of this run's, so that blocks they use one after another are one region and no block is
// anybody else's meanwhile; it goes back at the end.
class GpuRecorder : public Recorder {
 public:
  GpuRecorder(GpuBackend& gpu, Runtime& runtime, MemoryPool& pool, const RunMemory& memory);
  ~GpuRecorder() override;
  void launched(const graph::Launch& launch) override;
  std::unique_ptr<Recording> finish(const std::vector<graph::Check>& checks) override;

  // The recorder of this thread's launches on `gpu`, or null.
  static GpuRecorder* current(const GpuBackend& gpu);

  MemoryPool& pool() { return *pool_; }
  Runtime& runtime();
  void add_status(const BufferPtr& memory);

 private:
  class Interposed;
  void* take_block(MemoryPool& pool, size_t bytes);
  void add_slots();
  size_t add_region(uintptr_t base, size_t bytes);
  void add_kernel(DriverKernel kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments);
  void add_arguments(const Arguments& arguments);
  // Adds a step, and where in it there are addresses.
  template <class S, class... Pointers>
  void add_step(const S& step, Pointers S::*... pointers);
  void relocate(uint32_t offset, uintptr_t address);
  const size_t* region_of(uintptr_t address) const;

  GpuBackend& gpu_;
  Runtime& real_;
  RunMemory memory_;
  RecordedRun run_;
  std::map<uintptr_t, size_t> region_at_;  // by their ends
  std::map<void*, BufferPtr> held_;
  std::vector<BufferPtr> status_;
  std::unique_ptr<MemoryPool> pool_;
  std::unique_ptr<Runtime> interposed_;
  std::unordered_set<int32_t> seen_, fixed_;  // numbers: of this launch's arguments; that were read otherwise
  bool repeatable_ = true, short_of_memory_ = false;
  GpuRecorder* outer_;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_RECORDER_H_
