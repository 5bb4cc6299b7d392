// Accumulation kernels of reductions, chosen for this processor.
#ifndef NNGPU_BACKEND_CPU_ELEMENTWISE_REDUCE_KERNELS_H_
#define NNGPU_BACKEND_CPU_ELEMENTWISE_REDUCE_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "graph/params.h"

namespace nngpu::cpu {

// A partial result. Floating sums keep `real` and the rounding error `error` (Neumaier 1974), so that they lose
// nothing to length; a tile of f32
// values is added in several short f32 sums, and the tiles' sums in double. Integers and truths use `integer`.
// LogSumExp keeps the largest element in `real` and the sum of exponentials relative to it in `error`; Moments the
// mean of x - shift in `real`, the sum of squared deviations from it in `error`, and the count in `integer`.
struct Partial {
  double real = 0;
  double error = 0;
  int64_t integer = 0;
  double shift = 0;
};

struct ReduceKernels {
  Partial identity;
  bool floating = false;  // which members of Partial are in use
  // partial = partial (+) the n values at x.
  void (*run)(Partial& partial, const void* x, size_t n) = nullptr;
  // The same, of values to be asked for ahead; null where there is none.
  void (*run_far)(Partial& partial, const void* x, size_t n) = nullptr;
  // For each i < n: column i = column i (+) x[i]; columns as four arrays, of which those in use are touched.
  void (*columns)(double* real, double* error, int64_t* integer, double* shift, const void* x, size_t n) = nullptr;
  void (*combine)(Partial& into, const Partial& other) = nullptr;
};

// `type` is a compute dtype; any and all take U8.
const ReduceKernels& reduce_kernels(graph::Reduction code, DType type);

// Those of LogSumExp and Moments, of a floating compute dtype.
ReduceKernels log_sum_exp_kernels(DType type);
ReduceKernels moments_kernels(DType type);

// Whether none of the n values at x is NaN or infinite.
bool all_finite(const float* x, size_t n);
bool all_finite(const double* x, size_t n);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_ELEMENTWISE_REDUCE_KERNELS_H_
