// Clipping of gradients, and averages of weights.
#include <gtest/gtest.h>

#include <cmath>

#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

using Vectors = std::vector<std::vector<double>>;

std::vector<Variable> with_gradients(DType dtype, double size, Vectors& gradients) {
  std::vector<Variable> variables;
  gradients.clear();
  for (const Shape& shape : std::vector<Shape>{{3, 4}, {}, {7}, {2, 2, 2}}) {
    variables.emplace_back(zeros(shape, dtype), true);
    variables.back().set_grad((randn(shape, dtype) * size).eval());
    gradients.push_back(variables.back().grad().to_vector<double>());
  }
  variables.emplace_back(zeros({5}, dtype), true);  // without a gradient
  return variables;
}

double norm_of(const Vectors& gradients, double order) {
  double sum = 0;
  for (const auto& gradient : gradients)
    for (const double g : gradient) {
      if (std::isinf(order))
        sum = std::max(sum, std::abs(g));
      else
        sum += std::pow(std::abs(g), order);
    }
  return std::isinf(order) ? sum : std::pow(sum, 1 / order);
}

TEST(ClipGradNorm, ScalesAllGradientsTogether) {
  for (const double order : {2.0, 1.0, 3.0, static_cast<double>(INFINITY)}) {
    for (const double size : {1e-3, 10.0}) {
      SCOPED_TRACE(std::to_string(order) + " " + std::to_string(size));
      Vectors gradients;
      const std::vector<Variable> variables = with_gradients(DType::F64, size, gradients);
      const Tensor norm = optim::clip_grad_norm_(variables, 1.5, order);
      const double want = norm_of(gradients, order), scale = std::min(1.0, 1.5 / (want + 1e-6));
      EXPECT_NEAR(norm.item<double>(), want, 1e-12 * want);
      for (size_t i = 0; i < gradients.size(); ++i) {
        const std::vector<double> got = variables[i].grad().to_vector<double>();
        for (size_t k = 0; k < got.size(); ++k)
          EXPECT_NEAR(got[k], gradients[i][k] * scale, 1e-12 * std::abs(gradients[i][k]));
      }
      EXPECT_FALSE(variables.back().grad().defined());
    }
  }
}

TEST(ClipGradNorm, OfHalfTypesDoesNotOverflow) {
  Variable x(zeros({1000}, DType::F16), true);
  x.set_grad(full({1000}, 10000, DType::F16));
  const Tensor norm = optim::clip_grad_norm_({x}, 1);
  EXPECT_EQ(norm.dtype(), DType::F32);
  EXPECT_NEAR(norm.item<double>(), 10000 * std::sqrt(1000), 1);
  EXPECT_EQ(x.grad().dtype(), DType::F16);
  EXPECT_NEAR(x.grad().to_vector<double>()[7], 1 / std::sqrt(1000), 2e-5);
}

TEST(ClipGradNorm, WorksInsideCompile) {
  Vectors gradients;
  const std::vector<Variable> variables = with_gradients(DType::F32, 3, gradients);
  const auto clip = compile([&](const std::vector<Tensor>& g) {
    std::vector<Tensor> results;
    for (size_t i = 0; i < g.size(); ++i) variables[i].set_grad(g[i]);
    results.push_back(optim::clip_grad_norm_(variables, 0.1));
    for (size_t i = 0; i < g.size(); ++i) results.push_back(variables[i].grad());
    for (const Variable& variable : variables) variable.zero_grad();
    return results;
  });
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < gradients.size(); ++i) inputs.push_back(variables[i].grad());
  const std::vector<Tensor> compiled = clip(inputs);
  for (size_t i = 0; i < inputs.size(); ++i) variables[i].set_grad(inputs[i]);
  EXPECT_EQ(compiled[0].item<float>(), optim::clip_grad_norm_(variables, 0.1).item<float>());
  for (size_t i = 0; i < inputs.size(); ++i)
    EXPECT_EQ(compiled[i + 1].to_vector<float>(), variables[i].grad().to_vector<float>());
}

TEST(ClipGradNorm, WithoutGradientsIsZero) {
  EXPECT_EQ(optim::clip_grad_norm_({Variable(ones({3}), true)}, 1).item<double>(), 0);
  EXPECT_THROW(optim::clip_grad_norm_({}, -1), ValueError);
  EXPECT_THROW(optim::clip_grad_norm_({}, 1, 0), ValueError);
}

TEST(ClipGradValue, ClampsEveryElement) {
  Vectors gradients;
  const std::vector<Variable> variables = with_gradients(DType::F64, 1, gradients);
  optim::clip_grad_value_(variables, 0.5);
  for (size_t i = 0; i < gradients.size(); ++i)
    for (size_t k = 0; k < gradients[i].size(); ++k)
      EXPECT_EQ(variables[i].grad().to_vector<double>()[k], std::clamp(gradients[i][k], -0.5, 0.5));
  EXPECT_THROW(optim::clip_grad_value_(variables, -1), ValueError);
}

TEST(ExponentialMovingAverage, FollowsAppliesAndRestores) {
  Variable x(full({3}, 1, DType::F64)), half(full({2}, 1, DType::BF16));
  optim::ExponentialMovingAverage average({x, half}, 0.75);
  double want = 1;
  const auto update = compile([&](const Tensor& value) {
    x.assign(value);
    average.update();
    return Tensor(0);
  });
  for (int i = 2; i < 6; ++i) {
    update(full({3}, i, DType::F64).eval());
    want = 0.75 * want + 0.25 * i;
  }
  EXPECT_NEAR(average.averages()[0].value().to_vector<double>()[1], want, 1e-14);
  EXPECT_EQ(average.averages()[1].dtype(), DType::F32);
  EXPECT_EQ(x.value().to_vector<double>()[0], 5);
  average.apply();
  EXPECT_NEAR(x.value().to_vector<double>()[0], want, 1e-14);
  EXPECT_EQ(half.dtype(), DType::BF16);
  EXPECT_THROW(average.apply(), ValueError);
  EXPECT_THROW(average.update(), ValueError);
  average.restore();
  EXPECT_EQ(x.value().to_vector<double>()[0], 5);
  EXPECT_THROW(average.restore(), ValueError);
  EXPECT_THROW(optim::ExponentialMovingAverage({x}, 1.5), ValueError);
}

}  // namespace
}  // namespace nngpu
