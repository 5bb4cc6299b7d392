// Gradients of convolutions and pools against central differences in float64, and those of the gradients.
#include <gtest/gtest.h>

#include <string>

#include "nngpu/autograd.h"
#include "nngpu/convolution.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

using In = std::vector<Tensor>;
using Out = std::vector<Tensor>;

Tensor random(const Shape& shape, uint64_t seed = 1) { return uniform(shape, -1, 1, DType::F64, Generator(seed)); }

void check(const std::function<Tensor(const In&)>& function, const In& inputs) {
  EXPECT_NO_THROW(check_gradients([&](const In& x) { return Out{function(x)}; }, inputs));
  const auto first = [&](const In& x) {
    return value_and_gradients([&](const In& y) { return Out{sum(square(function(y)))}; }, x).gradients;
  };
  EXPECT_NO_THROW(check_gradients(first, inputs, {.rtol = 1e-4, .atol = 1e-5}));
}

TEST(ConvolutionGradient, OneAndTwoAxes) {
  const Tensor x = random({2, 4, 5, 4}), w = random({6, 4, 3, 2}, 2), b = random({6}, 3);
  check([](const In& t) { return conv2d(t[0], t[1], t[2]); }, {x, w, b});
  const Conv2dOptions strided{.stride = {2, 1}, .padding = {{1, 0}, {2, 1}}, .dilation = {1, 2}};
  check([&](const In& t) { return conv2d(t[0], t[1], strided); }, {x, w});
  check([](const In& t) { return conv1d(t[0], t[1], t[2], {.stride = 2, .padding = 1}); },
        {random({2, 3, 7}), random({4, 3, 3}, 2), random({4}, 3)});
}

TEST(ConvolutionGradient, Groups) {
  const Tensor x = random({2, 4, 4, 4});
  check([](const In& t) { return conv2d(t[0], t[1], {.padding = 1, .groups = 2}); }, {x, random({6, 2, 3, 3}, 2)});
  check([](const In& t) { return conv2d(t[0], t[1], {.stride = 2, .groups = 4}); }, {x, random({4, 1, 2, 2}, 2)});
}

TEST(ConvolutionGradient, Transposed) {
  check(
      [](const In& t) {
        return conv_transpose2d(t[0], t[1], t[2], {.stride = 2, .padding = 1, .output_padding = 1});
      },
      {random({1, 3, 3, 2}), random({3, 2, 3, 3}, 2), random({2}, 3)});
  // Output padding beyond the stride, as a dilation allows.
  check([](const In& t) { return conv_transpose2d(t[0], t[1], {.output_padding = 2, .dilation = 3}); },
        {random({1, 2, 2, 3}), random({2, 1, 2, 2}, 2)});
}

TEST(ConvolutionGradient, Columns) {
  check([](const In& t) { return unfold(t[0], {2, 3}, {.stride = 2, .padding = 1}); }, {random({2, 2, 4, 5})});
  check([](const In& t) { return fold(t[0], {4, 5}, {2, 3}, {.stride = 2, .padding = 1}); }, {random({2, 12, 9})});
}

TEST(PoolGradient, Every) {
  const Tensor x = random({2, 3, 7, 6});
  check([](const In& t) { return max_pool2d(t[0], 3, {.stride = 2, .padding = 1, .ceil_mode = true}); }, {x});
  check([](const In& t) { return max_pool2d(t[0], {2, 3}, {.stride = 1, .dilation = 2}); }, {x});
  check([](const In& t) { return avg_pool2d(t[0], 3, {.stride = 2, .padding = 1}); }, {x});
  check([](const In& t) { return avg_pool2d(t[0], 2, {.count_include_pad = false}); }, {x});
  check([](const In& t) { return adaptive_avg_pool2d(t[0], {3, 4}); }, {x});
  check([](const In& t) { return adaptive_max_pool2d(t[0], {3, 4}); }, {x});
  check([](const In& t) { return max_pool1d(t[0], 3); }, {random({2, 2, 8})});
  check([](const In& t) { return avg_pool1d(t[0], 3, {.padding = 1}); }, {random({2, 2, 8})});
  check([](const In& t) { return global_avg_pool2d(t[0]) + global_max_pool2d(t[0]); }, {x});
}

}  // namespace
}  // namespace nngpu
