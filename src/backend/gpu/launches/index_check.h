// Indices of take, gather and scatter_add: all are looked at on the device before anything is read through them.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_INDEX_CHECK_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_INDEX_CHECK_H_

#include "backend/gpu/launches.h"

namespace nngpu::gpu {

// Submits a check of `indices`, which lie at `data`, against an axis of `size`. The error is appended once the
// device has finished. Returns status words: where the first is not 0, the kernel that reads through the indices
// writes zeros instead, since what depends on a failed operation still runs. The caller holds the words.
BufferPtr check_indices(GpuBackend& gpu, const char* operation, const graph::Operand& indices, const char* data,
                        int64_t axis, int64_t size, const RunContext& context);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_INDEX_CHECK_H_
