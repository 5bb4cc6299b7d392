// Gradients of every elementwise primitive against central differences in float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "nngpu/autograd.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"
#include "nngpu/special.h"
#include "ops/elementwise.h"

namespace nngpu {
namespace {

using In = std::vector<Tensor>;
using Out = std::vector<Tensor>;

struct Case {
  std::vector<std::pair<double, double>> domain;  // an operand
  std::function<Tensor(const In&)> function;
};

// Away from kinks and poles, where finite differences mean something.
const std::map<std::string, Case>& cases() {
  static const auto* table = new std::map<std::string, Case>{
      {"negative", {{{-2, 2}}, [](const In& x) { return negative(x[0]); }}},
      {"abs", {{{0.1, 2}}, [](const In& x) { return abs(x[0]) + abs(-x[0]) * 2; }}},
      {"sign", {{{0.1, 2}}, [](const In& x) { return sign(x[0]) * x[0]; }}},
      {"square", {{{-2, 2}}, [](const In& x) { return square(x[0]); }}},
      {"reciprocal", {{{0.5, 2}}, [](const In& x) { return reciprocal(x[0]); }}},
      {"sqrt", {{{0.5, 2}}, [](const In& x) { return sqrt(x[0]); }}},
      {"rsqrt", {{{0.5, 2}}, [](const In& x) { return rsqrt(x[0]); }}},
      {"cbrt", {{{0.5, 2}}, [](const In& x) { return cbrt(x[0]) + cbrt(-x[0]) * 3; }}},
      {"exp", {{{-2, 2}}, [](const In& x) { return exp(x[0]); }}},
      {"exp2", {{{-2, 2}}, [](const In& x) { return exp2(x[0]); }}},
      {"expm1", {{{-2, 2}}, [](const In& x) { return expm1(x[0]); }}},
      {"log", {{{0.5, 2}}, [](const In& x) { return log(x[0]); }}},
      {"log2", {{{0.5, 2}}, [](const In& x) { return log2(x[0]); }}},
      {"log10", {{{0.5, 2}}, [](const In& x) { return log10(x[0]); }}},
      {"log1p", {{{-0.5, 2}}, [](const In& x) { return log1p(x[0]); }}},
      {"sin", {{{-2, 2}}, [](const In& x) { return sin(x[0]); }}},
      {"cos", {{{-2, 2}}, [](const In& x) { return cos(x[0]); }}},
      {"tan", {{{-1, 1}}, [](const In& x) { return tan(x[0]); }}},
      {"asin", {{{-0.9, 0.9}}, [](const In& x) { return asin(x[0]); }}},
      {"acos", {{{-0.9, 0.9}}, [](const In& x) { return acos(x[0]); }}},
      {"atan", {{{-2, 2}}, [](const In& x) { return atan(x[0]); }}},
      {"sinh", {{{-2, 2}}, [](const In& x) { return sinh(x[0]); }}},
      {"cosh", {{{-2, 2}}, [](const In& x) { return cosh(x[0]); }}},
      {"tanh", {{{-2, 2}}, [](const In& x) { return tanh(x[0]); }}},
      {"asinh", {{{-2, 2}}, [](const In& x) { return asinh(x[0]); }}},
      {"acosh", {{{1.2, 3}}, [](const In& x) { return acosh(x[0]); }}},
      {"atanh", {{{-0.9, 0.9}}, [](const In& x) { return atanh(x[0]); }}},
      {"erf", {{{-2, 2}}, [](const In& x) { return erf(x[0]); }}},
      {"erfc", {{{-2, 2}}, [](const In& x) { return erfc(x[0]); }}},
      {"lgamma", {{{0.3, 4}}, [](const In& x) { return lgamma(x[0]) + lgamma(-0.3 - x[0] * 0.1); }}},
      {"sigmoid", {{{-2, 2}}, [](const In& x) { return sigmoid(x[0]); }}},
      {"floor", {{{0.1, 0.9}}, [](const In& x) { return floor(x[0]) + x[0]; }}},
      {"ceil", {{{0.1, 0.9}}, [](const In& x) { return ceil(x[0]) + x[0]; }}},
      {"round", {{{0.1, 0.4}}, [](const In& x) { return round(x[0]) + x[0]; }}},
      {"trunc", {{{0.1, 0.9}}, [](const In& x) { return trunc(x[0]) + x[0]; }}},
      {"add", {{{-2, 2}, {-2, 2}}, [](const In& x) { return x[0] + x[1]; }}},
      {"subtract", {{{-2, 2}, {-2, 2}}, [](const In& x) { return x[0] - x[1]; }}},
      {"multiply", {{{-2, 2}, {-2, 2}}, [](const In& x) { return x[0] * x[1]; }}},
      {"divide", {{{-2, 2}, {0.5, 2}}, [](const In& x) { return x[0] / x[1]; }}},
      {"floor_divide", {{{2.1, 2.9}, {0.95, 1.02}}, [](const In& x) { return floor_divide(x[0], x[1]) * x[0]; }}},
      {"remainder", {{{-2.9, -2.1}, {0.98, 1.02}}, [](const In& x) { return x[0] % x[1]; }}},
      {"fmod", {{{-2.9, -2.1}, {0.98, 1.02}}, [](const In& x) { return fmod(x[0], x[1]); }}},
      {"maximum", {{{-2, 2}, {-2, 2}}, [](const In& x) { return maximum(x[0], x[1]); }}},
      {"minimum", {{{-2, 2}, {-2, 2}}, [](const In& x) { return minimum(x[0], x[1]); }}},
      {"pow", {{{0.5, 2}, {-2, 2}}, [](const In& x) { return pow(x[0], x[1]); }}},
      {"atan2", {{{-2, 2}, {0.5, 2}}, [](const In& x) { return atan2(x[0], x[1]); }}},
      {"hypot", {{{0.5, 2}, {-2, 2}}, [](const In& x) { return hypot(x[0], x[1]); }}},
      {"copysign", {{{0.5, 2}, {-2, -0.5}}, [](const In& x) { return copysign(x[0], x[1]); }}},
      {"fma", {{{-2, 2}, {-2, 2}, {-2, 2}}, [](const In& x) { return fma(x[0], x[1], x[2]); }}},
      {"select", {{{-2, 2}, {-2, 2}}, [](const In& x) { return where(x[0] > 0.3, square(x[0]), x[1] * 3); }}},
      {"cast", {{{-2, 2}}, [](const In& x) { return cast(cast(x[0], DType::F64), DType::F64) * x[0]; }}},
  };
  return *table;
}

// Those without floating results.
const std::vector<std::string> kNoGradient = {
    "bitwise_not", "isnan",       "isinf", "isfinite",  "bitwise_and", "bitwise_or", "bitwise_xor",
    "shift_left",  "shift_right", "equal", "not_equal", "less",        "less_equal"};

TEST(ElementwiseGradients, EveryPrimitiveHasACase) {
  for (int code = 0; code <= static_cast<int>(Elementwise::Cast); ++code) {
    const std::string name = elementwise_info(static_cast<Elementwise>(code)).name;
    const bool listed = std::find(kNoGradient.begin(), kNoGradient.end(), name) != kNoGradient.end();
    EXPECT_TRUE(listed || cases().count(name) == 1) << name;
  }
}

class ElementwiseGradient : public testing::TestWithParam<std::string> {};

TEST_P(ElementwiseGradient, MatchesFiniteDifferences) {
  const Case& c = cases().at(GetParam());
  Generator generator(std::hash<std::string>{}(GetParam()));
  In inputs;
  for (size_t i = 0; i < c.domain.size(); ++i) {
    // The second operand is broadcast along both axes' edges.
    const Shape shape = i == 1 ? Shape{3, 1} : Shape{3, 5};
    inputs.push_back(uniform(shape, c.domain[i].first, c.domain[i].second, DType::F64, generator));
  }
  const auto function = [&](const In& x) { return Out{c.function(x)}; };
  EXPECT_NO_THROW(check_gradients(function, inputs));
  // And the gradient's own gradient.
  const auto first = [&](const In& x) {
    return value_and_gradients([&](const In& y) { return Out{sum(square(c.function(y)))}; }, x).gradients;
  };
  EXPECT_NO_THROW(check_gradients(first, inputs, {.rtol = 1e-4, .atol = 1e-5}));
}

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const auto& [name, c] : cases()) result.push_back(name);
  return result;
}
INSTANTIATE_TEST_SUITE_P(All, ElementwiseGradient, testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

TEST(ElementwiseGradients, EqualOperandsShare) {
  const Tensor x = Tensor::from_vector<double>({1, 2}, {2}), y = Tensor::from_vector<double>({1, 1}, {2});
  const auto [dx, dy] = grad([](const Tensor& a, const Tensor& b) { return sum(maximum(a, b)); })(x, y);
  EXPECT_EQ(dx.to_vector<double>(), (std::vector<double>{0.5, 1}));
  EXPECT_EQ(dy.to_vector<double>(), (std::vector<double>{0.5, 0}));
}

TEST(ElementwiseGradients, ReluAtZeroIsZero) {
  const Tensor x = Tensor::from_vector<float>({-1, 0, 2}, {3});
  const Tensor g = grad([](const Tensor& a) { return sum(relu(a)); })(x);
  EXPECT_EQ(g.to_vector<float>(), (std::vector<float>{0, 0, 1}));
}

TEST(ElementwiseGradients, PowersAtZero) {
  const Tensor x = Tensor::from_vector<double>({0, 0, 0}, {3}), p = Tensor::from_vector<double>({0, 1, 2}, {3});
  const auto [dx, dp] = grad([](const Tensor& a, const Tensor& b) { return sum(pow(a, b)); })(x, p);
  EXPECT_EQ(dx.to_vector<double>(), (std::vector<double>{0, 1, 0}));
  EXPECT_EQ(dp.to_vector<double>(), (std::vector<double>{0, 0, 0}));
}

TEST(ElementwiseGradients, HalfTypesKeepTheirType) {
  const Tensor x = cast(Tensor::from_vector<float>({0.5f, 1.5f}, {2}), DType::BF16);
  const Tensor g = grad([](const Tensor& a) { return sum(cast(a, DType::F32) * 3); })(x);
  EXPECT_EQ(g.dtype(), DType::BF16);
  EXPECT_EQ(g.to_vector<float>(), (std::vector<float>{3, 3}));
}

TEST(ElementwiseGradients, Digamma) {
  // Known values: psi(1) = -gamma, psi(1/2) = -gamma - 2 ln 2, psi(-1/2) = psi(1/2) + 2, psi(100).
  const double gamma = 0.57721566490153286;
  const Tensor x = Tensor::from_vector<double>({1, 0.5, -0.5, 100}, {4});
  const std::vector<double> y = digamma(x).to_vector<double>();
  EXPECT_NEAR(y[0], -gamma, 1e-14);
  EXPECT_NEAR(y[1], -gamma - 2 * std::log(2.0), 1e-14);
  EXPECT_NEAR(y[2], -gamma - 2 * std::log(2.0) + 2, 1e-13);
  EXPECT_NEAR(y[3], 4.6001618527380874, 1e-13);
  EXPECT_TRUE(std::isnan(digamma(Tensor::from_vector<double>({-2}, {1})).item<double>()));
}

}  // namespace
}  // namespace nngpu
