// Launches that are not written yet.
#include "backend/gpu/launches.h"

namespace nngpu::gpu {

void run_eigh(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_svd(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }

}  // namespace nngpu::gpu
