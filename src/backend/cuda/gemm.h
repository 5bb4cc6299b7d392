// Products by cuBLASLt.
#ifndef NNGPU_BACKEND_CUDA_GEMM_H_
#define NNGPU_BACKEND_CUDA_GEMM_H_

#include <cuda.h>

struct nngpu_module_gemm;

namespace nngpu::cuda {

struct Device;

// Chooses an algorithm for addresses that are multiples of 16, and keeps it.
int plan_gemm(void* device, const nngpu_module_gemm* product);
int run_gemm(void* device, const nngpu_module_gemm* product);
// The same on another stream than the device's; the device's context is current.
int submit_gemm(Device& device, const nngpu_module_gemm& product, CUstream stream);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_GEMM_H_
