// The device's memory, in the order of its stream.
#ifndef NNGPU_BACKEND_CUDA_MEMORY_H_
#define NNGPU_BACKEND_CUDA_MEMORY_H_

#include <cstddef>

#include "backend/cuda/context.h"

namespace nngpu::cuda {

// Makes the device's pool; without one, where the device has none, memory comes from cuMemAlloc.
int open_memory(Device& device);

// Of the module's table. allocate() and free() wait for nothing: what is freed is given out again to what is
// submitted later. trim() waits, and returns what is free to the system.
int allocate(void* handle, size_t bytes, void** block);
int free(void* handle, void* block);
int trim(void* handle);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_MEMORY_H_
