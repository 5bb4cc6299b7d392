// Gradients of the operations on rows and channels, of first and second order, by finite differences.
#include <gtest/gtest.h>

#include <regex>

#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/normalization.h"
#include "nngpu/ops.h"

namespace nngpu {
namespace {

using Tensors = std::vector<Tensor>;

Tensor numbers(const Shape& shape) { return randn(shape, DType::F64); }

// A function and the gradient of a sum of its weighted results.
void check(const TensorFunction& function, const Tensors& inputs) {
  check_gradients(function, inputs);
  const TensorFunction first = [&](const Tensors& in) {
    return value_and_gradients(
               [&](const Tensors& at) {
                 Tensor total = Tensor(0.0);
                 for (const Tensor& y : function(at)) total = total + sum(square(y) + y);
                 return Tensors{total};
               },
               in)
        .gradients;
  };
  check_gradients(first, inputs);
}

TEST(RowGradients, MomentsAndLogSumExp) {
  for (const int64_t axis : {0, 1}) {
    check(
        [&](const Tensors& in) {
          const Moments m = moments(in[0], axis, 1);
          return Tensors{m.mean, m.var};
        },
        {numbers({4, 5})});
    check([&](const Tensors& in) { return Tensors{logsumexp(in[0], axis)}; }, {numbers({4, 5})});
    check([&](const Tensors& in) { return Tensors{stddev(in[0], axis, 0, true)}; }, {numbers({4, 5})});
  }
}

TEST(RowGradients, Softmax) {
  for (const int64_t axis : {0, 1}) {
    check([&](const Tensors& in) { return Tensors{softmax(in[0], axis)}; }, {numbers({3, 5})});
    check([&](const Tensors& in) { return Tensors{log_softmax(in[0], axis)}; }, {numbers({3, 5})});
  }
}

TEST(RowGradients, LayerNorm) {
  check([](const Tensors& in) { return Tensors{layer_norm(in[0], int64_t{1}, in[1], in[2])}; },
        {numbers({3, 5}), numbers({5}), numbers({5})});
  check([](const Tensors& in) { return Tensors{layer_norm(in[0], int64_t{2}, {}, in[1])}; },
        {numbers({2, 3, 2}), numbers({3, 2})});
  check([](const Tensors& in) { return Tensors{rms_norm(in[0], 1, in[1])}; }, {numbers({3, 5}), numbers({5})});
}

TEST(RowGradients, Channels) {
  check([](const Tensors& in) { return Tensors{batch_norm(in[0], in[1], in[2]).y}; },
        {numbers({3, 2, 3}), numbers({2}), numbers({2})});
  check([](const Tensors& in) { return Tensors{group_norm(in[0], 2, in[1], in[2])}; },
        {numbers({2, 4, 3}), numbers({4}), numbers({4})});
}

// Through all results, which depend on each other, and without weight or bias.
TEST(RowGradients, BatchNormsMoments) {
  check(
      [](const Tensors& in) {
        const BatchNorm n = batch_norm(in[0], {}, in[1]);
        return Tensors{n.y, n.mean * n.var};
      },
      {numbers({3, 2, 3}), numbers({2})});
  check([](const Tensors& in) { return Tensors{batch_norm(in[0]).y}; }, {numbers({5, 2})});
}

// Neither the centred values nor a wider copy of them is stored: three launches read x and what came back.
TEST(RowGradients, BatchNormStoresNothingOfTheInputsSize) {
  const auto step = [](const Tensor& x, const Tensor& g) {
    const auto y = [](const Tensors& in) { return Tensors{batch_norm(in[0], in[1], in[2]).y}; };
    return vjp(y, {x, ones({4}), zeros({4})}).pullback({g})[0];
  };
  const Tensor x = zeros({64, 4, 32, 32}, DType::BF16);
  const std::string plan = explain(step, x, x);
  EXPECT_TRUE(std::regex_search(plan, std::regex("intermediates peak at [0-9.]+ B"))) << plan;
}

TEST(RowGradients, DropoutKeepsItsMask) {
  const Tensor x = requires_grad(ones({1000}));
  const Tensor y = dropout(x, 0.3, Generator(4));
  const std::vector<float> g = gradients(sum(y), {x})[0].to_vector<float>();
  EXPECT_EQ(g, y.to_vector<float>());
}

}  // namespace
}  // namespace nngpu
