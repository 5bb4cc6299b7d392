// Every optimizer against the published formula in plain double arithmetic.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "nngpu/autograd.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"
#include "optim/reference.h"

namespace nngpu {
namespace {

using optim::reference::Numbers;
using optim::reference::State;
using optim::reference::Step;

const std::vector<Shape> kShapes = {{7}, {3, 5}, {}, {2, 3, 4}, {1}, {6, 2}};

Numbers draw(std::mt19937_64& random, int64_t count) {
  std::normal_distribution<double> normal;
  Numbers numbers(static_cast<size_t>(count));
  for (double& x : numbers) x = normal(random);
  return numbers;
}

Tensor tensor_of(const Numbers& numbers, const Shape& shape, DType dtype) {
  return cast(Tensor::from_vector(numbers, shape), dtype).eval();
}

// Largest difference from the reference, relative to the largest number (at least 1).
double distance(const Tensor& got, const Numbers& want) {
  const std::vector<double> values = got.to_vector<double>();
  double largest = 1, difference = 0;
  for (const double w : want) largest = std::max(largest, std::abs(w));
  for (size_t i = 0; i < want.size(); ++i) {
    const double d = std::abs(values[i] - want[i]);
    difference = std::isnan(d) ? d : std::max(difference, d);
    if (std::isnan(d)) return d;
  }
  return difference / largest;
}

double tolerance(DType dtype) {
  if (dtype == DType::F64) return 1e-12;
  return dtype == DType::F32 ? 1e-5 : dtype == DType::F16 ? 2e-3 : 1e-2;
}

template <class Optimizer>
void expect_reference(const typename Optimizer::Options& options, const Step& step, DType dtype) {
  SCOPED_TRACE(dtype_name(dtype));
  std::mt19937_64 random(42);
  std::vector<Variable> parameters;
  std::vector<Numbers> values;
  for (const Shape& shape : kShapes) {
    const Tensor initial = tensor_of(draw(random, numel(shape)), shape, dtype);
    values.push_back(initial.to_vector<double>());
    parameters.emplace_back(initial, true);
  }
  Optimizer optimizer(parameters, options);
  std::vector<State> states(values.size());
  for (int t = 1; t <= 20; ++t) {
    for (size_t i = 0; i < kShapes.size(); ++i) {
      const Tensor gradient = tensor_of(draw(random, numel(kShapes[i])), kShapes[i], dtype);
      parameters[i].set_grad(gradient);
      step(t, kShapes[i], values[i], gradient.to_vector<double>(), states[i]);
    }
    optimizer.step();
    optimizer.zero_grad();
  }
  for (size_t i = 0; i < kShapes.size(); ++i)
    EXPECT_LE(distance(parameters[i].value(), values[i]), tolerance(dtype)) << to_string(kShapes[i]);
  // The state too, under its name.
  for (const auto& [name, variable] : optimizer.state()) {
    if (name.compare(0, 6, "state.") != 0 || name.find("master") != std::string::npos) continue;
    const size_t dot = name.find('.', 6);
    const State& state = states[std::stoul(name.substr(6))];
    ASSERT_EQ(state.count(name.substr(dot + 1)), 1u) << name;
    EXPECT_LE(distance(variable.value(), state.at(name.substr(dot + 1))),
              std::max(tolerance(DType::F32) * (variable.dtype() == DType::F64 ? 0 : 1), tolerance(dtype)))
        << name;
  }
}

template <class Optimizer>
void expect_reference(const typename Optimizer::Options& options, const Step& step) {
  for (const DType dtype : {DType::F64, DType::F32, DType::F16, DType::BF16})
    expect_reference<Optimizer>(options, step, dtype);
}

namespace ref = optim::reference;

TEST(SGD, Plain) { expect_reference<optim::SGD>({.lr = 0.1}, ref::sgd({.lr = 0.1})); }
TEST(SGD, WithMomentumDampeningDecayAndMaximize) {
  const optim::SGDOptions o{.lr = 0.05, .momentum = 0.9, .dampening = 0.3, .weight_decay = 0.01, .maximize = true};
  expect_reference<optim::SGD>(o, ref::sgd(o));
}
TEST(SGD, Nesterov) {
  const optim::SGDOptions o{.lr = 0.05, .momentum = 0.8, .weight_decay = 0.1, .nesterov = true};
  expect_reference<optim::SGD>(o, ref::sgd(o));
}
TEST(Adam, Defaults) { expect_reference<optim::Adam>({}, ref::adam({}, false)); }
TEST(Adam, WithDecayAmsgradAndMaximize) {
  const optim::AdamOptions o{
      .lr = 0.02, .betas = {0.8, 0.95}, .eps = 1e-6, .weight_decay = 0.1, .amsgrad = true, .maximize = true};
  expect_reference<optim::Adam>(o, ref::adam(o, false));
}
TEST(Adam, WithoutAverages) {
  const optim::AdamOptions o{.lr = 0.02, .betas = {0, 0}, .eps = 1e-3};
  expect_reference<optim::Adam>(o, ref::adam(o, false));
}
TEST(AdamW, DecaysTheWeightsThemselves) {
  const optim::AdamWOptions o{.lr = 0.02, .weight_decay = 0.3};
  expect_reference<optim::AdamW>(o, ref::adam({.lr = 0.02, .weight_decay = 0.3}, true));
}
TEST(AdamW, Amsgrad) {
  const optim::AdamWOptions o{.lr = 0.02, .betas = {0.5, 0.6}, .weight_decay = 0, .amsgrad = true};
  expect_reference<optim::AdamW>(o, ref::adam({.lr = 0.02, .betas = {0.5, 0.6}, .amsgrad = true}, true));
}
TEST(RMSprop, Plain) { expect_reference<optim::RMSprop>({}, ref::rmsprop({})); }
TEST(RMSprop, CenteredWithMomentumAndDecay) {
  const optim::RMSpropOptions o{
      .lr = 0.01, .alpha = 0.9, .eps = 1e-2, .weight_decay = 0.1, .momentum = 0.7, .centered = true};
  expect_reference<optim::RMSprop>(o, ref::rmsprop(o));
}
TEST(Adagrad, Plain) { expect_reference<optim::Adagrad>({}, ref::adagrad({})); }
TEST(Adagrad, WithDecays) {
  const optim::AdagradOptions o{
      .lr = 0.1, .lr_decay = 0.05, .weight_decay = 0.1, .initial_accumulator_value = 0.5, .eps = 1e-4};
  expect_reference<optim::Adagrad>(o, ref::adagrad(o));
}
TEST(NAdam, Plain) { expect_reference<optim::NAdam>({}, ref::nadam({})); }
TEST(NAdam, WithDecays) {
  optim::NAdamOptions o{.lr = 0.02, .betas = {0.8, 0.9}, .weight_decay = 0.1, .momentum_decay = 0.1};
  expect_reference<optim::NAdam>(o, ref::nadam(o));
  o.decoupled_weight_decay = true;
  expect_reference<optim::NAdam>(o, ref::nadam(o));
}
// Signs of what is nearly 0 differ with the rounding: half types are left out.
TEST(Lion, WithAndWithoutDecay) {
  for (const double decay : {0.0, 0.2}) {
    const optim::LionOptions o{.lr = 0.01, .weight_decay = decay};
    for (const DType dtype : {DType::F64, DType::F32}) expect_reference<optim::Lion>(o, ref::lion(o), dtype);
  }
}
TEST(LAMB, WithAndWithoutDecay) {
  for (const double decay : {0.0, 0.2}) {
    const optim::LAMBOptions o{.lr = 0.01, .weight_decay = decay};
    expect_reference<optim::LAMB>(o, ref::lamb(o));
  }
}
TEST(Muon, MatricesAndOthers) {
  for (const bool nesterov : {true, false}) {
    const optim::MuonOptions o{
        .lr = 0.02,
        .nesterov = nesterov,
        .adjust_lr = nesterov ? optim::MuonAdjust::Original : optim::MuonAdjust::MatchRmsAdamW,
        .adamw_lr_scale = 0.3,
        .adamw_weight_decay = 0.1};
    for (const DType dtype : {DType::F64, DType::F32}) expect_reference<optim::Muon>(o, ref::muon(o), dtype);
  }
}

// --- What all have in common ----------------------------------------------------------------------------------

TEST(Optimizer, GroupsHaveTheirOwnOptions) {
  Variable a(ones({3}, DType::F64), true), b(ones({3}, DType::F64), true);
  optim::SGD optimizer({{{a}, {.lr = 0.5}}, {{b}, {.lr = 0.25, .weight_decay = 1}}});
  a.set_grad(full({3}, 2, DType::F64));
  b.set_grad(full({3}, 2, DType::F64));
  optimizer.step();
  EXPECT_EQ(a.value().to_vector<double>()[0], 0);
  EXPECT_EQ(b.value().to_vector<double>()[0], 0.25);
  optimizer.set_lr(1, 0.125);
  EXPECT_EQ(optimizer.lr(0), 0.5);
  EXPECT_EQ(optimizer.lr(1), 0.125);
  EXPECT_EQ(optimizer.initial_lr(1), 0.25);
  optimizer.step();
  EXPECT_EQ(a.value().to_vector<double>()[0], -1);
  EXPECT_EQ(b.value().to_vector<double>()[0], 0.25 - 0.125 * 2.25);
}

TEST(Optimizer, LeavesParametersWithoutAGradient) {
  Variable a(ones({3}), true), b(ones({3}), true);
  optim::AdamW optimizer({a, b}, {.lr = 0.1});
  a.set_grad(ones({3}));
  optimizer.step();
  EXPECT_EQ(b.value().to_vector<float>(), std::vector<float>(3, 1));
  EXPECT_LT(a.value().to_vector<float>()[0], 1);
  EXPECT_TRUE(a.grad().defined());
  optimizer.zero_grad();
  EXPECT_FALSE(a.grad().defined());
}

TEST(Optimizer, StateIsNamedAndMovesToAnother) {
  std::mt19937_64 random(1);
  const Tensor initial = tensor_of(draw(random, 5), {5}, DType::BF16);
  Variable a(initial, true), b(initial, true);
  optim::Adam first({a}, {.lr = 0.1}), second({b}, {.lr = 0.1});
  const auto train = [&](Variable& v, optim::Optimizer& optimizer) {
    v.set_grad(cast(v.value() * 2 + 1, DType::BF16));
    optimizer.step();
  };
  for (int i = 0; i < 3; ++i) train(a, first);
  const optim::NamedVariables from = first.state(), to = second.state();
  std::vector<std::string> names;
  for (size_t i = 0; i < from.size(); ++i) {
    names.push_back(from[i].first);
    EXPECT_EQ(from[i].first, to[i].first);
    Variable(to[i].second).assign(from[i].second.value());
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"group.0.step", "state.0.exp_avg", "state.0.exp_avg_sq", "state.0.master"}));
  b.assign(a.value());
  for (int i = 0; i < 3; ++i) {
    train(a, first);
    train(b, second);
  }
  EXPECT_EQ(a.value().to_vector<double>(), b.value().to_vector<double>());
}

TEST(Optimizer, RefusesWhatItCannotTake) {
  const Variable x(ones({3}), true);
  EXPECT_THROW(optim::SGD({x, x}), ValueError);
  EXPECT_THROW(optim::SGD(std::vector<Variable>{}), ValueError);
  EXPECT_THROW(optim::SGD({Variable()}), ValueError);
  EXPECT_THROW(optim::SGD({Variable(zeros({3}, DType::I32))}), DTypeError);
  EXPECT_THROW(optim::SGD({x}, {.lr = -1}), ValueError);
  EXPECT_THROW(optim::SGD({x}, {.nesterov = true}), ValueError);
  EXPECT_THROW(optim::Adam({x}, {.betas = {0.9, 1}}), ValueError);
  EXPECT_THROW(optim::Adam({x}, {.eps = -1}), ValueError);
  EXPECT_THROW(optim::Muon({x}, {.ns_steps = 0}), ValueError);
  EXPECT_THROW(optim::Adam({x}).set_lr(std::nan("")), ValueError);
}

}  // namespace
}  // namespace nngpu
