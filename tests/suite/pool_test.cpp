// Pooling, unfold and fold against the oracle.
#include <cmath>
#include <limits>

#include "graph/node.h"
#include "nngpu/convolution.h"
#include "oracle/convolution.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;
using oracle::Windows;

struct Case {
  Dimensions x;
  int64_t window[2];
  Windows windows;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{2, 3, 6, 8}, {2, 2}, {.stride = {2, 2}}},
      {{1, 1, 1, 1}, {1, 1}, {}},
      {{2, 3, 7, 9}, {3, 2}, {.stride = {2, 3}}},
      {{2, 3, 7, 9}, {3, 3}, {.stride = {2, 2}, .low = {1, 1}, .high = {1, 1}}},
      {{1, 2, 8, 5}, {4, 3}, {.stride = {3, 2}, .low = {2, 0}, .high = {1, 1}}},
      {{3, 2, 5, 33}, {2, 3}, {.stride = {1, 1}, .low = {0, 1}, .high = {1, 1}}},
      {{0, 2, 5, 5}, {2, 2}, {.stride = {2, 2}}},
      {{2, 3, 10, 71}, {2, 2}, {.stride = {2, 2}}},
      {{2, 1, 4, 40}, {3, 3}, {.stride = {3, 3}, .low = {0, 1}, .high = {1, 1}}},
      {{2, 2, 1, 40}, {1, 3}, {.stride = {1, 2}, .low = {0, 1}, .high = {0, 1}}},
      {{1, 2, 5, 6}, {2, 3}, {.stride = {int64_t{1} << 40, 2}}},
      {{1, 2, 20, 33}, {9, 11}, {.stride = {5, 6}, .low = {4, 3}, .high = {2, 5}}}};
  return list;
}

class PoolSuite : public ::testing::TestWithParam<DType> {
 protected:
  // Few distinct values, so that maxima tie.
  Array random(const Dimensions& shape) {
    return oracle::map(oracle::random_array(shape, DType::F32, -8, 8), [](double v) { return std::floor(v); });
  }
  Tensor tensor(const Array& a) {
    return oracle::with_layout(a, GetParam(), oracle::kLayouts[oracle::generator()() % 4]);
  }
  static Padding padding(const Windows& w) { return {Pair(w.low[0], w.low[1]), Pair(w.high[0], w.high[1])}; }
};

TEST_P(PoolSuite, Maximum) {
  for (const Case& c : cases())
    for (int64_t dilation : {1, 2})
      for (bool ceil_mode : {false, true}) {
        Windows w = c.windows;
        w.dilation[0] = w.dilation[1] = dilation;
        bool fits = true;
        for (int i = 0; i < 2; ++i)
          fits &= dilation * (c.window[i] - 1) < c.x[size_t(i) + 2] + w.low[i] + w.high[i];
        if (!fits || (dilation == 2 && c.x[2] == 1 && c.window[0] > 1)) continue;
        Array x = random(c.x);
        if (x.size() > 9) x.data[7] = std::numeric_limits<double>::quiet_NaN();
        const oracle::Pooled expected =
            oracle::max_pool(x, oracle::axis_windows(c.x[2], c.window[0], w, 0, ceil_mode, false),
                             oracle::axis_windows(c.x[3], c.window[1], w, 1, ceil_mode, false));
        const MaxPool pooled = max_pool2d_with_indices(tensor(x), {c.window[0], c.window[1]},
                                                       {.stride = {w.stride[0], w.stride[1]},
                                                        .padding = padding(w),
                                                        .dilation = dilation,
                                                        .ceil_mode = ceil_mode});
        EXPECT_TRUE(oracle::matches(pooled.values, expected.values, GetParam(), Accuracy::Exact))
            << to_string(Shape(c.x)) << " dilation " << dilation << " ceil " << ceil_mode;
        EXPECT_TRUE(oracle::matches(pooled.indices, expected.places, DType::I64, Accuracy::Exact))
            << to_string(Shape(c.x)) << " dilation " << dilation << " ceil " << ceil_mode;
      }
}

TEST_P(PoolSuite, Average) {
  for (const Case& c : cases())
    for (bool include : {false, true})
      for (bool ceil_mode : {false, true}) {
        const Windows& w = c.windows;
        const Array x = oracle::random_array(c.x, GetParam(), -1, 1);
        const Array expected =
            oracle::average_pool(x, oracle::axis_windows(c.x[2], c.window[0], w, 0, ceil_mode, include),
                                 oracle::axis_windows(c.x[3], c.window[1], w, 1, ceil_mode, include));
        const Tensor y = avg_pool2d(tensor(x), {c.window[0], c.window[1]},
                                    {.stride = {w.stride[0], w.stride[1]},
                                     .padding = padding(w),
                                     .ceil_mode = ceil_mode,
                                     .count_include_pad = include});
        EXPECT_TRUE(oracle::matches(y, expected, GetParam(), Accuracy::Accumulated, 1))
            << to_string(Shape(c.x)) << " include " << include << " ceil " << ceil_mode;
      }
}

TEST_P(PoolSuite, Adaptive) {
  for (const Dimensions& shape :
       {Dimensions{2, 3, 7, 9}, Dimensions{1, 2, 4, 4}, Dimensions{2, 1, 3, 17}, Dimensions{2, 2, 13, 19}})
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 4}, {7, 2}, {8, 9}}) {
      const Array x = random(shape);
      const auto down = oracle::adaptive_windows(shape[2], rows),
                 across = oracle::adaptive_windows(shape[3], columns);
      EXPECT_TRUE(oracle::matches(adaptive_avg_pool2d(tensor(x), {rows, columns}),
                                  oracle::average_pool(x, down, across), GetParam(), Accuracy::Accumulated, 8));
      const oracle::Pooled expected = oracle::max_pool(x, down, across);
      const MaxPool pooled = adaptive_max_pool2d_with_indices(tensor(x), {rows, columns});
      EXPECT_TRUE(oracle::matches(pooled.values, expected.values, GetParam(), Accuracy::Exact));
      EXPECT_TRUE(oracle::matches(pooled.indices, expected.places, DType::I64, Accuracy::Exact));
    }
}

// The gradient of an average spreads what the average gathers: <pool(x), g> = <x, gradient(g)>, with halves and
// quarters of small whole numbers, which every dtype holds.
TEST_P(PoolSuite, GradientOfAverageIsAdjoint) {
  const graph::PoolParams windows{graph::Pooling::Average, 1, {2, 2}, {2, 1}, {1, 1}, {1, 0}, {0, 1}, {4, 7}};
  graph::PoolParams adaptive{};
  adaptive.pooling = graph::Pooling::AdaptiveAverage;
  adaptive.size[0] = 4, adaptive.size[1] = 2;
  for (const auto& [params, shape] :
       {std::pair{windows, Dimensions{2, 3, 7, 7}}, std::pair{adaptive, Dimensions{2, 3, 8, 8}}}) {
    const Array x = random(shape);
    const Array g = oracle::map(oracle::random_array({2, 3, params.size[0], params.size[1]}, DType::F32, -2, 3),
                                [](double v) { return std::floor(v); });
    const Tensor y = graph::make_node(graph::OpKind::Pool, params, {tensor(x)});
    graph::PoolParams back = params;
    back.size[0] = shape[2], back.size[1] = shape[3];
    const Tensor dx = graph::make_node(graph::OpKind::PoolGradient, back, {tensor(g)});
    ASSERT_EQ(dx.shape(), Shape(shape));
    ASSERT_EQ(dx.dtype(), GetParam());
    double left = 0, right = 0;
    const std::vector<double> a = y.to_vector<double>(), b = dx.to_vector<double>();
    for (size_t i = 0; i < a.size(); ++i) left += a[i] * g.data[i];
    for (size_t i = 0; i < b.size(); ++i) right += b[i] * x.data[i];
    EXPECT_EQ(left, right);
  }
}

// The gradient of a maximum adds to where it was found.
TEST_P(PoolSuite, GradientOfMaximum) {
  const graph::PoolParams params{graph::Pooling::Max, 0, {3, 2}, {1, 2}, {1, 1}, {1, 1}, {1, 0}, {5, 20}};
  const Array x = random({2, 3, 5, 39});
  const Tensor y = graph::make_node(graph::OpKind::Pool, params, {tensor(x)});
  const Array g = random({2, 3, 5, 20}), places = oracle::from_tensor(graph::output(y, 1));
  graph::PoolParams back = params;
  back.size[0] = 5, back.size[1] = 39;
  const Tensor dx = graph::make_node(graph::OpKind::PoolGradient, back, {tensor(g), graph::output(y, 1)});
  Array expected = oracle::filled(x.shape, 0);
  oracle::for_each_index(g.shape, [&](const Dimensions& i) {
    const auto place = static_cast<int64_t>(places.at(i));
    expected.ref({i[0], i[1], place / 39, place % 39}) += g.at(i);
  });
  EXPECT_TRUE(oracle::matches(dx, expected, GetParam(), Accuracy::Exact));
}

INSTANTIATE_TEST_SUITE_P(Floats, PoolSuite, ::testing::ValuesIn(floating_dtypes()),
                         [](const auto& info) { return dtype_name(info.param); });

// fold adds what unfold copies: <unfold(x), c> = <x, fold(c)>, exact in small whole numbers; and unfold is a
// gather.
TEST(UnfoldSuite, FoldIsTheAdjoint) {
  for (DType dtype : {DType::I32, DType::F16, DType::F64}) {
    const UnfoldOptions o{.stride = {2, 1}, .padding = {Pair(1, 0), Pair(0, 2)}, .dilation = {1, 2}};
    const auto whole = [](const Array& a) { return oracle::map(a, [](double v) { return std::floor(v); }); };
    const Array x = whole(oracle::random_array({2, 3, 6, 7}, DType::F32, -2, 3));
    const Tensor tx = oracle::with_layout(x, dtype, oracle::Layout::Transposed);
    const Tensor columns = unfold(tx, {3, 2}, o);
    ASSERT_EQ(columns.shape(), (Shape{2, 18, 3 * 7}));
    const Array c = whole(oracle::random_array({2, 18, 21}, DType::F32, -2, 3));
    const Tensor folded = fold(oracle::to_tensor(c, dtype), {6, 7}, {3, 2}, o);
    ASSERT_EQ(folded.shape(), (Shape{2, 3, 6, 7}));
    const std::vector<double> a = columns.to_vector<double>(), b = folded.to_vector<double>();
    double left = 0, right = 0;
    for (size_t i = 0; i < a.size(); ++i) left += a[i] * c.data[i];
    for (size_t i = 0; i < b.size(); ++i) right += b[i] * x.data[i];
    EXPECT_EQ(left, right) << dtype_name(dtype);
    // Channel 1, place (2, 1), window (1, 4): row 1 * 2 + 2 - 1, column 4 + 2 - 0.
    EXPECT_EQ(a[size_t(1 * 6 + 2 * 2 + 1) * 21 + 1 * 7 + 4], x.at({0, 1, 3, 6})) << dtype_name(dtype);
  }
}

}  // namespace
}  // namespace nngpu::suite
