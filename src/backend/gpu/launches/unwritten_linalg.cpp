// Launches that are not written yet.
#include "backend/gpu/launches.h"

namespace nngpu::gpu {

void run_lu_factor(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_lu_solve(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_cholesky(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_inverse(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_solve(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_triangular_solve(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_qr(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_eigh(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }
void run_svd(GpuBackend& gpu, const Launch& launch, const RunContext&) { refuse(gpu, launch); }

}  // namespace nngpu::gpu
