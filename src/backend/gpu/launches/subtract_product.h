// c -= a b over stacks: what blocked factorisations do most.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_SUBTRACT_PRODUCT_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_SUBTRACT_PRODUCT_H_

#include "backend/gpu/launches/decompose.h"

namespace nngpu::gpu {

// With `lower`, elements of c above the diagonal need not be right. The operands must not overlap.
void subtract_product(GpuBackend& gpu, const Matrices& a, const Matrices& b, const Matrices& c,
                      bool lower = false);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_SUBTRACT_PRODUCT_H_
