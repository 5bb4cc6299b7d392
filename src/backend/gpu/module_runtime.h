// A module (libnngpu_cuda) found beside the library and loaded at run time, as a Runtime.
#ifndef NNGPU_BACKEND_GPU_MODULE_RUNTIME_H_
#define NNGPU_BACKEND_GPU_MODULE_RUNTIME_H_

#include <memory>
#include <string>

#include "backend/gpu/runtime.h"

namespace nngpu::gpu {

// How many devices the CUDA module finds; 0 with the reason in `why`. The module is looked for as the file that
// NNGPU_CUDA_MODULE names, else beside the library or program that holds this code, else in the install folder;
// never in the current folder or along LD_LIBRARY_PATH.
int cuda_device_count(std::string& why);
std::unique_ptr<Runtime> make_cuda_runtime(int index);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_MODULE_RUNTIME_H_
