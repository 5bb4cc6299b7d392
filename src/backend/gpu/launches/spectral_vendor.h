// Eigenvalues and singular values of large matrices by the vendor's library, where it has one. Each function is
// false, with nothing done, where the matrices are small, many, or there is no library.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_SPECTRAL_VENDOR_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_SPECTRAL_VENDOR_H_

#include "backend/gpu/launches/decompose.h"

namespace nngpu::gpu {

// `a` is overwritten, and holds no NaN or infinity; vectors without memory are not wanted, nor are u and vt. The
// results of entries that held NaN or infinity become NaN.
bool eigh_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& values, const Stack& vectors,
                    const Stack& status);
bool svd_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& u, const Stack& values, const Stack& vt,
                   const Stack& status);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_SPECTRAL_VENDOR_H_
