// Launches that are not written yet.
#include "backend/gpu/launches.h"

namespace nngpu::gpu {

void run_pad(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_iota(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_take(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_gather(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_scatter_add(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_random(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_softmax(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_arg_reduce(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }

}  // namespace nngpu::gpu
