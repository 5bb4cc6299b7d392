// Normalization and dropout, as functions: parameters and running statistics are tensors that the caller keeps.
//
// An undefined tensor (Tensor()) as weight or bias means that there is none. Half types compute in f32, integers
// and bools become f32, results have float_dtype(x). Errors: ShapeError where shapes do not fit, ValueError for
// arguments out of range, DTypeError where weight, bias or statistics are not floating.
#ifndef NNGPU_NORMALIZATION_H_
#define NNGPU_NORMALIZATION_H_

#include "nngpu/random.h"
#include "nngpu/tensor.h"

namespace nngpu {

// Layer normalization (Ba, Kiros, Hinton 2016) over the trailing axes, whose sizes are `normalized_shape`:
// (x - mean) / sqrt(variance + epsilon) * weight + bias, with the biased variance. weight and bias: of
// normalized_shape.
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, double epsilon = 1e-5);
// The same over the last `axes` axes.
Tensor layer_norm(const Tensor& x, int64_t axes, const Tensor& weight = {}, const Tensor& bias = {},
                  double epsilon = 1e-5);

// x / sqrt(mean of squares + epsilon) * weight over the last `axes` axes (Zhang, Sennrich 2019).
Tensor rms_norm(const Tensor& x, int64_t axes = 1, const Tensor& weight = {}, double epsilon = 1e-5);

// Group normalization (Wu, He 2018) of x (n, channels, ...): each sample's channels in `groups` equal groups,
// every group normalised by itself. weight and bias: (channels).
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double epsilon = 1e-5);

// Instance normalization (Ulyanov, Vedaldi, Lempitsky 2016) of x (n, channels, ...): every channel of every sample
// by itself.
Tensor instance_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {}, double epsilon = 1e-5);

// Batch normalization (Ioffe, Szegedy 2015) of x (n, channels, ...), or (n, channels): every channel over all
// samples and positions.
struct BatchNorm {
  Tensor y;
  Tensor mean, var;  // of the batch, (channels), in f32 (f64 of f64); var is biased
};
// By the statistics of the batch, which are returned for running averages.
BatchNorm batch_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {}, double epsilon = 1e-5);
// By given statistics, of (channels).
Tensor batch_norm(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight, const Tensor& bias,
                  double epsilon = 1e-5);

// Elements are zero with probability p, and divided by 1 - p otherwise (Srivastava et al. 2014): x scaled where
// bernoulli(shape, 1 - p) of the same generator is true. The mask is the same on every device and is never stored.
// In a compiled function every replay draws anew. ValueError unless 0 <= p <= 1.
Tensor dropout(const Tensor& x, double p = 0.5, Generator generator = default_generator());

}  // namespace nngpu

#endif  // NNGPU_NORMALIZATION_H_
