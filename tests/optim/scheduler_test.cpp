// Schedulers against numbers known by hand, and against recursions written apart from their closed forms.
#include "nngpu/scheduler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "nngpu/compile.h"
#include "nngpu/ops.h"

namespace nngpu {
namespace {

using namespace optim;  // NOLINT: a test of that namespace

struct Fixture {
  Variable x{ones({2}), true};
  SGD optimizer;
  explicit Fixture(double lr = 1) : optimizer({x}, {.lr = lr}) {}
};

template <class Scheduler>
void expect_rates(Optimizer& optimizer, Scheduler& scheduler, const std::vector<double>& rates) {
  for (size_t i = 0; i < rates.size(); ++i) {
    EXPECT_NEAR(optimizer.lr(), rates[i], 1e-12 * std::max(1.0, std::abs(rates[i]))) << "step " << i;
    scheduler.step();
  }
}

TEST(Scheduler, StepLR) {
  Fixture f(0.8);
  StepLR scheduler(f.optimizer, {.step_size = 2, .gamma = 0.5});
  expect_rates(f.optimizer, scheduler, {0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1});
}

TEST(Scheduler, MultiStepLR) {
  Fixture f;
  MultiStepLR scheduler(f.optimizer, {.milestones = {1, 3, 3}, .gamma = 0.5});
  expect_rates(f.optimizer, scheduler, {1, 0.5, 0.5, 0.125, 0.125});
}

TEST(Scheduler, ExponentialAndLambda) {
  Fixture f;
  ExponentialLR exponential(f.optimizer, {.gamma = 0.5});
  expect_rates(f.optimizer, exponential, {1, 0.5, 0.25, 0.125});
  LambdaLR lambda(f.optimizer, [](int64_t step) { return 1.0 / static_cast<double>(1 + step); });
  expect_rates(f.optimizer, lambda, {1, 0.5, 1.0 / 3, 0.25});
}

TEST(Scheduler, PolynomialLinearAndConstant) {
  Fixture f;
  PolynomialLR polynomial(f.optimizer, {.total_iters = 4, .power = 2});
  expect_rates(f.optimizer, polynomial, {1, 0.5625, 0.25, 0.0625, 0, 0});
  LinearLR linear(f.optimizer, {.start_factor = 0.5, .total_iters = 4});
  expect_rates(f.optimizer, linear, {0.5, 0.625, 0.75, 0.875, 1, 1});
  ConstantLR constant(f.optimizer, {.factor = 0.25, .total_iters = 2});
  expect_rates(f.optimizer, constant, {0.25, 0.25, 1, 1});
}

TEST(Scheduler, CosineAnnealing) {
  Fixture f(2);
  CosineAnnealingLR scheduler(f.optimizer, {.T_max = 4, .eta_min = 1});
  const double half = std::sqrt(0.5) / 2;
  expect_rates(f.optimizer, scheduler, {2, 1.5 + half, 1.5, 1.5 - half, 1, 1.5 - half});
}

// PyTorch steps through the cosine by a recursion, which has the same values.
TEST(Scheduler, CosineAnnealingIsTheRecursion) {
  Fixture f(0.3);
  const double least = 0.01;
  CosineAnnealingLR scheduler(f.optimizer, {.T_max = 50, .eta_min = least});
  double rate = 0.3;
  for (int t = 1; t < 50; ++t) {
    rate = (1 + std::cos(std::numbers::pi * t / 50)) / (1 + std::cos(std::numbers::pi * (t - 1) / 50)) *
               (rate - least) +
           least;
    scheduler.step();
    EXPECT_NEAR(f.optimizer.lr(), rate, 1e-12) << t;
  }
}

TEST(Scheduler, WarmRestarts) {
  Fixture f;
  CosineAnnealingWarmRestarts scheduler(f.optimizer, {.T_0 = 2, .T_mult = 2});
  const double high = (1 + std::sqrt(0.5)) / 2, low = (1 - std::sqrt(0.5)) / 2;
  expect_rates(f.optimizer, scheduler, {1, 0.5, 1, high, 0.5, low, 1, (1 + std::cos(std::numbers::pi / 8)) / 2});
}

TEST(Scheduler, OneCycle) {
  Fixture f;
  OneCycleLR linear(
      f.optimizer,
      {.max_lr = 1, .total_steps = 10, .pct_start = 0.5, .linear = true, .div_factor = 2, .final_div_factor = 5});
  // Up from 0.5 in 4 steps, down to 0.1 in 5.
  expect_rates(f.optimizer, linear, {0.5, 0.625, 0.75, 0.875, 1, 0.82, 0.64, 0.46, 0.28, 0.1});
  OneCycleLR cosine(f.optimizer,
                    {.max_lr = 1, .total_steps = 10, .pct_start = 0.5, .div_factor = 2, .final_div_factor = 5});
  EXPECT_NEAR(f.optimizer.lr(), 0.5, 1e-12);
  cosine.set_step(2);
  EXPECT_NEAR(f.optimizer.lr(), 0.75, 1e-12);
  cosine.set_step(9);
  EXPECT_NEAR(f.optimizer.lr(), 0.1, 1e-12);
  OneCycleLR three(f.optimizer, {.max_lr = 1,
                                 .total_steps = 12,
                                 .pct_start = 0.25,
                                 .linear = true,
                                 .div_factor = 2,
                                 .final_div_factor = 5,
                                 .three_phase = true});
  // Up in 2 steps, down in 2, and to 0.1 in the 7 left.
  expect_rates(f.optimizer, three, {0.5, 0.75, 1, 0.75, 0.5, 0.5 - 0.4 / 7});
}

TEST(Scheduler, Cyclic) {
  Fixture f;
  CyclicLR triangular(f.optimizer, {.base_lr = 1, .max_lr = 2, .step_size_up = 2, .step_size_down = 4});
  expect_rates(f.optimizer, triangular, {1, 1.5, 2, 1.75, 1.5, 1.25, 1, 1.5});
  CyclicLR halving(f.optimizer, {.base_lr = 1, .max_lr = 2, .step_size_up = 1, .mode = CyclicMode::Triangular2});
  expect_rates(f.optimizer, halving, {1, 2, 1, 1.5, 1, 1.25});
  CyclicLR shrinking(f.optimizer,
                     {.base_lr = 1, .max_lr = 2, .step_size_up = 1, .mode = CyclicMode::ExpRange, .gamma = 0.5});
  expect_rates(f.optimizer, shrinking, {1, 1.5, 1, 1.125});
}

TEST(Scheduler, ChainedMultipliesAndSequentialTakesTurns) {
  Fixture f;
  const auto warm = std::make_shared<ConstantLR>(f.optimizer, ConstantLROptions{.factor = 0.1, .total_iters = 2});
  const auto decay = std::make_shared<ExponentialLR>(f.optimizer, ExponentialLROptions{.gamma = 0.9});
  ChainedScheduler chained(f.optimizer, {warm, decay});
  expect_rates(f.optimizer, chained, {0.1, 0.09, 0.81, 0.729});
  SequentialLR sequential(f.optimizer, {warm, decay}, {2});
  expect_rates(f.optimizer, sequential, {0.1, 0.1, 1, 0.9, 0.81});
}

TEST(Scheduler, EveryGroupHasItsOwnBase) {
  Variable a(ones({1}), true), b(ones({1}), true);
  SGD optimizer({{{a}, {.lr = 1}}, {{b}, {.lr = 4}}});
  StepLR scheduler(optimizer, {.step_size = 1, .gamma = 0.5});
  scheduler.step();
  EXPECT_EQ(scheduler.last_lr(), (std::vector<double>{0.5, 2}));
}

TEST(Scheduler, ReduceOnPlateau) {
  Fixture f;
  ReduceLROnPlateau scheduler(f.optimizer,
                              {.factor = 0.5, .patience = 1, .threshold = 0.1, .cooldown = 1, .min_lr = 0.3});
  const std::vector<std::pair<double, double>> steps = {{1, 1},       // the best
                                                        {0.95, 1},    // not better by a tenth
                                                        {0.91, 0.5},  // for the second time
                                                        {0.91, 0.5},  // cooling
                                                        {0.91, 0.5}, {0.91, 0.3}, {0.5, 0.3},
                                                        {0.5, 0.3},  {0.5, 0.3},  {0.5, 0.3}};
  for (const auto& [metric, rate] : steps) {
    scheduler.step(metric);
    EXPECT_NEAR(f.optimizer.lr(), rate, 1e-12);
  }
  EXPECT_EQ(scheduler.best(), 0.5);
  ReduceLROnPlateau maximizing(f.optimizer, {.maximize = true, .patience = 0, .relative = false});
  maximizing.step(1);
  maximizing.step(2);
  EXPECT_NEAR(f.optimizer.lr(), 0.3, 1e-12);
  maximizing.step(2);
  EXPECT_NEAR(f.optimizer.lr(), 0.03, 1e-12);
}

TEST(Scheduler, CompiledStepsSeeTheRateWithoutAnotherTrace) {
  Fixture f;
  int traces = 0;
  const auto step = compile([&](const Tensor& gradient) {
    ++traces;
    f.x.set_grad(gradient);
    f.optimizer.step();
    f.optimizer.zero_grad();
    return Tensor(0);
  });
  StepLR scheduler(f.optimizer, {.step_size = 1, .gamma = 0.5});
  const Tensor gradient = ones({2}).eval();
  for (int i = 0; i < 3; ++i) {
    step(gradient);
    scheduler.step();
  }
  EXPECT_EQ(f.x.value().to_vector<float>()[0], 1 - 1 - 0.5f - 0.25f);
  EXPECT_EQ(traces, 1);
}

TEST(Scheduler, RefusesOptionsOutOfRange) {
  Fixture f;
  EXPECT_THROW(StepLR(f.optimizer, {.step_size = 0}), ValueError);
  EXPECT_THROW(MultiStepLR(f.optimizer, {.milestones = {3, 1}}), ValueError);
  EXPECT_THROW(OneCycleLR(f.optimizer, {}), ValueError);
  EXPECT_THROW(SequentialLR(f.optimizer, {}, {}), ValueError);
  EXPECT_THROW(ReduceLROnPlateau(f.optimizer, {.factor = 1}), ValueError);
}

}  // namespace
}  // namespace nngpu
