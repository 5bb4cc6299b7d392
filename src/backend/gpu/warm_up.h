// Finds the kernels of a launch when it is planned, so that those of a whole plan are compiled side by side.
#ifndef NNGPU_BACKEND_GPU_WARM_UP_H_
#define NNGPU_BACKEND_GPU_WARM_UP_H_

#include <memory>

#include "backend/gpu/backend.h"

namespace nngpu::gpu {

// Stands between the launches of its thread and the device, as the recorder does: they ask the library for their
// kernels, and nothing is submitted. Their memory is addresses that mean nothing.
class WarmUp {
 public:
  WarmUp(GpuBackend& gpu, Runtime& real);
  ~WarmUp();
  WarmUp(const WarmUp&) = delete;
  WarmUp& operator=(const WarmUp&) = delete;

  // Runs the launch at addresses of the largest alignment and with numbers that are 0. What it throws, it throws
  // again when it runs.
  void run(const graph::Launch& launch);

  // That of this thread's launches on `gpu`, or null.
  static WarmUp* current(const GpuBackend& gpu);

  MemoryPool& pool() { return *pool_; }
  Runtime& runtime() { return *runtime_; }

 private:
  GpuBackend& gpu_;
  WarmUp* outer_;
  std::unique_ptr<MemoryPool> pool_;
  std::unique_ptr<Runtime> runtime_;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_WARM_UP_H_
