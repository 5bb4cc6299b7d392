// The form in which this module's functions pass CUDA's errors on.
#ifndef NNGPU_BACKEND_CUDA_CHECK_H_
#define NNGPU_BACKEND_CUDA_CHECK_H_

#include "backend/cuda/context.h"
#include "backend/gpu/module_table.h"

// Returns the table's code from the enclosing function where a call of the driver fails.
#define NNGPU_CUDA(call)                                                       \
  do {                                                                         \
    const CUresult result_ = (call);                                           \
    if (result_ != CUDA_SUCCESS) return ::nngpu::cuda::failed(result_, #call); \
  } while (false)
// The same of a call that returns the table's codes.
#define NNGPU_CODE(call)                                                  \
  do {                                                                    \
    if (const int code_ = (call); code_ != NNGPU_MODULE_OK) return code_; \
  } while (false)

namespace nngpu::cuda {

inline CUdeviceptr address(const void* pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_CHECK_H_
