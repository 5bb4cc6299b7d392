// What cuDNN's heuristics choose for a convolution.
#ifndef NNGPU_BACKEND_CUDA_CUDNN_PLAN_H_
#define NNGPU_BACKEND_CUDA_CUDNN_PLAN_H_

#include <memory>

#include "backend/cuda/cudnn_library.h"
#include "backend/gpu/module_table.h"

namespace nngpu::cuda {

// The numbers by which a plan knows its tensors.
enum CudnnTensor : int64_t { kCudnnX = 1, kCudnnW = 2, kCudnnY = 3 };

struct CudnnPlan {
  std::unique_ptr<CudnnDescriptor> plan;  // null: there is none
  int64_t workspace = 0;                  // bytes
};

// The first of the choices, best first, that computes the same bits each time, accumulates half types in f32 and
// rounds f32 to tf32 only if that is allowed. Convolutions of f32 may go through Winograd's transform with small
// tiles, never through Fourier's.
CudnnPlan plan_by_cudnn(const CudnnLibrary& library, cudnnHandle_t handle, const nngpu_module_convolution& c);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_CUDNN_PLAN_H_
