// Functions made of other operations, against the oracle.
#include <cmath>

#include "nngpu/ops.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;

struct Composite {
  const char* name;
  Tensor (*run)(const Tensor&);
  double (*exact)(double);
};

const Composite kComposites[] = {
    {"relu", relu, [](double x) { return x > 0 ? x : 0; }},
    {"gelu", gelu, [](double x) { return x * (1 + std::erf(x / std::sqrt(2.0))) / 2; }},
    {"gelu_tanh", gelu_tanh,
     [](double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
    {"silu", silu, [](double x) { return x / (1 + std::exp(-x)); }},
    {"softplus", softplus, [](double x) { return std::log1p(std::exp(-std::abs(x))) + std::max(x, 0.0); }},
};

class CompositeSuite : public ::testing::TestWithParam<Composite> {};
TEST_P(CompositeSuite, MatchesTheOracle) {
  for (DType dtype : floating_dtypes()) {
    for (const Dimensions& shape : shapes()) {
      const Array x = oracle::random_array(shape, dtype, -4, 4);
      // Differences of nearly equal terms: relative to the argument's size.
      EXPECT_TRUE(oracle::matches(GetParam().run(oracle::to_tensor(x, dtype)), oracle::map(x, GetParam().exact),
                                  dtype, Accuracy::Accumulated, 1))
          << GetParam().name << " " << dtype_name(dtype) << " " << to_string(Shape(shape));
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Composites, CompositeSuite, ::testing::ValuesIn(kComposites),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(CompositeSuiteMore, TwoAndThreeOperands) {
  for (DType dtype : {DType::F32, DType::F64}) {
    const Array a = oracle::random_array({9, 40}, dtype, -5, 5), b = oracle::random_array({9, 40}, dtype, -5, 5);
    const Array w = oracle::random_array({40}, dtype, 0, 1);
    const Tensor x = oracle::to_tensor(a, dtype), y = oracle::to_tensor(b, dtype);
    EXPECT_TRUE(oracle::matches(
        logaddexp(x, y), oracle::map(a, b, [](double p, double q) { return std::log(std::exp(p) + std::exp(q)); }),
        dtype, Accuracy::Accumulated, 10));
    EXPECT_TRUE(oracle::matches(lerp(x, y, oracle::to_tensor(w, dtype)),
                                oracle::map(a, b, w, [](double p, double q, double t) { return p + (q - p) * t; }),
                                dtype, Accuracy::Accumulated, 10));
    EXPECT_TRUE(oracle::matches(clip(x, -1, 2),
                                oracle::map(a, [](double v) { return std::min(std::max(v, -1.0), 2.0); }), dtype,
                                Accuracy::Exact));
    EXPECT_TRUE(oracle::matches(x || y, oracle::filled({9, 40}, 1), DType::Bool, Accuracy::Exact));
    EXPECT_TRUE(oracle::matches((x > 0) || (y > 0),
                                oracle::map(a, b, [](double p, double q) { return double(p > 0 || q > 0); }),
                                DType::Bool, Accuracy::Exact));
    EXPECT_TRUE(oracle::matches((x > 0) && (y > 0),
                                oracle::map(a, b, [](double p, double q) { return double(p > 0 && q > 0); }),
                                DType::Bool, Accuracy::Exact));
    const Array spread = oracle::reduce(a, {1}, false, [](const std::vector<double>& v) {
      double mean = 0, squares = 0;
      for (double e : v) mean += e / double(v.size());
      for (double e : v) squares += (e - mean) * (e - mean);
      return std::sqrt(squares / double(v.size() - 1));
    });
    EXPECT_TRUE(oracle::matches(stddev(x, 1, 1), spread, dtype, Accuracy::Accumulated, 10));
  }
}

TEST(CompositeSuiteMore, Cumprod) {
  for (DType dtype : {DType::I64, DType::F32, DType::F64}) {
    const Array a = oracle::random_array({6, 30}, dtype, 1, 2);
    Array expected = a;
    for (int64_t i = 0; i < 6; ++i) {
      for (int64_t j = 1; j < 30; ++j) expected.ref({i, j}) = expected.at({i, j - 1}) * a.at({i, j});
    }
    double largest = 1;
    for (double v : expected.data) largest = std::max(largest, v);
    EXPECT_TRUE(
        oracle::matches(cumprod(oracle::to_tensor(a, dtype), 1), expected, dtype, Accuracy::Accumulated, largest));
  }
}

TEST(CompositeSuiteMore, MeansAndProductsOfIntegers) {
  const Array a = oracle::random_array({5, 9}, DType::I32, 0, 7);
  const Tensor x = oracle::to_tensor(a, DType::I32);
  const auto add = [](const std::vector<double>& v) {
    double s = 0;
    for (double e : v) s += e;
    return s;
  };
  EXPECT_TRUE(oracle::matches(mean(x, 1),
                              oracle::map(oracle::reduce(a, {1}, false, add), [](double s) { return s / 9; }),
                              DType::F32, Accuracy::Function));
  EXPECT_TRUE(oracle::matches(prod(x, 0),
                              oracle::reduce(a, {0}, false,
                                             [](const std::vector<double>& v) {
                                               double p = 1;
                                               for (double e : v) p *= e;
                                               return p;
                                             }),
                              DType::I64, Accuracy::Exact));
}

TEST(CompositeSuiteMore, FloorDivisionOfFloats) {
  const Tensor a = Tensor::from_vector<double>({7, -7, 7, -7, 1, 6, 0.3}, {7}),
               b = Tensor::from_vector<double>({2, 2, -2, -2, 0, 0.1, 0.1}, {7});
  const std::vector<double> got = floor_divide(a, b).to_vector<double>();
  EXPECT_EQ(got, (std::vector<double>{3, -4, -4, 3, INFINITY, 59, 2}));  // as Python's // (6 // 0.1 is 59)
}

}  // namespace
}  // namespace nngpu::suite
