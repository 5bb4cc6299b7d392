// Initial values: ranges, moments and orthogonality over many draws; the seed decides all of it.
#include "nngpu/nn/init.h"

#include <cmath>

#include "nngpu/nn/layers.h"
#include "nngpu/ops.h"
#include "ops/expect_error.h"

namespace nngpu::nn {
namespace {

using Values = std::vector<double>;

struct Moments {
  double low, high, mean, stddev;
};
Moments moments_of(const Tensor& x) {
  const Values v = x.to_vector<double>();
  Moments m{v[0], v[0], 0, 0};
  for (double e : v) {
    m.low = std::min(m.low, e), m.high = std::max(m.high, e);
    m.mean += e / static_cast<double>(v.size());
  }
  for (double e : v) m.stddev += (e - m.mean) * (e - m.mean) / static_cast<double>(v.size());
  m.stddev = std::sqrt(m.stddev);
  return m;
}

// Uniform within `bound`: nothing outside, the ends nearly reached, the deviation bound / sqrt(3).
void expect_uniform(const Tensor& x, double bound) {
  const Moments m = moments_of(x);
  EXPECT_LE(m.high, bound * (1 + 1e-6));
  EXPECT_GE(m.low, -bound * (1 + 1e-6));
  EXPECT_GT(m.high, 0.99 * bound);
  EXPECT_LT(m.low, -0.99 * bound);
  EXPECT_NEAR(m.stddev, bound / std::sqrt(3.0), 0.02 * bound);
  EXPECT_EQ(x.dtype(), DType::F32);
}

void expect_normal(const Tensor& x, double stddev) {
  const Moments m = moments_of(x);
  EXPECT_NEAR(m.mean, 0, 0.03 * stddev);
  EXPECT_NEAR(m.stddev, stddev, 0.03 * stddev);
  EXPECT_GT(m.high, 2.5 * stddev);
}

TEST(Init, ScalesFollowTheFans) {
  Generator g(3);
  const Shape shape = {40, 30, 3, 5};  // fan in 450, fan out 600
  expect_uniform(init::xavier_uniform(shape, 2, g), 2 * std::sqrt(6.0 / 1050));
  expect_normal(init::xavier_normal(shape, 1, g), std::sqrt(2.0 / 1050));
  expect_uniform(init::kaiming_uniform(shape, 0, init::Fan::In, g), std::sqrt(6.0 / 450));
  expect_uniform(init::kaiming_uniform(shape, std::sqrt(5.0), init::Fan::In, g), 1 / std::sqrt(450.0));
  expect_normal(init::kaiming_normal(shape, 1, init::Fan::Out, g), std::sqrt(1.0 / 600));
  expect_normal(init::normal({100, 100}, 0, 3, g), 3);
  EXPECT_ERROR(ShapeError, init::xavier_normal({3}),
               "[xavier_normal] needs an axis of outputs and one of inputs: (3,)");
}

TEST(Init, TheGeneratorDecides) {
  const auto draw = [](uint64_t seed) { return init::kaiming_normal({5, 5}, 0, init::Fan::In, Generator(seed)); };
  EXPECT_EQ(draw(1).to_vector<float>(), draw(1).to_vector<float>());
  EXPECT_NE(draw(1).to_vector<float>(), draw(2).to_vector<float>());
  const auto layer = [](uint64_t seed) { return Linear(4, 4, {.generator = Generator(seed)}).weight.value(); };
  EXPECT_EQ(layer(1).to_vector<float>(), layer(1).to_vector<float>());
  EXPECT_NE(layer(1).to_vector<float>(), layer(2).to_vector<float>());
}

TEST(Init, LinearStartsAsPyTorchs) {
  const Linear layer(400, 300);
  expect_uniform(layer.weight.value(), 0.05);
  expect_uniform(Linear(400, 30000).bias.value(), 0.05);
}

// The distribution function of the cut-off normal, at points inside.
TEST(Init, TruncatedNormalHasItsDistribution) {
  Generator g(5);
  const double mean = 0.5, stddev = 2, low = -1, high = 4;
  const Values v = init::truncated_normal({200000}, mean, stddev, low, high, g).to_vector<double>();
  const auto phi = [&](double x) { return std::erfc(-(x - mean) / stddev / std::sqrt(2.0)) / 2; };
  for (double at : {-0.9, 0.0, 0.5, 1.3, 2.8, 3.9}) {
    double below = 0;
    for (double e : v) below += e < at;
    EXPECT_NEAR(below / 200000, (phi(at) - phi(low)) / (phi(high) - phi(low)), 0.005) << at;
  }
  const Moments m = moments_of(init::truncated_normal({100000}, 0, 0.02, -0.04, 0.04, g));
  EXPECT_GE(m.low, -0.04f);
  EXPECT_LE(m.high, 0.04f);
  EXPECT_GT(m.high, 0.0398);
  for (double e : init::truncated_normal({10000}, 0, 1, -40, 40, g).to_vector<double>()) EXPECT_LT(std::abs(e), 9);
  EXPECT_THROW(init::truncated_normal({2}, 0, 1, 3, 3), ValueError);
  EXPECT_THROW(init::truncated_normal({2}, 0, 0), ValueError);
  EXPECT_THROW(init::truncated_normal({2}, 0, 1, 20, 30), ValueError);
}

TEST(Init, OrthogonalRowsOrColumns) {
  for (const Shape& shape : {Shape{6, 6}, {3, 40}, {50, 7}, {8, 2, 3, 3}, {1, 1}}) {
    const Tensor q = cast(reshape(init::orthogonal(shape, 1.5), {shape[0], -1}), DType::F64);
    const bool wide = q.shape()[0] <= q.shape()[1];
    const Tensor product = wide ? matmul(q, transpose(q)) : matmul(transpose(q), q);
    const Values got = product.to_vector<double>();
    const int64_t n = product.shape()[0];
    for (int64_t i = 0; i < n * n; ++i) EXPECT_NEAR(got[static_cast<size_t>(i)], i / n == i % n ? 2.25 : 0, 1e-5);
  }
  EXPECT_EQ(init::orthogonal({0, 3}).shape(), (Shape{0, 3}));
}

}  // namespace
}  // namespace nngpu::nn
