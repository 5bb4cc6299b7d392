// Special functions that are compositions of others; fusion makes them one pass.
#ifndef NNGPU_SPECIAL_H_
#define NNGPU_SPECIAL_H_

#include "nngpu/tensor.h"

namespace nngpu {

// The derivative of lgamma: the recurrence up to x >= 8, then the asymptotic series; the reflection formula below
// 1/2 (Abramowitz and Stegun 6.3.5, 6.3.7, 6.3.18). NaN at the poles 0, -1, -2, ...; half types compute in f32.
Tensor digamma(const Tensor& x);

}  // namespace nngpu

#endif  // NNGPU_SPECIAL_H_
