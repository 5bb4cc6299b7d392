#include "nngpu/nn/layers.h"

#include <cmath>

#include "nn/describe.h"
#include "nngpu/amp.h"
#include "nngpu/nn/init.h"
#include "nngpu/ops.h"

namespace nngpu::nn {
namespace {

// In a scope of autocast the sum has the product's dtype, as a convolution's has.
Tensor with_bias(const Tensor& product, const Variable& bias) {
  if (!bias.defined()) return product;
  return product + (autocast_dtype() ? cast(bias.value(), product.dtype()) : bias.value());
}

}  // namespace

Linear::Linear(int64_t in, int64_t out, const LinearOptions& options) {
  require_positive("Linear", {in, out});
  weight = register_parameter("weight",
                              init::kaiming_uniform({out, in}, std::sqrt(5.0), init::Fan::In, options.generator));
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  if (options.bias) bias = register_parameter("bias", init::uniform({out}, -bound, bound, options.generator));
}

Tensor Linear::forward(const Tensor& x) const { return with_bias(matmul(x, transpose(weight.value())), bias); }

std::string Linear::describe() const {
  return called("Linear", weight.shape()[1], weight.shape()[0], bias.defined() ? "" : "no bias");
}

Bilinear::Bilinear(int64_t in1, int64_t in2, int64_t out, const LinearOptions& options) {
  require_positive("Bilinear", {in1, in2, out});
  const double bound = 1 / std::sqrt(static_cast<double>(in1));
  weight = register_parameter("weight", init::uniform({out, in1, in2}, -bound, bound, options.generator));
  if (options.bias) bias = register_parameter("bias", init::uniform({out}, -bound, bound, options.generator));
}

Tensor Bilinear::operator()(const Tensor& a, const Tensor& b) const {
  return with_bias(einsum("...i,oij,...j->...o", {a, weight.value(), b}), bias);
}

Tensor Bilinear::forward(const Tensor& x) const { return (*this)(x, x); }

std::string Bilinear::describe() const {
  return called("Bilinear", weight.shape()[1], weight.shape()[2], weight.shape()[0]);
}

Embedding::Embedding(int64_t count, int64_t size, Generator generator) {
  require_positive("Embedding", {count, size});
  weight = register_parameter("weight", init::normal({count, size}, 0, 1, generator));
}

Tensor Embedding::forward(const Tensor& indices) const { return take(weight.value(), indices, 0); }

std::string Embedding::describe() const { return called("Embedding", weight.shape()[0], weight.shape()[1]); }

Tensor Flatten::forward(const Tensor& x) const { return flatten(x, first_, last_); }

}  // namespace nngpu::nn
