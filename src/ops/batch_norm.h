// The gradient of batch normalization by the statistics of the batch.
#ifndef NNGPU_OPS_BATCH_NORM_H_
#define NNGPU_OPS_BATCH_NORM_H_

#include <functional>

#include "nngpu/ops.h"

namespace nngpu::ops {

// What normalises: y = (x - mean) / sqrt(var + epsilon) weight + bias, by channel (axis 1 of x). mean and var are
// x's own moments over the other axes; undefined weight and bias are absent.
struct BatchNormCall {
  Tensor x, mean, var, weight, bias;
  double epsilon;
};

// `forward`, which computes y of the call, with a gradient of its own: the part through the moments is in it, so
// it is two sums and one pass over x and the gradient, and nothing of x's size but x is kept for it.
Tensor with_batch_norm_gradient(const BatchNormCall& call, const std::function<Tensor()>& forward);

// (channels) so that it repeats along all axes of x but the second.
Tensor along_channels(const Tensor& t, const Tensor& x);

}  // namespace nngpu::ops

#endif  // NNGPU_OPS_BATCH_NORM_H_
