// Operations on rows that public functions and gradients are made of.
#ifndef NNGPU_OPS_ROWS_H_
#define NNGPU_OPS_ROWS_H_

#include "nngpu/tensor.h"

namespace nngpu::ops {

// The normalization of x over its last `axes` axes, in x's floating dtype. mean (undefined with rms) and scale, 1
// / deviation, have x's shape with the normalised axes of size 1, in the dtype x computes in. Undefined weight and
// bias are absent; others have the shape of the normalised axes, and x's dtype or that one.
struct Normalized {
  Tensor y, mean, scale;
};
struct NormalizeForm {
  int64_t axes = 1;
  bool rms = false;
  double epsilon = 1e-5;
};
Normalized normalize(const Tensor& x, const NormalizeForm& form, const Tensor& weight, const Tensor& bias);

// Its gradient with respect to x, from the gradient g of y.
Tensor normalize_gradient(const Tensor& g, const Tensor& x, const Tensor& mean, const Tensor& scale,
                          const Tensor& weight, const NormalizeForm& form);
// The same in elementwise operations and reductions, to which there are gradients.
Tensor normalize_gradient_composite(const Tensor& g, const Tensor& x, const Tensor& mean, const Tensor& scale,
                                    const Tensor& weight, const NormalizeForm& form);

// The gradient of y = softmax(x, axis), or with `log` of y = log_softmax(x, axis), with respect to x.
Tensor softmax_gradient(const Tensor& g, const Tensor& y, int64_t axis, bool log);
Tensor softmax_gradient_composite(const Tensor& g, const Tensor& y, int64_t axis, bool log);

// The last `axes` axes of a rank.
Dims trailing_axes(int rank, int64_t axes);

}  // namespace nngpu::ops

#endif  // NNGPU_OPS_ROWS_H_
