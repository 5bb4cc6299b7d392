// The GPU backends' launches, one function a kind: inputs with any strides, outputs as planned (graph/launch.h).
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_H_

#include "backend/gpu/backend.h"
#include "graph/launch.h"

namespace nngpu::gpu {

using graph::Launch;
using graph::RunContext;

void prepare_elementwise(GpuBackend& gpu, Launch& launch);
void run_elementwise(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void prepare_reduce(GpuBackend& gpu, Launch& launch);
void run_reduce(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_copy(GpuBackend& gpu, const Launch& launch, const RunContext& context);

// Elements of `element_size` bytes from one strided place to another; `shape` counts them.
void copy_strided(GpuBackend& gpu, size_t element_size, const Shape& shape, const char* from,
                  const Dims& from_strides, char* to, const Dims& to_strides);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_H_
