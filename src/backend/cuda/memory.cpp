#include "backend/cuda/memory.h"

#include <cstdint>

#include "backend/cuda/check.h"

namespace nngpu::cuda {

// A pool of the library's own, so that the process's other users of the default one are left alone. It keeps what
// is freed: the system is asked again only after trim().
int open_memory(Device& device) {
  int supported = 0;
  NNGPU_CUDA(cuDeviceGetAttribute(&supported, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, device.device));
  if (supported == 0) return NNGPU_MODULE_OK;
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = device.device;
  NNGPU_CUDA(cuMemPoolCreate(&device.memory, &properties));
  cuuint64_t threshold = UINT64_MAX;
  NNGPU_CUDA(cuMemPoolSetAttribute(device.memory, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
  return NNGPU_MODULE_OK;
}

int allocate(void* handle, size_t bytes, void** block) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  CUdeviceptr pointer = 0;
  if (device.memory == nullptr) {
    NNGPU_CUDA(cuMemAlloc(&pointer, bytes));
  } else {
    CUresult result = cuMemAllocFromPoolAsync(&pointer, bytes, device.memory, device.stream);
    if (result == CUDA_ERROR_OUT_OF_MEMORY) {
      // What is free in the pool may be in pieces that are too small: the system can make one of them.
      NNGPU_CODE(trim(handle));
      result = cuMemAllocFromPoolAsync(&pointer, bytes, device.memory, device.stream);
    }
    if (result != CUDA_SUCCESS) return failed(result, "cuMemAllocFromPoolAsync");
  }
  *block = reinterpret_cast<void*>(pointer);
  return NNGPU_MODULE_OK;
}

int free(void* handle, void* block) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  if (device.memory == nullptr) {
    NNGPU_CUDA(cuMemFree(address(block)));  // waits for what still uses it
  } else {
    NNGPU_CUDA(cuMemFreeAsync(address(block), device.stream));
  }
  return NNGPU_MODULE_OK;
}

int trim(void* handle) {
  Device& device = device_of(handle);
  if (device.memory == nullptr) return NNGPU_MODULE_OK;
  NNGPU_CUDA(enter(device));
  NNGPU_CUDA(cuStreamSynchronize(device.stream));
  NNGPU_CUDA(cuMemPoolTrimTo(device.memory, 0));
  return NNGPU_MODULE_OK;
}

}  // namespace nngpu::cuda
