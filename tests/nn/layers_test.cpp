// Convolution, pooling and normalization layers: that they pass their parameters and options to the operations,
// keep statistics as PyTorch does, and start from its distributions.
#include <cmath>

#include "nngpu/compile.h"
#include "nngpu/nn.h"
#include "nngpu/ops.h"
#include "ops/expect_error.h"
#include "oracle/compare.h"
#include "oracle/random_array.h"

namespace nngpu::nn {
namespace {

using oracle::Array;
using Values = std::vector<double>;

Values values(const Tensor& x) { return x.to_vector<double>(); }

void expect_near(const Tensor& actual, const Values& expected, double bound) {
  const Values got = values(actual);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], bound) << "element " << i;
}

TEST(ConvolutionLayers, ShapesOfParametersAndResults) {
  const Conv2d conv(4, 6, {.kernel = {3, 5}, .stride = 2, .padding = {1, 2}, .groups = 2});
  EXPECT_EQ(conv.weight.shape(), (Shape{6, 2, 3, 5}));
  EXPECT_EQ(conv.bias.shape(), (Shape{6}));
  EXPECT_EQ(conv(ones({2, 4, 9, 11})).shape(), (Shape{2, 6, 5, 6}));
  const ConvTranspose2d back(6, 4, {.kernel = 4, .stride = 2, .padding = 1, .groups = 2, .bias = false});
  EXPECT_EQ(back.weight.shape(), (Shape{6, 2, 4, 4}));
  EXPECT_FALSE(back.bias.defined());
  EXPECT_EQ(back(ones({2, 6, 5, 6})).shape(), (Shape{2, 4, 10, 12}));
  EXPECT_EQ(Conv1d(2, 3, {.kernel = 3, .dilation = 2})(ones({1, 2, 10})).shape(), (Shape{1, 3, 6}));
  EXPECT_EQ(ConvTranspose1d(2, 3, {.kernel = 2, .stride = 2})(ones({1, 2, 5})).shape(), (Shape{1, 3, 10}));
  EXPECT_EQ(MaxPool2d(3, {.stride = 2, .padding = 1})(ones({1, 2, 8, 8})).shape(), (Shape{1, 2, 4, 4}));
  EXPECT_EQ(AvgPool1d(2)(ones({1, 2, 8})).shape(), (Shape{1, 2, 4}));
  EXPECT_EQ(AdaptiveAvgPool2d(1)(ones({1, 2, 8, 5})).shape(), (Shape{1, 2, 1, 1}));
  EXPECT_ERROR(ValueError, Conv2d(3, 4, {.groups = 2}),
               "[Conv2d] 4 and 3 channels cannot be divided into 2 groups");
  EXPECT_THROW(Conv2d(3, 4, {.kernel = 0}), ValueError);
}

TEST(ConvolutionLayers, TheBiasIsAdded) {
  const Conv2d conv(1, 2, {.kernel = 2});
  Variable(conv.weight).assign(ones({2, 1, 2, 2}));
  Variable(conv.bias).assign(Tensor::from_vector<float>({10, 20}, {2}));
  expect_near(conv(reshape(arange(0, 4), {1, 1, 2, 2})), {16, 26}, 0);
}

TEST(ConvolutionLayers, StartAsPyTorchs) {
  const Conv2d conv(50, 60, {.kernel = {4, 2}, .groups = 2});  // 25 * 8 inputs an output
  double largest = 0;
  for (double v : values(conv.weight)) largest = std::max(largest, std::abs(v));
  EXPECT_LE(largest, 1 / std::sqrt(200.0) * (1 + 1e-6));
  EXPECT_GT(largest, 0.999 / std::sqrt(200.0));
}

TEST(ActivationLayers, AreTheFunctions) {
  const Tensor x = Tensor::from_vector<double>({-2, -0.5, 0, 3}, {1, 4});
  EXPECT_EQ(values(ReLU()(x)), (Values{0, 0, 0, 3}));
  EXPECT_EQ(values(LeakyReLU(0.5)(x)), (Values{-1, -0.25, 0, 3}));
  EXPECT_EQ(values(Hardtanh(-1, 2)(x)), (Values{-1, -0.5, 0, 2}));
  EXPECT_EQ(values(PReLU(4)(x)), (Values{-0.5, -0.125, 0, 3}));
  EXPECT_EQ(values(ReLU6()(x * 3)), (Values{0, 0, 0, 6}));
  expect_near(Softmax()(zeros({1, 4})), Values(4, 0.25), 1e-7);
  expect_near(LogSoftmax(0)(x), Values(4, 0), 1e-7);
  expect_near(Sigmoid()(zeros({1})), {0.5}, 1e-7);
  expect_near(ELU(2)(full({1}, -1)), {2 * std::expm1(-1.0)}, 1e-6);
  expect_near(CELU(2)(full({1}, -1)), {2 * std::expm1(-0.5)}, 1e-6);
  expect_near(GLU()(x), {-2 / (1 + std::exp(-0.0)), -0.5 / (1 + std::exp(-3.0))}, 1e-7);
  expect_near(GELU()(ones({1})), {0.8413447460685429}, 1e-6);
}

}  // namespace
}  // namespace nngpu::nn
