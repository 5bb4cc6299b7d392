// Gradients of attention, of first and second order, by finite differences.
#include <gtest/gtest.h>

#include "nngpu/attention.h"
#include "nngpu/autograd.h"
#include "nngpu/ops.h"

namespace nngpu {
namespace {

using Tensors = std::vector<Tensor>;

Tensor numbers(const Shape& shape) { return randn(shape, DType::F64); }

void check(const TensorFunction& function, const Tensors& inputs) {
  check_gradients(function, inputs);
  const TensorFunction first = [&](const Tensors& in) {
    return value_and_gradients([&](const Tensors& at) { return Tensors{sum(square(function(at)[0]))}; }, in)
        .gradients;
  };
  check_gradients(first, inputs);
}

TensorFunction attention(const AttentionOptions& options) {
  return
      [options](const Tensors& in) { return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], options)}; };
}

TEST(AttentionGradients, Plain) {
  check(attention({}), {numbers({3, 4}), numbers({5, 4}), numbers({5, 2})});
  check(attention({.scale = 0.7}), {numbers({2, 2, 3}), numbers({4, 3}), numbers({2, 1, 4, 2})});
}

TEST(AttentionGradients, Causal) {
  check(attention({.causal = true}), {numbers({4, 3}), numbers({4, 3}), numbers({4, 3})});
  check(attention({.causal = true}), {numbers({2, 3}), numbers({5, 3}), numbers({5, 3})});
}

TEST(AttentionGradients, Masks) {
  const Tensors inputs = {numbers({3, 4}), numbers({5, 4}), numbers({5, 2})};
  check(attention({.mask = numbers({3, 5})}), inputs);
  const Tensor allowed = numbers({3, 5}) > -0.5;
  check(attention({.mask = allowed}), inputs);
  const Tensor rows = Tensor::from_vector(std::vector<double>{1, 0, 1}, {3, 1});  // one query sees nothing
  check(attention({.mask = allowed && rows > 0.5}), inputs);
  // A mask that wants a gradient.
  check(
      [](const Tensors& in) {
        return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {.mask = in[3]})};
      },
      {inputs[0], inputs[1], inputs[2], numbers({3, 5})});
}

}  // namespace
}  // namespace nngpu
