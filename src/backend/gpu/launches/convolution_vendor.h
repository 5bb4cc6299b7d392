// Convolutions by the vendor's library, where it has one.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_CONVOLUTION_VENDOR_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_CONVOLUTION_VENDOR_H_

#include "backend/gpu/launches.h"

namespace nngpu::gpu {

// False where the convolution is too small, of single channels, or one that the library does not have.
bool convolve_by_vendor(GpuBackend& gpu, const Launch& launch, const RunContext& context);

// Whether the vendor's library computes it, in a way that wants the channels of a place side by side.
bool vendor_prefers_channels_last(GpuBackend& gpu, const Launch& launch);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_CONVOLUTION_VENDOR_H_
