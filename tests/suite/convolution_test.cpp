// Convolutions in all modes against the oracle.
#include "nngpu/convolution.h"

#include <cmath>
#include <limits>

#include "oracle/convolution.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;
using oracle::Windows;

struct Case {
  Dimensions x, w;
  Windows windows;
};

// Strides, dilations, paddings before and after, groups.
Windows windows(std::array<int64_t, 2> stride, std::array<int64_t, 2> dilation = {1, 1},
                std::array<int64_t, 2> low = {0, 0}, std::array<int64_t, 2> high = {0, 0}, int64_t groups = 1) {
  return {{stride[0], stride[1]}, {dilation[0], dilation[1]}, {low[0], low[1]}, {high[0], high[1]}, groups};
}

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{2, 3, 7, 9}, {4, 3, 3, 3}, {}},
      {{2, 3, 7, 9}, {4, 3, 3, 2}, windows({1, 1}, {1, 1}, {1, 0}, {1, 1})},
      {{3, 5, 8, 6}, {7, 5, 1, 1}, {}},
      {{3, 5, 8, 7}, {7, 5, 1, 1}, windows({2, 3})},
      {{2, 2, 9, 11}, {3, 2, 3, 4}, windows({2, 3}, {1, 1}, {1, 2}, {2, 1})},
      {{1, 4, 12, 13}, {5, 4, 3, 3}, windows({1, 2}, {2, 3}, {2, 3}, {2, 2})},
      {{2, 2, 10, 10}, {2, 2, 3, 2}, windows({3, 2}, {2, 3}, {4, 1}, {1, 0})},
      {{2, 6, 7, 7}, {9, 2, 3, 3}, windows({1, 1}, {1, 1}, {1, 1}, {1, 1}, 3)},
      {{2, 6, 9, 8}, {4, 3, 2, 3}, windows({2, 2}, {1, 1}, {0, 1}, {1, 1}, 2)},
      {{2, 5, 9, 21}, {5, 1, 3, 3}, windows({1, 1}, {1, 1}, {1, 1}, {1, 1}, 5)},
      {{2, 5, 11, 19}, {5, 1, 5, 3}, windows({2, 2}, {1, 2}, {2, 1}, {2, 1}, 5)},
      {{1, 4, 6, 7}, {12, 1, 3, 3}, windows({1, 1}, {1, 1}, {1, 1}, {1, 1}, 4)},
      {{2, 3, 1, 40}, {4, 3, 1, 5}, windows({1, 2}, {1, 1}, {0, 2}, {0, 2})},
      {{2, 1, 4, 3}, {2, 1, 3, 3}, windows({1, 1}, {1, 1}, {3, 4}, {3, 4})},
      {{5, 17, 6, 5}, {19, 17, 3, 3}, windows({1, 1}, {1, 1}, {1, 1}, {1, 1})},
      {{3, 33, 4, 4}, {18, 33, 3, 3}, windows({2, 2}, {1, 1}, {1, 1}, {1, 1})},
      {{2, 40, 11, 9}, {66, 40, 3, 2}, windows({2, 3}, {1, 2}, {1, 1}, {0, 2})},
      {{1, 70, 5, 6}, {34, 70, 4, 3}, windows({4, 2}, {2, 2}, {3, 2}, {4, 3})},
      {{2, 24, 6, 7}, {20, 12, 3, 3}, windows({2, 1}, {1, 1}, {1, 1}, {1, 1}, 2)},
      {{2, 12, 13, 12}, {18, 12, 4, 4}, windows({4, 4})},
      {{1, 150, 4, 4}, {10, 150, 3, 3}, windows({1, 1}, {1, 1}, {1, 1}, {1, 1})},
      {{3, 4, 30, 31}, {4, 1, 3, 3}, windows({1, 1}, {1, 1}, {1, 1}, {1, 1}, 4)},
      {{2, 3, 5, 4}, {2, 3, 1, 2}, windows({2, 1}, {int64_t{1} << 40, 1})},
      {{2, 40, 4, 5}, {24, 40, 2, 1}, windows({2, 3}, {1, int64_t{1} << 33})},
      {{2, 40, 4, 5}, {24, 40, 2, 1}, windows({1, 1}, {1, int64_t{1} << 33})},
      {{2, 3, 12, 11}, {40, 3, 3, 3}, windows({2, 1}, {1, 1}, {1, 1}, {1, 1})},
      {{0, 3, 5, 5}, {2, 3, 3, 3}, {}},
      {{2, 3, 9, 9}, {2, 3, 2, 2}, windows({4, 5})},
      {{1, 1, 5, 60}, {3, 1, 5, 5}, windows({1, 1}, {1, 1}, {2, 2}, {2, 2})},
      {{3, 1, 20, 19}, {6, 1, 5, 5}, windows({1, 1}, {1, 1}, {2, 2}, {2, 2})},
      {{2, 5, 21, 40}, {9, 5, 3, 3}, windows({1, 1}, {2, 1}, {2, 1}, {0, 1})},
      {{2, 35, 4, 4}, {50, 35, 3, 3}, windows({1, 1}, {1, 1}, {1, 1}, {1, 1})},
      {{2, 1, 70, 130}, {2, 1, 2, 3}, windows({1, 1}, {1, 1}, {1, 1}, {0, 1})}};
  return list;
}

std::string name(const Case& c) {
  const Windows& w = c.windows;
  return to_string(Shape(c.x)) + " * " + to_string(Shape(c.w)) + " stride " +
         to_string({w.stride[0], w.stride[1]}) + " dilation " + to_string({w.dilation[0], w.dilation[1]}) +
         " groups " + std::to_string(w.groups);
}

Conv2dOptions options(const Windows& w) {
  return {.stride = {w.stride[0], w.stride[1]},
          .padding = {Pair(w.low[0], w.low[1]), Pair(w.high[0], w.high[1])},
          .dilation = {w.dilation[0], w.dilation[1]},
          .groups = w.groups};
}

Tensor any_layout(const Array& a, DType dtype) {
  return oracle::with_layout(a, dtype, oracle::kLayouts[oracle::generator()() % 4]);
}

double count(const Array& a) { return double(std::max<int64_t>(1, a.size())); }

class ConvolutionSuite : public ::testing::TestWithParam<DType> {
 protected:
  Array random(const Dimensions& shape) { return oracle::random_array(shape, GetParam(), -1, 1); }
};

TEST_P(ConvolutionSuite, EveryMode) {
  const DType dtype = GetParam();
  for (const Case& c : cases()) {
    const Array x = random(c.x), w = random(c.w), y = oracle::convolve(x, w, c.windows), g = random(y.shape);
    const Tensor tx = any_layout(x, dtype), tw = any_layout(w, dtype), tg = any_layout(g, dtype);
    const Conv2dOptions o = options(c.windows);
    EXPECT_TRUE(
        oracle::matches(conv2d(tx, tw, o), y, dtype, Accuracy::Accumulated, double(c.w[1] * c.w[2] * c.w[3])))
        << name(c);
    EXPECT_TRUE(oracle::matches(conv2d_input_gradient(tg, tw, {c.x[2], c.x[3]}, o),
                                oracle::convolve_input_gradient(g, w, c.x, c.windows), dtype,
                                Accuracy::Accumulated, double(c.w[0] / c.windows.groups * c.w[2] * c.w[3])))
        << name(c) << ", gradient of x";
    EXPECT_TRUE(oracle::matches(conv2d_weight_gradient(tx, tg, {c.w[2], c.w[3]}, o),
                                oracle::convolve_weight_gradient(x, g, c.w, c.windows), dtype,
                                Accuracy::Accumulated, count(g) / double(c.w[0])))
        << name(c) << ", gradient of w";
  }
}

// <conv(x, w), g> = <x, gradient of x> = <w, gradient of w>.
// Half types round the results, which hides it.
class AdjointSuite : public ConvolutionSuite {};
TEST_P(AdjointSuite, Modes) {
  const DType dtype = GetParam();
  for (const Case& c : cases()) {
    const Conv2dOptions o = options(c.windows);
    const Tensor x = any_layout(random(c.x), dtype), w = any_layout(random(c.w), dtype), y = conv2d(x, w, o),
                 g = any_layout(random({y.size(0), y.size(1), y.size(2), y.size(3)}), dtype);
    const auto inner = [](const Tensor& a, const Tensor& b) {
      return sum(cast(a, DType::F64) * cast(b, DType::F64)).item<double>();
    };
    const double forward = inner(y, g);
    const double bound = double(c.w[1] * c.w[2] * c.w[3]) * double(std::max<int64_t>(1, y.numel())) *
                         (dtype == DType::F64 ? 0x1p-52 : 0x1p-23);
    EXPECT_NEAR(inner(x, conv2d_input_gradient(g, w, {c.x[2], c.x[3]}, o)), forward, bound) << name(c);
    EXPECT_NEAR(inner(w, conv2d_weight_gradient(x, g, {c.w[2], c.w[3]}, o)), forward, bound) << name(c);
  }
}

TEST_P(ConvolutionSuite, BroadcastOperands) {
  const DType dtype = GetParam();
  const Array plane = random({1, 1, 6, 7}), w = random({3, 2, 2, 3}), row = random({1, 1, 1, 3});
  Array x = oracle::filled({4, 2, 6, 7}, 0), wide = oracle::filled({3, 2, 2, 3}, 0);
  oracle::for_each_index(x.shape, [&](const Dimensions& i) { x.ref(i) = plane.at(i); });
  oracle::for_each_index(wide.shape, [&](const Dimensions& i) { wide.ref(i) = row.at(i); });
  const Tensor tx = broadcast_to(oracle::to_tensor(plane, dtype), {4, 2, 6, 7}),
               tw = broadcast_to(oracle::to_tensor(row, dtype), {3, 2, 2, 3});
  EXPECT_TRUE(oracle::matches(conv2d(tx, oracle::to_tensor(w, dtype)), oracle::convolve(x, w, {}), dtype,
                              Accuracy::Accumulated, 12));
  EXPECT_TRUE(oracle::matches(conv2d(tx, tw), oracle::convolve(x, wide, {}), dtype, Accuracy::Accumulated, 12));
}

TEST_P(ConvolutionSuite, TransposedAndBias) {
  const DType dtype = GetParam();
  const Array x = random({2, 4, 5, 6}), w = random({4, 3, 3, 2}), bias = random({6});
  // Groups of two: 2 * 3 channels come out. Height (5 - 1) * 2 - 1 + 2 + 1 + 1, width (6 - 1) * 3 - 2 + 1 + 1 + 2.
  const Windows s = windows({2, 3}, {1, 1}, {0, 1}, {1, 1}, 2);
  Array expected = oracle::convolve_input_gradient(x, w, {2, 6, 11, 17}, s);
  oracle::for_each_index(expected.shape, [&](const Dimensions& i) { expected.ref(i) += bias.at({i[1]}); });
  const Tensor y = conv_transpose2d(
      any_layout(x, dtype), any_layout(w, dtype), oracle::to_tensor(bias, dtype),
      {.stride = {2, 3}, .padding = {Pair(0, 1), Pair(1, 1)}, .output_padding = {1, 2}, .groups = 2});
  // Half types round before and after the bias.
  EXPECT_TRUE(oracle::matches(y, expected, dtype, Accuracy::Accumulated, 16));
}

// What is not a number stays where the definition puts it: no kernel reads beside its windows and multiplies with
// zero.
TEST_P(ConvolutionSuite, NanReachesItsWindowsAlone) {
  const DType dtype = GetParam();
  for (const Dimensions& channels : {Dimensions{1, 6}, Dimensions{3, 16}, Dimensions{33, 3}, Dimensions{2, 1}}) {
    const Windows s = windows({1, 1}, {1, 1}, {1, 2}, {1, 0});
    Array x = random({2, channels[0], 18, 17});
    const Array w = random({channels[1], channels[0], 3, 3}), g = random({2, channels[1], 18, 17});
    x.ref({0, channels[0] - 1, 0, 16}) = x.ref({1, 0, 17, 0}) = std::numeric_limits<double>::quiet_NaN();
    const double sums = 9.0 * double(channels[0]), all = double(g.size()) / double(channels[1]);
    EXPECT_TRUE(oracle::matches(conv2d(any_layout(x, dtype), any_layout(w, dtype), options(s)),
                                oracle::convolve(x, w, s), dtype, Accuracy::Accumulated, sums));
    EXPECT_TRUE(oracle::matches(conv2d_weight_gradient(any_layout(x, dtype), any_layout(g, dtype), 3, options(s)),
                                oracle::convolve_weight_gradient(x, g, w.shape, s), dtype, Accuracy::Accumulated,
                                all));
  }
}

TEST_P(ConvolutionSuite, BitsDoNotDependOnThreads) {
  const DType dtype = GetParam();
  const int threads = num_threads();
  for (const Case& c : {Case{{5, 1, 28, 28}, {6, 1, 5, 5}, windows({1, 1}, {1, 1}, {2, 2}, {2, 2})},
                        Case{{6, 6, 14, 14}, {16, 6, 5, 5}, {}},
                        Case{{4, 40, 9, 9}, {70, 40, 3, 3}, windows({2, 2}, {1, 1}, {1, 1}, {1, 1})},
                        Case{{3, 12, 16, 16}, {12, 1, 3, 3}, windows({1, 1}, {1, 1}, {1, 1}, {1, 1}, 12)}}) {
    const Conv2dOptions o = options(c.windows);
    const Tensor x = oracle::to_tensor(random(c.x), dtype), w = oracle::to_tensor(random(c.w), dtype);
    const Shape y = conv2d(x, w, o).shape();
    const Tensor g = oracle::to_tensor(random({y[0], y[1], y[2], y[3]}), dtype);
    std::vector<std::vector<double>> results[3];
    for (int count : {1, 2, 5}) {
      set_num_threads(count);
      results[0].push_back(conv2d(x, w, o).to_vector<double>());
      results[1].push_back(conv2d_input_gradient(g, w, {c.x[2], c.x[3]}, o).to_vector<double>());
      results[2].push_back(conv2d_weight_gradient(x, g, {c.w[2], c.w[3]}, o).to_vector<double>());
    }
    set_num_threads(threads);
    for (const auto& mode : results)
      for (const auto& result : mode) EXPECT_EQ(result, mode[0]) << name(c);
  }
}

// Enough work for the largest tiles of GPUs, beside products of the windows' columns.
TEST(LargeConvolutions, AreProductsOfColumns) {
  const auto random = [](const Dimensions& shape) {
    return oracle::to_tensor(oracle::random_array(shape, DType::F32, -1, 1), DType::F32);
  };
  const auto off = [](const Tensor& a, const Tensor& b) { return max(abs(a - b)).item<double>(); };
  for (const int64_t stride : {1, 2}) {
    const int64_t side = 46 * stride;
    const Conv2dOptions o{.stride = stride, .padding = {Pair(1, 0), Pair(1, 2)}};
    const UnfoldOptions u{.stride = stride, .padding = {Pair(1, 0), Pair(1, 2)}};
    const Tensor x = random({8, 2, side, side}), w = random({67, 2, 3, 3}), y = conv2d(x, w, o);
    const Tensor product = matmul(reshape(w, {67, 18}), unfold(x, {3, 3}, u));
    EXPECT_LE(off(y, reshape(product, y.shape())), 1e-5) << "stride " << stride;

    const Tensor v = random({3, 67, 3, 3}), g = random({8, 3, y.size(2), y.size(3)});
    const Tensor columns = matmul(transpose(reshape(v, {3, 67 * 9})), reshape(g, {8, 3, -1}));
    EXPECT_LE(off(conv2d_input_gradient(g, v, {side, side}, o), fold(columns, {side, side}, {3, 3}, u)), 1e-5)
        << "stride " << stride;
  }
  const Tensor x = random({2, 915, 5, 6}), g = random({2, 130, 3, 4});
  const Tensor parts = matmul(reshape(g, {2, 130, 12}), transpose(unfold(x, {3, 3})));
  EXPECT_LE(off(conv2d_weight_gradient(x, g, {3, 3}), reshape(sum(parts, 0), {130, 915, 3, 3})), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Floats, ConvolutionSuite, ::testing::ValuesIn(floating_dtypes()),
                         [](const auto& info) { return dtype_name(info.param); });
INSTANTIATE_TEST_SUITE_P(Floats, AdjointSuite, ::testing::Values(DType::F32, DType::F64),
                         [](const auto& info) { return dtype_name(info.param); });

}  // namespace
}  // namespace nngpu::suite
