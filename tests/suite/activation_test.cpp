// The activation functions against their definitions in double precision, over dtypes and shapes; and where the
// definitions overflow.
#include <cmath>
#include <limits>

#include "nngpu/activations.h"
#include "ops/expect_error.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;
using Values = std::vector<double>;

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Activation {
  const char* name;
  Tensor (*run)(const Tensor&);
  double (*exact)(double);
};

double clamped(double x, double low, double high) { return std::min(std::max(x, low), high); }

const Activation kActivations[] = {
    {"relu6", [](const Tensor& x) { return relu6(x * 2); }, [](double x) { return clamped(2 * x, 0, 6); }},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); }, [](double x) { return x > 0 ? x : x * 0.01; }},
    {"leaky_relu_slope", [](const Tensor& x) { return leaky_relu(x, 0.25); },
     [](double x) { return x > 0 ? x : x / 4; }},
    {"prelu", [](const Tensor& x) { return prelu(x, Tensor(0.5)); }, [](double x) { return x > 0 ? x : x / 2; }},
    {"elu", [](const Tensor& x) { return elu(x); }, [](double x) { return x > 0 ? x : std::exp(x) - 1; }},
    {"elu_alpha", [](const Tensor& x) { return elu(x, 0.3); },
     [](double x) { return x > 0 ? x : 0.3 * (std::exp(x) - 1); }},
    {"selu", selu,
     [](double x) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (std::exp(x) - 1)); }},
    {"celu", [](const Tensor& x) { return celu(x, 0.7); },
     [](double x) { return std::max(x, 0.0) + std::min(0.0, 0.7 * (std::exp(x / 0.7) - 1)); }},
    {"mish", mish, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
    {"hardswish", hardswish, [](double x) { return x * clamped(x + 3, 0, 6) / 6; }},
    {"hardsigmoid", hardsigmoid, [](double x) { return clamped(x + 3, 0, 6) / 6; }},
    {"hardtanh", [](const Tensor& x) { return hardtanh(x, -1, 2); }, [](double x) { return clamped(x, -1, 2); }},
    {"softsign", softsign, [](double x) { return x / (1 + std::abs(x)); }},
    {"tanhshrink", tanhshrink, [](double x) { return x - std::tanh(x); }},
    {"log_sigmoid", log_sigmoid, [](double x) { return std::log(1 / (1 + std::exp(-x))); }},
};

class ActivationSuite : public ::testing::TestWithParam<Activation> {};

TEST_P(ActivationSuite, MatchesTheOracle) {
  for (DType dtype : floating_dtypes()) {
    for (const Dimensions& shape : {Dimensions{}, {0}, {33}, {1025}, {7, 13}, {2, 3, 4, 5}}) {
      const Array x = oracle::random_array(shape, dtype, -4, 4);
      EXPECT_TRUE(oracle::matches(GetParam().run(oracle::to_tensor(x, dtype)), oracle::map(x, GetParam().exact),
                                  dtype, Accuracy::Accumulated, 1))
          << GetParam().name << " " << dtype_name(dtype) << " " << to_string(Shape(shape));
    }
  }
}

TEST_P(ActivationSuite, KeepsNanAndStaysFinite) {
  const Tensor far = GetParam().run(Tensor::from_vector(Values{-1e4, 1e4, -90, 90}, {4}));
  for (double value : far.to_vector<double>()) EXPECT_TRUE(std::isfinite(value)) << GetParam().name;
  EXPECT_TRUE(std::isnan(GetParam().run(Tensor::from_vector(Values{NAN}, {1})).item<double>()));
  EXPECT_EQ(GetParam().run(arange_int(-2, 3)).dtype(), DType::F32);
}

INSTANTIATE_TEST_SUITE_P(Activations, ActivationSuite, ::testing::ValuesIn(kActivations),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ActivationSuiteMore, FarFromZero) {
  const Tensor x = Tensor::from_vector(Values{-kInf, -1000, 1000, kInf}, {4});
  EXPECT_EQ(log_sigmoid(x).to_vector<double>(), (Values{-kInf, -1000, 0, 0}));
  EXPECT_EQ(elu(x).to_vector<double>(), (Values{-1, -1, 1000, kInf}));
  EXPECT_EQ(mish(slice(x, 0, 1)).to_vector<double>(), (Values{0, 1000, kInf}));
  EXPECT_EQ(hardsigmoid(x).to_vector<double>(), (Values{0, 0, 1, 1}));
  EXPECT_EQ(hardswish(x).to_vector<double>(), (Values{0, 0, 1000, kInf}));
}

TEST(ActivationSuiteMore, PreluTakesASlopeAChannel) {
  const Tensor x = Tensor::from_vector(Values{-1, -2, -3, 4, -5, -6}, {1, 3, 2});
  const Tensor slope = Tensor::from_vector(Values{1, 10, 100}, {3});
  EXPECT_EQ(prelu(x, slope).to_vector<double>(), (Values{-1, -2, -30, 4, -500, -600}));
  EXPECT_EQ(prelu(reshape(slice(x, 2, 0, 1), {3}), slope).to_vector<double>(), (Values{-1, -30, -500}));
  EXPECT_ERROR(ShapeError, prelu(x, zeros({2})), "[prelu] weight of shape (2,) does not fit axis 1 of (1, 3, 2)");
}

TEST(ActivationSuiteMore, GluHalvesAnAxis) {
  for (DType dtype : floating_dtypes()) {
    const Array x = oracle::random_array({3, 6, 5}, dtype, -4, 4);
    Array expected = oracle::filled({3, 3, 5}, 0);
    oracle::for_each_index(expected.shape, [&](const std::vector<int64_t>& at) {
      expected.ref(at) = x.at(at) / (1 + std::exp(-x.at({at[0], at[1] + 3, at[2]})));
    });
    EXPECT_TRUE(oracle::matches(glu(oracle::to_tensor(x, dtype), 1), expected, dtype, Accuracy::Accumulated, 1));
  }
  EXPECT_ERROR(ShapeError, glu(zeros({2, 3})), "[glu] axis 1 cannot be halved: (2, 3)");
  EXPECT_THROW(glu(zeros({2, 4}), 2), IndexError);
}

TEST(ActivationSuiteMore, Arguments) {
  EXPECT_ERROR(ValueError, celu(zeros({2}), 0), "[celu] alpha must not be 0: 0");
  EXPECT_ERROR(ValueError, hardtanh(zeros({2}), 1, -1), "[hardtanh] no interval: low 1, high -1");
  EXPECT_THROW(mish(Tensor()), ValueError);
  EXPECT_THROW(glu(Tensor()), ValueError);
}

}  // namespace
}  // namespace nngpu::suite
