// Attention as one operation, and its gradient.
#include "nngpu/attention.h"

#include <cmath>
#include <limits>

#include "nngpu/autograd.h"
#include "nngpu/device.h"
#include "nngpu/ops.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Sizes {
  Dimensions batch;
  int64_t l, s, e, d;
  Dimensions with(int64_t rows, int64_t columns) const {
    Dimensions shape = batch;
    shape.push_back(rows);
    shape.push_back(columns);
    return shape;
  }
};

// What softmax(q k^T scale + added) v is, and its gradients by q, k and v for the gradient g, as they are written
// down.
struct Attended {
  Array y, dq, dk, dv;
};
Array swapped(const Array& x) {
  std::vector<int64_t> axes;
  for (int64_t k = 0; k < x.rank(); ++k) axes.push_back(k);
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return oracle::permute(x, axes);
}
Array sum_of_rows(const Array& x) {
  return oracle::reduce(x, {x.rank() - 1}, true, [](const std::vector<double>& v) {
    double total = 0;
    for (double value : v) total += value;
    return total;
  });
}
Attended attended(const Array& q, const Array& k, const Array& v, const Array& g, const Array& added,
                  double scale) {
  const auto times = [](double a, double b) { return a * b; };
  const Array exponents = oracle::map(oracle::matmul(q, swapped(k)), added,
                                      [&](double x, double a) { return std::exp(x * scale + a); });
  const Array weights = oracle::map(exponents, sum_of_rows(exponents),
                                    [](double e, double total) { return total == 0 ? 0 : e / total; });
  Attended result;
  result.y = oracle::matmul(weights, v);
  const Array slopes =
      oracle::map(weights, oracle::matmul(g, swapped(v)), sum_of_rows(oracle::map(g, result.y, times)),
                  [&](double w, double d, double delta) { return w * (d - delta) * scale; });
  result.dq = oracle::matmul(slopes, k);
  result.dk = oracle::matmul(swapped(slopes), q);
  result.dv = oracle::matmul(swapped(weights), g);
  return result;
}

Array causal_of(int64_t l, int64_t s) {
  Array added = oracle::filled({l, s}, 0);
  for (int64_t i = 0; i < l; ++i)
    for (int64_t j = i + 1; j < s; ++j) added.ref({i, j}) = -kInf;
  return added;
}

// How much rounding the terms of a result meet in the dtype: weights of half types may be rounded before they are
// used.
double spread(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16 ? 40 : 20; }

void check(const Sizes& sizes, DType dtype, const Array& added, const AttentionOptions& options) {
  const oracle::Layout layout = oracle::kLayouts[oracle::generator()() % 4];
  const Array q = oracle::random_array(sizes.with(sizes.l, sizes.e), dtype, -1, 1);
  const Array k = oracle::random_array(sizes.with(sizes.s, sizes.e), dtype, -1, 1);
  const Array v = oracle::random_array(sizes.with(sizes.s, sizes.d), dtype, -1, 1);
  const Array g = oracle::random_array(sizes.with(sizes.l, sizes.d), dtype, -1, 1);
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(sizes.e)));
  const Attended exact = attended(q, k, v, g, added, scale);
  const std::vector<Tensor> in = {oracle::with_layout(q, dtype, layout), oracle::with_layout(k, dtype, layout),
                                  oracle::with_layout(v, dtype, layout)};
  const Tensor y = scaled_dot_product_attention(in[0], in[1], in[2], options);
  const std::string what = std::string(dtype_name(dtype)) + to_string(Shape(q.shape)) + to_string(Shape(v.shape));
  EXPECT_TRUE(oracle::matches(y, exact.y, dtype, Accuracy::Accumulated, spread(dtype))) << what;
  const Tensor weight = oracle::to_tensor(g, dtype);
  const std::vector<Tensor> gradients =
      value_and_gradients(
          [&](const std::vector<Tensor>& at) {
            return std::vector<Tensor>{
                sum(cast(scaled_dot_product_attention(at[0], at[1], at[2], options), DType::F64) *
                    cast(weight, DType::F64))};
          },
          in)
          .gradients;
  EXPECT_TRUE(oracle::matches(gradients[0], exact.dq, dtype, Accuracy::Accumulated, spread(dtype))) << what;
  EXPECT_TRUE(oracle::matches(gradients[1], exact.dk, dtype, Accuracy::Accumulated, 2 * spread(dtype))) << what;
  EXPECT_TRUE(oracle::matches(gradients[2], exact.dv, dtype, Accuracy::Accumulated, 2 * spread(dtype))) << what;
}

const std::vector<Sizes>& sizes_of_tiles() {
  static const std::vector<Sizes> list = {{{}, 1, 1, 1, 1},       {{2}, 7, 13, 5, 3},   {{1, 2}, 64, 64, 16, 16},
                                          {{}, 65, 33, 64, 40},   {{}, 20, 70, 24, 72}, {{2, 1}, 31, 300, 8, 17},
                                          {{}, 10, 12, 128, 128}, {{}, 150, 270, 8, 5}};
  return list;
}

TEST(AttentionSuite, MatchesItsDefinition) {
  for (DType dtype : floating_dtypes())
    for (const Sizes& sizes : sizes_of_tiles()) check(sizes, dtype, oracle::filled({sizes.l, sizes.s}, 0), {});
}

TEST(AttentionSuite, Causal) {
  for (DType dtype : floating_dtypes())
    for (const Sizes& sizes : sizes_of_tiles())
      check(sizes, dtype, causal_of(sizes.l, sizes.s), {.causal = true, .scale = 0.3});
}

TEST(AttentionSuite, AddedMask) {
  for (DType dtype : floating_dtypes()) {
    const Sizes sizes{{2, 2}, 17, 70, 20, 6};
    for (const Dimensions& shape : {Dimensions{17, 70}, {1, 70}, {2, 1, 17, 1}, {17, 1}}) {
      const Array added = oracle::random_array(shape, dtype, -2, 2);
      check(sizes, dtype, added,
            {.mask = oracle::with_layout(added, dtype, oracle::kLayouts[oracle::generator()() % 4])});
    }
    const Array both =
        oracle::map(causal_of(17, 70), oracle::filled({17, 70}, 0.5), [](double a, double b) { return a + b; });
    check(sizes, dtype, both, {.mask = oracle::to_tensor(oracle::filled({1}, 0.5), dtype), .causal = true});
  }
}

TEST(AttentionSuite, MaskOfWhatIsAllowed) {
  for (DType dtype : floating_dtypes()) {
    const Sizes sizes{{2, 2}, 17, 70, 20, 6};
    for (const Dimensions& shape : {Dimensions{17, 70}, {2, 17, 70}, {2, 1, 1, 70}}) {
      Array allowed = oracle::random_array(shape, DType::Bool, 0, 2);
      // One query sees nothing: its result is zero, and no gradient comes from it.
      for (int64_t j = 0; j < 70 && shape[shape.size() - 2] > 1; ++j)
        allowed.data[static_cast<size_t>(70 * 5 + j)] = 0;
      const Array added = oracle::map(allowed, [](double a) { return a != 0 ? 0 : -kInf; });
      check(sizes, dtype, added, {.mask = oracle::to_tensor(allowed, DType::Bool)});
    }
  }
}

// A mask that adds minus infinity everywhere leaves no weights to choose, unlike one that forbids.
TEST(AttentionSuite, NothingLeft) {
  for (DType dtype : floating_dtypes()) {
    const Tensor x = randn({3, 4}, dtype);
    Array added = oracle::filled({3, 3}, 0);
    for (int64_t j = 0; j < 3; ++j) added.ref({1, j}) = -kInf;
    const std::vector<double> y =
        scaled_dot_product_attention(x, x, x, {.mask = oracle::to_tensor(added, dtype)}).to_vector<double>();
    for (size_t i = 0; i < 12; ++i) EXPECT_EQ(std::isnan(y[i]), i / 4 == 1) << dtype_name(dtype) << i;
    // Nor is there anything to choose from.
    const std::vector<double> none =
        scaled_dot_product_attention(x, zeros({0, 4}, dtype), zeros({0, 2}, dtype)).to_vector<double>();
    EXPECT_EQ(none, std::vector<double>(6, 0.0));
    EXPECT_EQ(scaled_dot_product_attention(zeros({0, 4}, dtype), x, x).shape(), (Shape{0, 4}));
  }
}

// NaN and infinities stay where they belong.
TEST(AttentionSuite, NotANumber) {
  for (const double bad : {kInf, std::numeric_limits<double>::quiet_NaN()}) {
    Array q = oracle::filled({3, 4}, 1);
    q.ref({1, 2}) = bad;
    const Tensor x = ones({5, 4});
    const std::vector<double> y =
        scaled_dot_product_attention(oracle::to_tensor(q, DType::F32), x, x).to_vector<double>();
    for (size_t i = 0; i < 12; ++i) EXPECT_EQ(std::isnan(y[i]), i / 4 == 1) << bad << i;
  }
}

// Batches that broadcast, heads that come as a permuted view, and heads too wide for one operation.
TEST(AttentionSuite, BatchesAndViews) {
  const Array q = oracle::random_array({2, 9, 3, 8}, DType::F32, -1, 1);
  const Array k = oracle::random_array({3, 11, 8}, DType::F32, -1, 1);
  const Array v = oracle::random_array({2, 1, 11, 6}, DType::F32, -1, 1);
  const Array heads = oracle::permute(q, {0, 2, 1, 3});
  const Array g = oracle::filled({2, 3, 9, 6}, 1);
  const double scale = 1 / std::sqrt(8.0);
  const Tensor y =
      scaled_dot_product_attention(swapaxes(oracle::to_tensor(q, DType::F32), 1, 2),
                                   oracle::to_tensor(k, DType::F32), oracle::to_tensor(v, DType::F32));
  EXPECT_TRUE(oracle::matches(y, attended(heads, k, v, g, oracle::filled({1}, 0), scale).y, DType::F32,
                              Accuracy::Accumulated, 20));
  check({{2}, 3, 5, 200, 4}, DType::F32, oracle::filled({1}, 0), {});
}

// Two heads are fewer than three threads: the gradient is cut in another way then, and gives the same bits.
TEST(AttentionSuite, ThreadsDoNotShow) {
  const Tensor q = randn({2, 150, 8}), k = randn({2, 270, 8}), v = randn({2, 270, 5});
  const auto bits = [&](int threads) {
    set_num_threads(threads);
    const auto result = value_and_gradients(
        [](const std::vector<Tensor>& in) {
          return std::vector<Tensor>{
              sum(square(scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true})))};
        },
        {q, k, v});
    std::vector<float> all;
    for (const Tensor& gradient : result.gradients)
      for (const float x : gradient.to_vector<float>()) all.push_back(x);
    return all;
  };
  const int before = num_threads();
  const std::vector<float> one = bits(1), three = bits(3);
  set_num_threads(before);
  EXPECT_EQ(one, three);
}

// What it takes grows with the tokens, not with their square.
TEST(AttentionSuite, StoresNoScores) {
  const auto peak = [](int64_t tokens) {
    const Tensor x = randn({4, tokens, 16});
    x.to_vector<float>();
    const int64_t before = memory_stats().in_use;
    reset_peak_memory();
    const std::vector<Tensor> gradients =
        value_and_gradients(
            [](const std::vector<Tensor>& at) {
              return std::vector<Tensor>{sum(scaled_dot_product_attention(at[0], at[0], at[0], {.causal = true}))};
            },
            {x})
            .gradients;
    gradients[0].to_vector<float>();
    return memory_stats().peak - before;
  };
  const int64_t few = peak(128), many = peak(512);
  EXPECT_LT(many, 6 * few);
  EXPECT_LT(many, 4 * 512 * 512 * 4 / 2);  // half the scores
}

}  // namespace
}  // namespace nngpu::suite
