// Gradients of the other operations against central differences in float64, first and second derivatives.
#include <gtest/gtest.h>

#include <array>

#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

using In = std::vector<Tensor>;
using Out = std::vector<Tensor>;

Tensor random(const Shape& shape, uint64_t seed = 1, double low = -1, double high = 1) {
  return uniform(shape, low, high, DType::F64, Generator(seed));
}

// Of the function and of its gradient.
void check(const std::function<Tensor(const In&)>& function, const In& inputs, bool second = true) {
  EXPECT_NO_THROW(check_gradients([&](const In& x) { return Out{function(x)}; }, inputs));
  if (!second) return;
  const auto first = [&](const In& x) {
    return value_and_gradients([&](const In& y) { return Out{sum(square(function(y)))}; }, x).gradients;
  };
  EXPECT_NO_THROW(check_gradients(first, inputs, {.rtol = 1e-4, .atol = 1e-5}));
}

TEST(OperationGradient, Sums) {
  check([](const In& x) { return sum(x[0]); }, {random({2, 3, 4})});
  check([](const In& x) { return sum(x[0], {0, 2}) * 2; }, {random({2, 3, 4})});
  check([](const In& x) { return mean(x[0], 1, true); }, {random({2, 3, 4})});
  check([](const In& x) { return var(x[0], {1, 2}, 1); }, {random({2, 3, 4})});
  check([](const In& x) { return stddev(x[0], -1); }, {random({3, 4})});
  check([](const In& x) { return logsumexp(x[0], 1); }, {random({3, 4})});
  check([](const In& x) { return norm(x[0], 2, 1); }, {random({3, 4})});
  check([](const In& x) { return norm(x[0], 1); }, {random({3, 4}, 1, 0.2, 1)});
  check([](const In& x) { return norm(x[0], 3, 0); }, {random({3, 4}, 1, 0.2, 1)});
}

TEST(OperationGradient, Extremes) {
  check([](const In& x) { return max(x[0], 1); }, {random({4, 5})});
  check([](const In& x) { return min(x[0], {0, 1}, true); }, {random({4, 5})});
  const Tensor equal = Tensor::from_vector<double>({1, 3, 3}, {3});
  const Tensor g = grad([](const Tensor& x) { return max(x); })(equal);
  EXPECT_EQ(g.to_vector<double>(), (std::vector<double>{0, 0.5, 0.5}));
}

TEST(OperationGradient, Products) {
  check([](const In& x) { return prod(x[0], 1); }, {random({3, 5})});
  check([](const In& x) { return prod(x[0]); }, {random({2, 3, 2})});
  check([](const In& x) { return prod(x[0], {0, 2}); }, {random({2, 3, 2})});
  // One zero and two zeros in a row: dividing by the factors would not do.
  Tensor zeros = Tensor::from_vector<double>({0, 2, 3, 0, 0, 5, 1, 2, 4}, {3, 3});
  check([](const In& x) { return prod(x[0], 1); }, {zeros});
  check([](const In& x) { return cumprod(x[0], 1); }, {zeros});
  check([](const In& x) { return cumprod(x[0], 0); }, {random({5, 2})});
  check([](const In& x) { return cumsum(x[0], 1); }, {random({3, 5})});
  EXPECT_EQ(grad([](const Tensor& x) { return sum(prod(x, 0)); })(zeros_like(random({0, 2}))).numel(), 0);
}

TEST(OperationGradient, Softmax) {
  check([](const In& x) { return softmax(x[0], -1); }, {random({3, 5})});
  check([](const In& x) { return log_softmax(x[0], 0); }, {random({3, 5})});
}

TEST(OperationGradient, Matmul) {
  check([](const In& x) { return matmul(x[0], x[1]); }, {random({3, 4}, 1), random({4, 2}, 2)});
  check([](const In& x) { return matmul(x[0], x[1]); }, {random({2, 1, 3, 4}, 1), random({3, 4, 2}, 2)});
  check([](const In& x) { return matmul(x[0], x[1]); }, {random({4}, 1), random({4, 2}, 2)});
  check([](const In& x) { return matmul(x[0], x[1]); }, {random({3, 4}, 1), random({4}, 2)});
  check([](const In& x) { return dot(x[0], x[1]); }, {random({4}, 1), random({4}, 2)});
  check([](const In& x) { return outer(x[0], x[1]); }, {random({3}, 1), random({4}, 2)});
  check(
      [](const In& x) {
        return einsum("bij,bkj->bik", {x[0], x[1]});
      },
      {random({2, 3, 4}, 1), random({2, 2, 4}, 2)});
  check([](const In& x) { return matmul(x[0], x[0]); }, {random({3, 3})});  // one operand twice
}

TEST(OperationGradient, Views) {
  const Tensor x = random({2, 3, 4});
  check([](const In& t) { return reshape(t[0], {4, 6}); }, {x});
  check([](const In& t) { return permute(t[0], {2, 0, 1}); }, {x});
  check([](const In& t) { return broadcast_to(t[0], {5, 2, 3, 4}); }, {x});
  check([](const In& t) { return broadcast_to(t[0], {3, 2}); }, {random({3, 1})});
  check([](const In& t) { return contiguous(transpose(t[0])); }, {x});
  check([](const In& t) { return flip(t[0], {0, 2}); }, {x});
  check([](const In& t) { return roll(t[0], 2, 2); }, {x});
  check([](const In& t) { return tile(t[0], {2, 1, 2}); }, {x});
  check([](const In& t) { return repeat(t[0], 3, 1); }, {x});
  check([](const In& t) { return concatenate({t[0], t[1], t[0]}, 1); }, {x, random({2, 2, 4}, 3)});
  check([](const In& t) { return stack({t[0], square(t[0])}, 1); }, {x});
  check([](const In& t) { return split(t[0], 2, 2)[1]; }, {x});
}

TEST(OperationGradient, Slices) {
  for (const std::array<int64_t, 3>& range : std::vector<std::array<int64_t, 3>>{{0, kEnd, 1},
                                                                                 {1, 6, 1},
                                                                                 {0, kEnd, 2},
                                                                                 {1, kEnd, 3},
                                                                                 {2, 7, 4},
                                                                                 {kEnd - 1, kEnd, -1},
                                                                                 {5, 0, -2},
                                                                                 {6, 1, -3},
                                                                                 {3, 3, 1}}) {
    check([&](const In& t) { return slice(t[0], 1, range[0], range[1], range[2]); }, {random({2, 7})});
  }
  check([](const In& t) { return index(t[0], 0, -1); }, {random({3, 4})});
}

// Pieces side by side, with and without gaps, used twice, of none, and such as are no pieces of one axis.
TEST(OperationGradient, SlicesOfOneTensor) {
  const Tensor x = random({4, 6});
  check(
      [](const In& t) {
        const std::vector<Tensor> parts = split(t[0], 3, 1);
        return parts[0] * parts[2] + square(parts[1]);
      },
      {x});
  check([](const In& t) { return sum(slice(t[0], 1, 1, 3) * slice(t[0], 1, 4, 6)) + sum(square(t[0])); }, {x});
  check([](const In& t) { return slice(t[0], 0, 2, 4) * slice(t[0], 0, 0, 2) + slice(t[0], 0, 2, 2).size(0); },
        {x});
  check([](const In& t) { return slice(t[0], 1, 0, 4) * slice(t[0], 1, 2, 6); }, {x});
  check([](const In& t) { return slice(t[0], 0, 0, 4, 2) * slice(t[0], 0, 1, 4, 2); }, {x});
  check([](const In& t) { return sum(slice(t[0], 0, 0, 2)) * slice(t[0], 1, 3, 5); }, {x});
}

// All parts together: their gradients are joined, not padded and added.
TEST(OperationGradient, OfAllPartsIsTheirJoin) {
  const Tensor a = random({8, 2}, 5), x = random({8, 6});
  const auto gradient = [&](const In& in) {
    const auto f = [&](const In& t) {
      const std::vector<Tensor> parts = split(t[0], 3, 1);
      return Out{sum(parts[0] * a + sin(parts[1]) + parts[2] * parts[2])};
    };
    return value_and_gradients(f, in).gradients;
  };
  const std::string text = explain(TensorFunction(gradient), In{x});
  EXPECT_EQ(text.find("Pad"), std::string::npos) << text;
  EXPECT_NE(text.find("Concat"), std::string::npos) << text;
}

TEST(OperationGradient, Diagonals) {
  for (const int64_t offset : {-3, -1, 0, 2, 4, 6})
    check([&](const In& t) { return diagonal(t[0], offset); }, {random({2, 3, 5})});
  check([](const In& t) { return tril(t[0], 1) + triu(t[0]) * 2; }, {random({4, 3})});
}

TEST(OperationGradient, Padding) {
  const std::vector<std::pair<int64_t, int64_t>> widths = {{1, 2}, {0, 3}};
  for (const PadMode mode : {PadMode::Constant, PadMode::Reflect, PadMode::Replicate})
    check([&](const In& t) { return pad(t[0], widths, mode, 0.5); }, {random({4, 5})});
}

TEST(OperationGradient, Indexing) {
  const Tensor rows = Tensor::from_vector<int64_t>({2, 0, 2, -1}, {2, 2});
  check([&](const In& t) { return take(t[0], rows, 0); }, {random({4, 3})});
  check([&](const In& t) { return take(t[0], rows, 1); }, {random({2, 3, 2})});
  const Tensor picks = Tensor::from_vector<int64_t>({0, 2, 1, 1, 0, 0}, {2, 3});
  check([&](const In& t) { return gather(t[0], picks, 0); }, {random({3, 3})});
  check([&](const In& t) { return gather(t[0], picks, 1); }, {random({2, 4})});
  const Tensor one = Tensor::from_vector<int64_t>({3, -1, 0, -4}, {2, 1, 2});  // of each line
  check([&](const In& t) { return gather(t[0], one, 1); }, {random({2, 4, 2})});
  check([&](const In& t) { return square(gather(t[0], cast(one, DType::I32), 1)); }, {random({2, 4, 2})});
  check([&](const In& t) { return scatter_add(t[0], picks, t[1], 0); }, {random({3, 3}, 1), random({2, 3}, 2)});
  check([](const In& t) { return sort(t[0], 1); }, {random({3, 5})});
  check([](const In& t) { return sort(t[0], 0, true); }, {random({5, 2})});
  check([](const In& t) { return topk(t[0], 2, -1).values; }, {random({3, 5})});
}

TEST(OperationGradient, Activations) {
  const Tensor x = random({3, 7}, 5, -3, 3);
  for (Tensor (*function)(const Tensor&) : {gelu, gelu_tanh, silu, softplus})
    check([&](const In& t) { return function(t[0]); }, {x});
  check([](const In& t) { return logaddexp(t[0], t[1]); }, {x, random({3, 7}, 6)});
  check([](const In& t) { return lerp(t[0], t[1], t[2]); }, {x, random({3, 7}, 6), random({7}, 7)});
  check([](const In& t) { return clip(t[0], -1, 1.5); }, {x});
}

}  // namespace
}  // namespace nngpu
