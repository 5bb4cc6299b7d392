// Products by cuBLASLt.
#ifndef NNGPU_BACKEND_CUDA_GEMM_H_
#define NNGPU_BACKEND_CUDA_GEMM_H_

struct nngpu_module_gemm;

namespace nngpu::cuda {

int run_gemm(void* device, const nngpu_module_gemm* product);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_GEMM_H_
