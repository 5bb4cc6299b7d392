#include "nngpu/nn/activations.h"

#include "nn/describe.h"
#include "nngpu/activations.h"

namespace nngpu::nn {

Tensor ReLU::forward(const Tensor& x) const { return relu(x); }
Tensor ReLU6::forward(const Tensor& x) const { return relu6(x); }
Tensor GELU::forward(const Tensor& x) const { return gelu(x); }
Tensor GELUTanh::forward(const Tensor& x) const { return gelu_tanh(x); }
Tensor SiLU::forward(const Tensor& x) const { return silu(x); }
Tensor Sigmoid::forward(const Tensor& x) const { return sigmoid(x); }
Tensor Tanh::forward(const Tensor& x) const { return tanh(x); }
Tensor Softplus::forward(const Tensor& x) const { return softplus(x); }
Tensor SELU::forward(const Tensor& x) const { return selu(x); }
Tensor Mish::forward(const Tensor& x) const { return mish(x); }
Tensor Hardswish::forward(const Tensor& x) const { return hardswish(x); }
Tensor Hardsigmoid::forward(const Tensor& x) const { return hardsigmoid(x); }
Tensor Softsign::forward(const Tensor& x) const { return softsign(x); }
Tensor Tanhshrink::forward(const Tensor& x) const { return tanhshrink(x); }
Tensor LogSigmoid::forward(const Tensor& x) const { return log_sigmoid(x); }

Tensor LeakyReLU::forward(const Tensor& x) const { return leaky_relu(x, negative_slope_); }
std::string LeakyReLU::describe() const { return called("LeakyReLU", negative_slope_); }

Tensor ELU::forward(const Tensor& x) const { return elu(x, alpha_); }
std::string ELU::describe() const { return called("ELU", alpha_); }

Tensor CELU::forward(const Tensor& x) const { return celu(x, alpha_); }
std::string CELU::describe() const { return called("CELU", alpha_); }

Tensor GLU::forward(const Tensor& x) const { return glu(x, axis_); }
std::string GLU::describe() const { return called("GLU", axis_); }

Tensor Softmax::forward(const Tensor& x) const { return softmax(x, axis_); }
std::string Softmax::describe() const { return called("Softmax", axis_); }

Tensor LogSoftmax::forward(const Tensor& x) const { return log_softmax(x, axis_); }
std::string LogSoftmax::describe() const { return called("LogSoftmax", axis_); }

Tensor Hardtanh::forward(const Tensor& x) const { return hardtanh(x, low_, high_); }
std::string Hardtanh::describe() const { return called("Hardtanh", low_, high_); }

PReLU::PReLU(int64_t count, double initial) {
  require_positive("PReLU", {count});
  weight = register_parameter("weight", full({count}, initial));
}
Tensor PReLU::forward(const Tensor& x) const { return prelu(x, weight.value()); }
std::string PReLU::describe() const { return called("PReLU", weight.shape()[0]); }

}  // namespace nngpu::nn
