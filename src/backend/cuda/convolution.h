// Convolutions by cuDNN.
#ifndef NNGPU_BACKEND_CUDA_CONVOLUTION_H_
#define NNGPU_BACKEND_CUDA_CONVOLUTION_H_

#include <cuda.h>

#include <cstddef>

struct nngpu_module_convolution;

namespace nngpu::cuda {

struct Device;

int plan_convolution(void* device, const nngpu_module_convolution* convolution, size_t* workspace_bytes);
int run_convolution(void* device, const nngpu_module_convolution* convolution);
// The same to any stream, of which a graph may be captured. The plan was made before.
int submit_convolution(Device& device, const nngpu_module_convolution& convolution, CUstream stream);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_CONVOLUTION_H_
