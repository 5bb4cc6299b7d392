// Products by the vendor's library, where it has one.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_VENDOR_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_VENDOR_H_

#include <optional>

#include "backend/gpu/launches.h"
#include "backend/gpu/launches/matmul_epilogue.h"

namespace nngpu::gpu {

// Whether the vendor's library computes the product, at addresses that are multiples of 16; submits nothing.
bool vendor_multiplies(GpuBackend& gpu, const Launch& launch);

// The chain behind the product as an epilogue of the vendor's library, where it has one for it.
std::optional<EpilogueMatch> vendor_epilogue(GpuBackend& gpu, const Launch& product, const Launch& chain);
// The product and its chain; false, with nothing done, where the library refuses, or the chain's numbers are not
// those that make it the epilogue.
bool multiply_by_vendor(GpuBackend& gpu, const Launch& launch, const Launch& chain, const EpilogueMatch& match,
                        const RunContext& context);

// False where the product is too small, of a type or of strides that the library does not take. What may be
// batched with other items is always ours: batching changes no bits.
bool multiply_by_vendor(GpuBackend& gpu, const Launch& launch, const RunContext& context);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_VENDOR_H_
