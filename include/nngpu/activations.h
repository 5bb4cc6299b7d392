// Activation functions beyond those of ops.h (relu, gelu, gelu_tanh, silu, softplus, sigmoid, tanh).
//
// All are elementwise (glu aside), keep the shape, give the dtype of float_dtype(), and compute half types in f32.
// Their values and their gradients are finite wherever the function's are: no branch that is not taken puts a NaN
// into the one that is. Errors: DTypeError, ShapeError, ValueError, IndexError.
#ifndef NNGPU_ACTIVATIONS_H_
#define NNGPU_ACTIVATIONS_H_

#include "nngpu/ops.h"

namespace nngpu {

// min(max(x, 0), 6).
Tensor relu6(const Tensor& x);
// x above 0, negative_slope * x elsewhere.
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);
// leaky_relu with learned slopes: weight has one element, or one for each index of axis 1 (axis 0 of a vector).
Tensor prelu(const Tensor& x, const Tensor& weight);
// x above 0, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2016).
Tensor elu(const Tensor& x, double alpha = 1);
// elu with the constants that keep mean 0 and variance 1 (Klambauer et al., 2017).
Tensor selu(const Tensor& x);
// x above 0, alpha * (exp(x / alpha) - 1) elsewhere: differentiable at 0 for every alpha (Barron, 2017).
Tensor celu(const Tensor& x, double alpha = 1);
// x * tanh(softplus(x)) (Misra, 2019).
Tensor mish(const Tensor& x);
// 0 up to -3, x from 3 on, x * (x + 3) / 6 between (Howard et al., 2019).
Tensor hardswish(const Tensor& x);
// min(max(x / 6 + 1 / 2, 0), 1).
Tensor hardsigmoid(const Tensor& x);
// min(max(x, low), high).
Tensor hardtanh(const Tensor& x, double low = -1, double high = 1);
// x / (1 + |x|).
Tensor softsign(const Tensor& x);
// x - tanh(x).
Tensor tanhshrink(const Tensor& x);
// log(sigmoid(x)), without underflow.
Tensor log_sigmoid(const Tensor& x);
// The first half of x along `axis` times the sigmoid of the second (Dauphin et al., 2017).
Tensor glu(const Tensor& x, int64_t axis = -1);

}  // namespace nngpu

#endif  // NNGPU_ACTIVATIONS_H_
