// Decompositions by cuSOLVER and triangular systems by cuBLAS.
#ifndef NNGPU_BACKEND_CUDA_SOLVER_H_
#define NNGPU_BACKEND_CUDA_SOLVER_H_

struct nngpu_module_factorization;

namespace nngpu::cuda {

int run_factorization(void* device, const nngpu_module_factorization* factorization);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_SOLVER_H_
