// Models that compute their blocks again for the gradient: the same numbers in less memory.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <regex>
#include <string>

#include "nngpu/amp.h"
#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/nn.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"

namespace nngpu::nn {
namespace {

// The loss, all gradients and all buffers after one backward pass.
template <class Model>
std::vector<std::vector<double>> after_backward(const Model& model, const Tensor& x, const Tensor& y) {
  const Tensor logits = model(x);
  const Tensor loss = cross_entropy(reshape(logits, {-1, logits.size(-1)}), flatten(y));
  backward(loss);
  std::vector<std::vector<double>> result = {loss.to_vector<double>()};
  for (const Variable& p : model.parameters()) result.push_back(p.grad().template to_vector<double>());
  for (const auto& [name, buffer] : model.named_buffers()) {
    result.push_back(buffer.value().template to_vector<double>());
  }
  return result;
}

void expect_close(const std::vector<std::vector<double>>& a, const std::vector<std::vector<double>>& b,
                  double tol) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    double scale = 0, difference = 0;
    ASSERT_EQ(a[i].size(), b[i].size());
    for (size_t k = 0; k < a[i].size(); ++k) {
      scale = std::max(scale, std::abs(a[i][k]));
      difference = std::max(difference, std::abs(a[i][k] - b[i][k]));
    }
    EXPECT_LE(difference, tol * scale) << i;
  }
}

TEST(Checkpoint, ResNetsGradientsAndStatisticsAreTheSame) {
  if (default_device().type != DeviceType::CPU) GTEST_SKIP() << "slow there";
  std::vector<std::vector<std::vector<double>>> results;
  const Tensor x = randn({4, 3, 16, 16}, DType::F64), y = randint(0, 10, {4});
  for (const bool again : {false, true}) {
    manual_seed(11);
    const auto model = models::resnet18({.classes = 10, .small_images = true, .checkpoint = again});
    model.to(DType::F64);
    results.push_back(after_backward(model, x, y));
  }
  expect_close(results[0], results[1], 1e-12);
}

TEST(Checkpoint, GptsGradientsAreTheSameWithDropout) {
  std::vector<std::vector<std::vector<double>>> results;
  const Tensor x = randint(0, 13, {3, 8}), y = randint(0, 13, {3, 8});
  for (const bool again : {false, true}) {
    manual_seed(12);
    const auto model = models::gpt({.vocabulary = 13,
                                    .context = 8,
                                    .layers = 3,
                                    .heads = 2,
                                    .size = 16,
                                    .dropout = 0.3,
                                    .checkpoint = again});
    model.to(DType::F64);
    results.push_back(after_backward(model, x, y));
  }
  expect_close(results[0], results[1], 1e-12);
}

TEST(Checkpoint, RunsAgainInTheSameScopeOfAutocast) {
  std::vector<std::vector<std::vector<double>>> results;
  std::vector<std::optional<DType>> scopes;
  for (const bool again : {false, true}) {
    manual_seed(13);
    const Linear layer(6, 6);
    const auto run = [&](const std::vector<Tensor>& in) {
      scopes.push_back(autocast_dtype());
      return std::vector<Tensor>{tanh(layer(in[0]))};
    };
    Tensor loss;
    {
      const Autocast scope(DType::BF16);
      const Tensor x = uniform({5, 6}, -1, 1);
      loss = sum(square(again ? checkpoint(run)({x})[0] : run({x})[0]));
    }
    backward(loss);
    results.push_back({layer.weight.grad().to_vector<double>()});
  }
  EXPECT_EQ(scopes, std::vector<std::optional<DType>>(3, DType::BF16));
  // What runs again is fused with other operations, and is rounded to bf16 at other places.
  expect_close(results[0], results[1], 0.02);
}

TEST(Checkpoint, WhatItAssignsIsAssignedOnce) {
  Variable w(ones({3}), true), count(zeros({}), false);
  const auto counted = [&](const std::vector<Tensor>& in) {
    count.assign(count.value() + 1);
    return std::vector<Tensor>{in[0] * w.value()};
  };
  backward(sum(checkpoint(checkpoint(counted))({ones({3})})[0]));
  EXPECT_EQ(count.value().item<double>(), 1);
  EXPECT_EQ(w.grad().to_vector<double>(), (std::vector<double>{1, 1, 1}));
}

// MiB of intermediate results at the peak of one training step of ResNet-18, from its plan, at a batch whose
// activations outweigh the gradients of the weights, which both ways of training keep.
double peak_of_step(bool again) {
  const auto model = models::resnet18({.classes = 10, .small_images = true, .checkpoint = again});
  optim::SGD optimizer(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  const auto step = [&](const Tensor& x, const Tensor& y) {
    const Tensor loss = cross_entropy(model(x), y);
    backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  };
  const std::string plan = explain(step, zeros({128, 3, 32, 32}), zeros({128}, DType::I64));
  std::smatch found;
  if (!std::regex_search(plan, found, std::regex("intermediates peak at ([0-9.]+) MiB"))) return 0;
  return std::stod(found[1]);
}

TEST(Checkpoint, SavesMemory) {
  if (default_device().type != DeviceType::CPU) GTEST_SKIP() << "the plan is the CPU's";
  const double stored = peak_of_step(false), again = peak_of_step(true);
  EXPECT_GT(again, 50);
  constexpr double kWeights = 3 * 43;  // MiB: weights, momentum, and their new values
  EXPECT_LE(again + kWeights, 0.6 * (stored + kWeights));
}

}  // namespace
}  // namespace nngpu::nn
