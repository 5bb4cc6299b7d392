// Steps inside compile() and outside: the same bits, few launches, no growth of memory.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/evaluate.h"
#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

std::vector<Shape> shapes_of(int64_t count) {
  std::vector<Shape> shapes;
  for (int64_t i = 0; i < count; ++i) {
    if (i % 3 == 0)
      shapes.push_back({3 + i, 17});
    else
      shapes.push_back({i % 3 == 1 ? 5 * i : 1});
  }
  return shapes;
}

std::vector<Tensor> random_tensors(int64_t count) {
  std::vector<Tensor> tensors;
  for (const Shape& shape : shapes_of(count)) tensors.push_back(randn(shape));
  eval(tensors);
  return tensors;
}

std::vector<Variable> variables_of(const std::vector<Tensor>& initial) {
  std::vector<Variable> variables;
  for (const Tensor& tensor : initial) variables.emplace_back((tensor * 1).eval(), true);
  return variables;
}

void make_step(optim::Optimizer& optimizer, const std::vector<Variable>& parameters,
               const std::vector<Tensor>& gradients) {
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i].set_grad(gradients[i]);
  optimizer.step();
  optimizer.zero_grad();
}

std::vector<std::vector<double>> everything(const optim::Optimizer& optimizer) {
  std::vector<std::vector<double>> result;
  for (const Variable& variable : optimizer.parameters()) result.push_back(variable.value().to_vector<double>());
  for (const auto& [name, variable] : optimizer.state()) result.push_back(variable.value().to_vector<double>());
  return result;
}

std::vector<const void*> addresses(const optim::Optimizer& optimizer) {
  std::vector<const void*> result;
  const NoGrad none;
  const auto add = [&](const Variable& variable) {
    result.push_back(graph::read_value(variable.value()).buffer->data);
  };
  for (const Variable& variable : optimizer.parameters()) add(variable);
  for (const auto& [name, variable] : optimizer.state()) add(variable);
  return result;
}

template <class Optimizer>
struct Case {
  using Type = Optimizer;
};
template <class C>
class StepOf : public testing::Test {
 protected:
  using Optimizer = typename C::Type;
  // The options that keep most state.
  static typename Optimizer::Options options() {
    typename Optimizer::Options o{};
    o.lr = 0.01;
    o.weight_decay = 0.1;
    if constexpr (requires { o.momentum; }) o.momentum = 0.9;
    if constexpr (requires { o.centered; }) o.centered = true;
    if constexpr (requires { o.amsgrad; }) o.amsgrad = true;
    return o;
  }
};
using Cases = testing::Types<Case<optim::SGD>, Case<optim::Adam>, Case<optim::AdamW>, Case<optim::RMSprop>,
                             Case<optim::Adagrad>, Case<optim::NAdam>, Case<optim::Lion>, Case<optim::LAMB>,
                             Case<optim::Muon>>;
TYPED_TEST_SUITE(StepOf, Cases);

TYPED_TEST(StepOf, HasTheSameBitsInsideCompileAndOutside) {
  using Optimizer = typename TestFixture::Optimizer;
  const std::vector<Tensor> initial = random_tensors(7);
  const std::vector<Variable> a = variables_of(initial), b = variables_of(initial);
  Optimizer eager(a, this->options()), compiled(b, this->options());
  int traces = 0;
  const auto step = compile([&](const std::vector<Tensor>& gradients) {
    ++traces;
    make_step(compiled, b, gradients);
    return gradients[0];
  });
  for (int t = 0; t < 6; ++t) {
    if (t == 3) {
      eager.set_lr(0.002);
      compiled.set_lr(0.002);
    }
    const std::vector<Tensor> gradients = random_tensors(7);
    make_step(eager, a, gradients);
    step(gradients);
    EXPECT_EQ(everything(eager), everything(compiled)) << "step " << t;
  }
  EXPECT_EQ(traces, 1);
}

TYPED_TEST(StepOf, UpdatesParametersAndStateInPlace) {
  using Optimizer = typename TestFixture::Optimizer;
  const std::vector<Variable> parameters = variables_of(random_tensors(7));
  Optimizer optimizer(parameters, this->options());
  const std::vector<Tensor> gradients = random_tensors(7);
  const auto step = compile([&](const std::vector<Tensor>& g) {
    make_step(optimizer, parameters, g);
    return g[0];
  });
  step(gradients);
  const std::vector<const void*> before = addresses(optimizer);
  const int64_t used = memory_stats().in_use, reserved = memory_stats().reserved;
  for (int i = 0; i < 3; ++i) step(gradients);
  EXPECT_EQ(addresses(optimizer), before);
  EXPECT_EQ(memory_stats().in_use, used);
  EXPECT_EQ(memory_stats().reserved, reserved);
}

TYPED_TEST(StepOf, OutsideCompileMemoryStaysToo) {
  using Optimizer = typename TestFixture::Optimizer;
  const std::vector<Variable> parameters = variables_of(random_tensors(7));
  Optimizer optimizer(parameters, this->options());
  const std::vector<Tensor> gradients = random_tensors(7);
  const auto run = [&] {
    make_step(optimizer, parameters, gradients);
    parameters[0].value().eval();
  };
  for (int i = 0; i < 2; ++i) run();
  const int64_t used = memory_stats().in_use, reserved = memory_stats().reserved;
  for (int i = 0; i < 4; ++i) run();
  EXPECT_EQ(memory_stats().in_use, used);
  EXPECT_EQ(memory_stats().reserved, reserved);
}

TYPED_TEST(StepOf, SkippedLeavesEverything) {
  using Optimizer = typename TestFixture::Optimizer;
  const std::vector<Tensor> initial = random_tensors(4);
  const std::vector<Variable> a = variables_of(initial), b = variables_of(initial);
  Optimizer skipping(a, this->options()), plain(b, this->options());
  const auto step = compile([&](const std::vector<Tensor>& inputs) {
    for (size_t i = 0; i < a.size(); ++i) a[i].set_grad(inputs[i]);
    skipping.step_unless(inputs.back());
    skipping.zero_grad();
    return inputs[0];
  });
  for (int t = 0; t < 4; ++t) {
    std::vector<Tensor> gradients = random_tensors(4);
    const bool skip = t % 2 == 0;  // the first too: no step has been counted then
    if (!skip) make_step(plain, b, gradients);
    if (skip) gradients[0] = full(gradients[0].shape(), std::nan("")).eval();
    gradients.push_back(cast(Tensor(skip), DType::Bool).eval());
    step(gradients);
    EXPECT_EQ(everything(skipping), everything(plain)) << "step " << t;
  }
}

template <class Optimizer>
int64_t launches_of_a_step(const typename Optimizer::Options& options) {
  const std::vector<Variable> parameters = variables_of(random_tensors(20));
  Optimizer optimizer(parameters, options);
  const std::vector<Tensor> gradients = random_tensors(20);
  const auto step = compile([&](const std::vector<Tensor>& g) {
    make_step(optimizer, parameters, g);
    return g[0];
  });
  step(gradients);
  const int64_t before = engine_stats().launches;
  step(gradients);
  return engine_stats().launches - before;
}

// One for the numbers of the step, and one for twenty parameters of different shapes.
TEST(StepLaunches, AreTwoForManyParameters) {
  EXPECT_EQ(launches_of_a_step<optim::SGD>({.momentum = 0.9, .weight_decay = 0.1}), 2);
  EXPECT_EQ(launches_of_a_step<optim::Adam>({.weight_decay = 0.1}), 2);
  EXPECT_EQ(launches_of_a_step<optim::AdamW>({.amsgrad = true}), 2);
  EXPECT_EQ(launches_of_a_step<optim::RMSprop>({.momentum = 0.9, .centered = true}), 2);
  EXPECT_EQ(launches_of_a_step<optim::Adagrad>({.lr_decay = 0.1}), 2);
  EXPECT_EQ(launches_of_a_step<optim::Lion>({.weight_decay = 0.1}), 2);
  EXPECT_EQ(launches_of_a_step<optim::NAdam>({}), 2);
}

// The gradient of a weight has the weight's layout, so that a whole training step of a small network is a handful
// of launches and keeps its variables where they are.
TEST(StepLaunches, OfASmallNetworkAreFew) {
  Variable w1(randn({16, 32}).eval(), true), b1(zeros({32}).eval(), true);
  Variable w2(randn({32, 4}).eval(), true), b2(zeros({4}).eval(), true);
  optim::AdamW optimizer({w1, b1, w2, b2}, {.lr = 0.01});
  int traces = 0;
  const auto step = compile([&](const Tensor& x, const Tensor& y) {
    ++traces;
    const Tensor hidden = relu(matmul(x, w1.value()) + b1.value());
    const Tensor loss = mean(square(matmul(hidden, w2.value()) + b2.value() - y));
    backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  });
  const Tensor x = randn({32, 16}).eval(), y = randn({32, 4}).eval();
  const double first = step(x, y).item<double>();
  const int64_t before = engine_stats().launches;
  step(x, y);
  EXPECT_LE(engine_stats().launches - before, 16);
  for (int i = 0; i < 50; ++i) step(x, y);
  EXPECT_LT(step(x, y).item<double>(), 0.5 * first);
  EXPECT_EQ(traces, 1);
}

}  // namespace
}  // namespace nngpu
