// Tables of tile kernels: one function per primitive, type and kind of operands, chosen for this processor.
#ifndef NNGPU_BACKEND_CPU_ELEMENTWISE_KERNELS_H_
#define NNGPU_BACKEND_CPU_ELEMENTWISE_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "ops/elementwise.h"

namespace nngpu::cpu {

// out[i] = f(a[i], b[i], c[i]) for i < n. `out` may be one of the operands. Unused operands are ignored.
using StepKernel = void (*)(void* out, const void* a, const void* b, const void* c, size_t n);

// Bit 0: `a` is one element, repeated; bit 1: `b` is. Entries beyond 0 are null where a primitive has no such
// form.
inline constexpr int kOperandForms = 4;

struct StepKernels {
  StepKernel table[kElementwiseCount][kDTypeCount][kOperandForms] = {};  // by compute dtype of the operands
};
// All but casts. The table is filled on first use.
const StepKernels& step_kernels();

// Converts n elements between storage dtypes: floating to integer truncates and saturates (NaN gives 0), to bool
// is "nonzero", integers wrap.
using CastKernel = void (*)(void* out, const void* in, size_t n);
CastKernel cast_kernel(DType from, DType to);

// Rounds n f32 values to the grid of a half type, in f32.
using RoundKernel = void (*)(float* out, const float* in, size_t n);
RoundKernel round_kernel(DType half);

// Writes past the caches: for results too large to be found there again.
void stream_copy(void* out, const void* in, size_t bytes);

// Fills out with n copies of the element of `size` bytes at `value`.
void fill(void* out, const void* value, size_t size, size_t n);

// Gathers n elements of `size` bytes, `stride` elements apart.
void gather_strided(void* out, const void* in, size_t size, int64_t stride, size_t n);

namespace detail {
void add_float_kernels(StepKernels& kernels);
void add_double_kernels(StepKernels& kernels);
void add_integer_kernels(StepKernels& kernels);
void add_select_kernels(StepKernels& kernels);
}  // namespace detail

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_ELEMENTWISE_KERNELS_H_
