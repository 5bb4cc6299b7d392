// A device that compiles kernels and runs none.
#ifndef NNGPU_BACKEND_CUDA_AHEAD_DRY_RUNTIME_H_
#define NNGPU_BACKEND_CUDA_AHEAD_DRY_RUNTIME_H_

#include <memory>

#include "backend/gpu/runtime.h"

namespace nngpu::cuda {

// As a device of compute capability major.minor with the vendor's products and decompositions; its memory is the
// host's, and full of zeros.
std::unique_ptr<gpu::Runtime> make_dry_runtime(int major, int minor);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_AHEAD_DRY_RUNTIME_H_
