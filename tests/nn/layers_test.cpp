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

// The statistics of a channel of (n, c, h, w), in double precision.
struct Statistics {
  double mean = 0, variance = 0;  // biased
  int64_t count = 0;
};
Statistics statistics_of(const Array& x, int64_t channel) {
  Statistics s;
  const auto visit = [&](auto work) {
    oracle::for_each_index(x.shape, [&](const std::vector<int64_t>& at) {
      if (at[1] == channel) work(x.at(at));
    });
  };
  visit([&](double v) { s.mean += v, ++s.count; });
  s.mean /= static_cast<double>(s.count);
  visit([&](double v) { s.variance += (v - s.mean) * (v - s.mean) / static_cast<double>(s.count); });
  return s;
}

TEST(BatchNormLayer, TrainsByTheBatchAndTracksIt) {
  for (const std::optional<double> momentum :
       {std::optional<double>(0.1), std::optional<double>(0.7), std::optional<double>()}) {
    const BatchNorm2d layer(3, {.momentum = momentum});
    Variable(layer.weight).assign(Tensor::from_vector<float>({1, 2, 3}, {3}));
    Variable(layer.bias).assign(Tensor::from_vector<float>({-1, 0, 5}, {3}));
    Values mean(3, 0), variance(3, 1);
    for (int batch = 1; batch <= 3; ++batch) {
      const Array x = oracle::random_array({4, 3, 5, 2}, DType::F32, -2, 3);
      Array expected = x;
      for (int64_t c = 0; c < 3; ++c) {
        const Statistics s = statistics_of(x, c);
        const auto i = static_cast<size_t>(c);
        const double share = momentum.value_or(1.0 / batch);
        mean[i] += (s.mean - mean[i]) * share;
        variance[i] += (s.variance * 40 / 39 - variance[i]) * share;
        oracle::for_each_index(x.shape, [&](const std::vector<int64_t>& at) {
          if (at[1] != c) return;
          expected.ref(at) = (x.at(at) - s.mean) / std::sqrt(s.variance + 1e-5) * static_cast<double>(c + 1) +
                             Values{-1, 0, 5}[i];
        });
      }
      expect_near(layer(oracle::to_tensor(x, DType::F32)), expected.data, 1e-5);
      expect_near(layer.running_mean, mean, 1e-6);
      expect_near(layer.running_var, variance, 1e-6);
      EXPECT_EQ(layer.num_batches_tracked.value().item<int64_t>(), batch);
    }
    layer.eval();
    const Array x = oracle::random_array({2, 3, 4, 4}, DType::F32, -2, 3);
    Array expected = x;
    oracle::for_each_index(x.shape, [&](const std::vector<int64_t>& at) {
      const auto i = static_cast<size_t>(at[1]);
      expected.ref(at) =
          (x.at(at) - mean[i]) / std::sqrt(variance[i] + 1e-5) * static_cast<double>(i + 1) + Values{-1, 0, 5}[i];
    });
    expect_near(layer(oracle::to_tensor(x, DType::F32)), expected.data, 1e-5);
    EXPECT_EQ(layer.num_batches_tracked.value().item<int64_t>(), 3);
  }
}

TEST(BatchNormLayer, TracksInCompiledFunctions) {
  const BatchNorm1d layer(2);
  const auto step = compile([layer](const Tensor& x) { return layer(x); });
  for (int i = 0; i < 3; ++i) step(full({4, 2}, 1) * Tensor::from_vector<float>({0, 0, 0, 4}, {4, 1})).eval();
  EXPECT_EQ(layer.num_batches_tracked.value().item<int64_t>(), 3);
  const double kept = 0.9 * 0.9 * 0.9;
  expect_near(layer.running_mean, {1 - kept, 1 - kept}, 1e-6);
  expect_near(layer.running_var, {kept + 4 * (1 - kept), kept + 4 * (1 - kept)}, 1e-5);
}

TEST(BatchNormLayer, Options) {
  const BatchNorm1d plain(2, {.affine = false, .track_running_stats = false});
  EXPECT_TRUE(plain.state().empty());
  plain.eval();
  expect_near(plain(Tensor::from_vector<float>({1, 10, 3, 20}, {2, 2})), {-1, -1, 1, 1}, 1e-4);
  EXPECT_ERROR(ShapeError, BatchNorm2d(3)(ones({2, 4, 5, 5})),
               "[BatchNorm2d] an input of shape (2, 4, 5, 5) for 3 channels");
  EXPECT_THROW(BatchNorm2d(3)(ones({2, 3})), ShapeError);
  EXPECT_THROW(BatchNorm1d(3)(ones({2, 3, 4, 5})), ShapeError);
  EXPECT_ERROR(ShapeError, BatchNorm1d(3)(ones({1, 3})),
               "[BatchNorm1d] a channel of one element has no variance to train by: (1, 3)");
}

TEST(NormLayers, NormalizeWhatTheySay) {
  const Tensor x = randn({3, 4, 5, 6}) * 3 + 2;
  const auto check = [](const Tensor& y, const Axes& axes) {
    for (double v : values(mean(y, axes))) EXPECT_NEAR(v, 0, 1e-5);
    for (double v : values(var(y, axes))) EXPECT_NEAR(v, 1, 1e-3);
  };
  check(LayerNorm(6)(x), -1);
  check(LayerNorm(Shape{5, 6})(x), {-2, -1});
  check(InstanceNorm2d(4)(x), {2, 3});
  check(reshape(GroupNorm(2, 4)(x), {3, 2, 60}), -1);
  for (double v : values(mean(square(RMSNorm(6)(x)), -1))) EXPECT_NEAR(v, 1, 1e-3);
  EXPECT_EQ(LayerNorm(6, {.bias = false}).named_parameters().size(), 1u);
  EXPECT_TRUE(InstanceNorm2d(4).parameters().empty());
  EXPECT_EQ(GroupNorm(2, 4).weight.shape(), (Shape{4}));
  EXPECT_ERROR(ValueError, GroupNorm(3, 4), "[GroupNorm] 4 channels cannot be divided into 3 groups");
  EXPECT_THROW(LayerNorm(7)(x), ShapeError);
  EXPECT_THROW(GroupNorm(2, 6)(x), ShapeError);
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
