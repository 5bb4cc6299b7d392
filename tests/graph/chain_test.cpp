// Elementwise chains that run over the result of a product or of another chain, in the same launch.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/joining.h"

namespace nngpu {
namespace {

Outcome run(const Work& work, bool joined) { return run_with(graph::chains_are_joined(), joined, work); }

// One launch with joining, `apart` without, and the same bits.
void expect_one_launch(const std::function<std::vector<Tensor>()>& work, int64_t apart, const std::string& what) {
  const Outcome joined = run(work, true), separate = run(work, false);
  EXPECT_EQ(joined.launches, 1) << what;
  EXPECT_EQ(separate.launches, apart) << what;
  expect_same_bits(joined.values, separate.values, what);
}

struct Size {
  int64_t m, k, n;
};
const std::vector<Size> kSizes = {{2, 3, 2},     {5, 1, 7},      {16, 16, 16},   {33, 17, 31},
                                  {64, 600, 48}, {257, 65, 300}, {300, 1100, 9}, {130, 40, 1025},
                                  {1, 50, 70},   {70, 50, 1},    {6, 0, 5}};

std::string name(const Size& s, DType dtype) { return to_string(Shape{s.m, s.k, s.n}) + " " + dtype_name(dtype); }

class ChainOfProduct : public testing::TestWithParam<DType> {
 protected:
  Tensor random(const Shape& shape) const { return randn(shape, GetParam()).eval(); }
};

TEST_P(ChainOfProduct, BiasAndActivationsAreOneLaunchWithIt) {
  std::vector<Size> sizes = kSizes;
  sizes.push_back({600, 300, 700});  // more than is finished at once, and in f64 two passes over k
  for (const Size& s : sizes) {
    const Tensor a = random({s.m, s.k}), b = random({s.k, s.n}), bias = random({s.n}),
                 residual = random({s.m, s.n});
    const std::string what = name(s, GetParam());
    expect_one_launch([&] { return std::vector{matmul(a, b) + bias}; }, 2, "bias " + what);
    expect_one_launch([&] { return std::vector{relu(matmul(a, b) + bias)}; }, 2, "relu " + what);
    expect_one_launch([&] { return std::vector{gelu(matmul(a, b) + bias)}; }, 2, "gelu " + what);
    expect_one_launch([&] { return std::vector{residual + (matmul(a, b) + bias)}; }, 2, "residual " + what);
  }
}

TEST_P(ChainOfProduct, TransposedFactorsAndResults) {
  for (const Size& s : kSizes) {
    const Tensor at = random({s.k, s.m}), bt = random({s.n, s.k}), b = random({s.k, s.n}),
                 column = random({s.m, 1});
    const std::string what = name(s, GetParam());
    expect_one_launch([&] { return std::vector{matmul(transpose(at), b) * column}; }, 2, "a " + what);
    expect_one_launch([&] { return std::vector{tanh(matmul(transpose(at), transpose(bt))) - column}; }, 2,
                      "ab " + what);
  }
}

TEST_P(ChainOfProduct, ProductsOfAStack) {
  for (const Size& s : kSizes) {
    if (s.m * s.n > 100'000) continue;  // its stack is beyond what takes a chain
    const Tensor a = random({3, 4, s.m, s.k}), b = random({3, 4, s.k, s.n}), w = random({s.k, s.n});
    const Tensor bias = random({s.n}), middle = random({3, s.m, 4, s.k}), each = random({3, 1, s.m, s.n});
    const std::string what = name(s, GetParam());
    expect_one_launch([&] { return std::vector{relu(matmul(a, b) * each)}; }, 2, "each " + what);
    expect_one_launch([&] { return std::vector{relu(matmul(a, w) + bias)}; }, 2, "shared " + what);
    expect_one_launch([&] { return std::vector{abs(matmul(swapaxes(middle, 1, 2), b) + bias)}; }, 2,
                      "table " + what);
  }
}

TEST_P(ChainOfProduct, ValuesInBetweenAreStoredByTheSameLaunch) {
  for (const Size& s : kSizes) {
    const Tensor a = random({s.m, s.k}), b = random({s.k, s.n}), bias = random({s.n});
    const auto work = [&] {
      const Tensor product = matmul(a, b), sum = product + bias;
      return std::vector{product, sum, relu(sum)};
    };
    expect_one_launch(work, 2, name(s, GetParam()));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ChainOfProduct, testing::Values(DType::F32, DType::F64, DType::F16, DType::BF16),
                         [](const auto& param) { return dtype_name(param.param); });

// Neither the stack's products nor the gradients by their common factor are made one by one and added up.
TEST(Chains, AStackWithOneRightFactorIsOneProductAndSoIsItsGradient) {
  const Tensor x = randn({5, 6, 7}, DType::F64).eval(), w = randn({7, 4}, DType::F64).eval();
  const Tensor g = randn({5, 6, 4}, DType::F64).eval();
  Variable weight(w, true);
  backward(matmul(x, weight.value()), g);
  const int64_t before = engine_stats().launches;
  const std::vector<double> got = weight.grad().to_vector<double>();
  EXPECT_EQ(engine_stats().launches - before, 1);
  const std::vector<double> want = sum(matmul(swapaxes(x, 1, 2), g), 0).to_vector<double>();
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-12);
}

TEST(Chains, OfIntegerProducts) {
  const Tensor a = reshape(arange(0, 60, 1, DType::I64), {5, 12}).eval();
  const Tensor b = reshape(arange(0, 36, 1, DType::I64), {12, 3}).eval();
  expect_one_launch([&] { return std::vector{matmul(a, b) * 2 + 1}; }, 2, "i64");
}

TEST(Chains, LargeResultsStayApartOnTheCpu) {
  if (default_device().type != DeviceType::CPU) GTEST_SKIP() << "GPUs take chains of any size";
  const Tensor a = randn({1500, 4}).eval(), b = randn({4, 1500}).eval();
  EXPECT_EQ(run([&] { return std::vector{relu(matmul(a, b))}; }, true).launches, 2);
}

// Beyond the size from which a vendor's library computes products, where there is one: what it makes of a chain is
// the chain, for NaN and infinities, too.
TEST(Chains, OfLargeProducts) {
  constexpr int64_t m = 150, k = 19, n = 131;
  std::vector<float> a = randn({m, k}).to_vector<float>(), b = randn({k, n}).to_vector<float>(),
                     s = randn({n}).to_vector<float>(), r = randn({m, n}).to_vector<float>();
  a[3 * k] = NAN, a[5 * k + 1] = INFINITY, s[7] = NAN, r[8 * n + 9] = -INFINITY;
  const Tensor x = Tensor::from_vector(a, {m, k}), y = Tensor::from_vector(b, {k, n}),
               bias = Tensor::from_vector(s, {n}), other = Tensor::from_vector(r, {m, n});
  const auto relu_of = [](double v) { return std::isnan(v) ? v : std::max(v, 0.0); };
  const auto check = [&](const Tensor& got, const auto& f, const char* what) {
    const std::vector<float> values = got.to_vector<float>();
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l)
          sum += static_cast<double>(a[static_cast<size_t>(i * k + l)]) * b[static_cast<size_t>(l * n + j)];
        const double want = f(sum, s[static_cast<size_t>(j)], r[static_cast<size_t>(i * n + j)]);
        const float value = values[static_cast<size_t>(i * n + j)];
        if (std::isfinite(want)) {
          ASSERT_NEAR(value, want, 2e-5 * (1 + std::abs(want))) << what << " " << i << ", " << j;
        } else {
          ASSERT_TRUE(std::isnan(want) ? std::isnan(value) : value == want) << what << " " << i << ", " << j;
        }
      }
  };
  const auto gelu_tanh_of = [](double v) {
    return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
  };
  check(
      matmul(x, y) + bias, [](double p, double t, double) { return p + t; }, "bias");
  check(
      relu(matmul(x, y)), [&](double p, double, double) { return relu_of(p); }, "relu");
  check(
      relu(matmul(x, y) + bias), [&](double p, double t, double) { return relu_of(p + t); }, "relu of bias");
  check(
      matmul(x, y) + other, [](double p, double, double q) { return p + q; }, "sum");
  check(
      relu(matmul(x, y) + bias + other), [&](double p, double t, double q) { return relu_of(p + t + q); },
      "relu of sum");
  check(
      gelu_tanh(matmul(x, y) + bias), [&](double p, double t, double) { return gelu_tanh_of(p + t); },
      "gelu_tanh");
}

TEST(Chains, TwoChainsOfAProductStayApart) {
  const Tensor a = randn({40, 30}).eval(), b = randn({30, 20}).eval(), wide = randn({3, 40, 20}).eval();
  const auto work = [&] {
    const Tensor product = matmul(a, b);
    return std::vector{relu(product), product + wide};
  };
  const Outcome joined = run(work, true), separate = run(work, false);
  EXPECT_EQ(joined.launches, 3);
  EXPECT_EQ(separate.launches, 3);
  expect_same_bits(joined.values, separate.values, "two");
}

TEST(Chains, AProductReadByAReductionToo) {
  const Tensor a = randn({40, 30}).eval(), b = randn({30, 20}).eval();
  const auto work = [&] {
    const Tensor product = matmul(a, b);
    return std::vector{sum(product, 0), relu(product)};
  };
  expect_same_bits(run(work, true).values, run(work, false).values, "reduction");
}

// The chain reads the transposed product: it is no loop over the product's memory.
TEST(Chains, ThatReadAProductInAnotherOrderStayApart) {
  const Tensor a = randn({40, 30}).eval(), b = randn({30, 40}).eval(), x = randn({40, 40}).eval();
  const auto work = [&] { return std::vector{x + transpose(matmul(a, b))}; };
  const auto both = [&] {
    const Tensor product = matmul(a, b);
    return std::vector{product + transpose(product)};
  };
  expect_same_bits(run(work, true).values, run(work, false).values, "transposed");
  EXPECT_EQ(run(both, true).launches, 2);
  expect_same_bits(run(both, true).values, run(both, false).values, "symmetric");
}

// A variable that the product reads is overwritten by none of its chain's results before the product is done.
TEST(Chains, UpdatesThatReadTheVariableAsAFactor) {
  const Tensor start = randn({200, 200}).eval();
  std::vector<std::vector<double>> results;
  for (const bool joined : {true, false}) {
    const Joining scope(graph::chains_are_joined(), joined);
    Variable v(start * 1.0);
    const auto step = compile([&](const Tensor& scale) {
      v.assign(v.value() + matmul(v.value(), v.value()) * scale);
      return scale + 1;
    });
    for (int i = 0; i < 3; ++i) step(full({}, 1e-3).eval()).eval();
    results.push_back(v.value().to_vector<double>());
  }
  EXPECT_EQ(results[0], results[1]);
}

// The updates of weights run in the launches of their gradients' products, after everything that reads the
// weights.
TEST(Chains, TrainingGivesTheSameBits) {
  const Tensor w1 = randn({50, 70}).eval(), w2 = randn({70, 10}).eval(), x = randn({64, 50}).eval();
  const Tensor y = randn({64, 10}).eval();
  std::vector<std::vector<double>> results;
  std::vector<int64_t> launches;
  for (const bool joined : {true, false}) {
    const Joining scope(graph::chains_are_joined(), joined);
    Variable a(w1 * 1.0, true), c(zeros({70}), true), b(w2 * 1.0, true), d(zeros({10}), true);
    optim::Adam optimizer({a, c, b, d}, {.lr = 0.01});
    const auto step = compile([&](const Tensor& input, const Tensor& target) {
      const Tensor hidden = relu(matmul(input, a.value()) + c.value());
      const Tensor loss = mean(square(matmul(hidden, b.value()) + d.value() - target));
      backward(loss);
      optimizer.step();
      optimizer.zero_grad();
      return loss;
    });
    for (int i = 0; i < 5; ++i) step(x, y).eval();
    const int64_t before = engine_stats().launches;
    step(x, y).eval();
    launches.push_back(engine_stats().launches - before);
    for (const Variable& v : {a, b, c, d}) results.push_back(v.value().to_vector<double>());
  }
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(results[i], results[i + 4]) << i;
  EXPECT_LE(launches[0], 12);
  EXPECT_GT(launches[1], launches[0]);
}

}  // namespace
}  // namespace nngpu
