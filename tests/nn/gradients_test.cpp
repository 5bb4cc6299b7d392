// Gradients of activations, losses, attention and layers against finite differences, and where functions have
// edges: no gradient is NaN there.
#include <gtest/gtest.h>

#include <cmath>

#include "nngpu/activations.h"
#include "nngpu/attention.h"
#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/nn.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu::nn {
namespace {

using Values = std::vector<double>;

Tensor random(const Shape& shape, double low = -2, double high = 2) {
  return uniform(shape, low, high, DType::F64);
}

struct Unary {
  const char* name;
  Tensor (*run)(const Tensor&);
};

const Unary kActivations[] = {
    {"relu6", relu6},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.1); }},
    {"elu", [](const Tensor& x) { return elu(x, 0.7); }},
    {"selu", selu},
    {"celu", [](const Tensor& x) { return celu(x, 0.7); }},
    {"mish", mish},
    {"hardswish", [](const Tensor& x) { return hardswish(x * 3); }},
    {"hardsigmoid", [](const Tensor& x) { return hardsigmoid(x * 3); }},
    {"hardtanh", [](const Tensor& x) { return hardtanh(x); }},
    {"softsign", softsign},
    {"tanhshrink", tanhshrink},
    {"log_sigmoid", log_sigmoid},
    {"glu", [](const Tensor& x) { return glu(x, 1); }},
    {"prelu", [](const Tensor& x) { return prelu(x, Tensor(0.3)); }},
};

class ActivationGradient : public ::testing::TestWithParam<Unary> {};

TEST_P(ActivationGradient, IsThatOfDifferences) {
  const auto run = [](const std::vector<Tensor>& in) { return std::vector<Tensor>{GetParam().run(in[0])}; };
  EXPECT_NO_THROW(check_gradients(run, {random({3, 4, 5})}));
}

TEST_P(ActivationGradient, IsFiniteEverywhere) {
  for (DType dtype : {DType::F16, DType::F32, DType::F64}) {
    const Tensor x = cast(Tensor::from_vector(Values{-60000, -800, -3, 0, 0, 3, 800, 60000}, {1, 8}), dtype);
    const auto run = [](const Tensor& t) { return sum(GetParam().run(t)); };
    for (double v : grad(run)(x).to_vector<double>()) EXPECT_TRUE(std::isfinite(v)) << GetParam().name;
  }
}

INSTANTIATE_TEST_SUITE_P(Activations, ActivationGradient, ::testing::ValuesIn(kActivations),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ActivationGradients, AtZero) {
  const auto at_zero = [](Tensor (*f)(const Tensor&)) {
    return grad([f](const Tensor& x) { return f(x); })(Tensor::from_vector(Values{0}, {})).item<double>();
  };
  EXPECT_DOUBLE_EQ(at_zero([](const Tensor& x) { return elu(x); }), 1);
  EXPECT_DOUBLE_EQ(at_zero(log_sigmoid), 0.5);
  EXPECT_DOUBLE_EQ(at_zero(mish), 0.6);  // tanh(log 2)
  EXPECT_DOUBLE_EQ(at_zero(hardswish), 0.5);
}

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

void expect_gradients(const Function& f, const std::vector<Tensor>& inputs) {
  const auto run = [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{f(in)}; };
  try {
    check_gradients(run, inputs);
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
}

TEST(LossGradients, AreThoseOfDifferences) {
  const Tensor labels = Tensor::from_vector<int64_t>({0, 2, -100, 3}, {4});
  const Tensor weight = random({4}, 0.5, 2);
  const auto with_classes = [&](double smoothing) {
    return [&, smoothing](const std::vector<Tensor>& in) {
      return cross_entropy(in[0], labels, {.weight = weight, .label_smoothing = smoothing});
    };
  };
  expect_gradients(with_classes(0), {random({4, 4})});
  expect_gradients(with_classes(0.2), {random({4, 4})});
  expect_gradients([](const auto& in) { return cross_entropy(in[0], in[1]); },
                   {random({3, 4}), random({3, 4}, 0, 1)});
  expect_gradients([](const auto& in) { return mse_loss(in[0], in[1]); }, {random({3, 4}), random({3, 4})});
  expect_gradients([](const auto& in) { return huber_loss(in[0], in[1], {.delta = 0.5}); },
                   {random({3, 4}), random({3, 4})});
  expect_gradients([](const auto& in) { return smooth_l1_loss(in[0], in[1]); }, {random({3, 4}), random({3, 4})});
  expect_gradients([](const auto& in) { return l1_loss(in[0], in[1]); }, {random({3, 4}), random({3, 4})});
  expect_gradients([](const auto& in) { return hinge_loss(in[0], in[1]); }, {random({3, 4}), random({3, 4})});
  expect_gradients([](const auto& in) { return binary_cross_entropy(in[0], in[1]); },
                   {random({3, 4}, 0.1, 0.9), random({3, 4}, 0.1, 0.9)});
  expect_gradients(
      [](const auto& in) { return binary_cross_entropy_with_logits(in[0], in[1], {.pos_weight = in[2]}); },
      {random({3, 4}), random({3, 4}, 0, 1), random({4}, 0.5, 2)});
  expect_gradients([](const auto& in) { return kl_divergence(in[0], in[1]); },
                   {random({3, 4}), random({3, 4}, 0.1, 1)});
  expect_gradients([](const auto& in) { return cosine_similarity(in[0], in[1]); },
                   {random({3, 4}), random({3, 4})});
  const Tensor sides = Tensor::from_vector<int64_t>({1, -1, 1}, {3});
  expect_gradients([&](const auto& in) { return cosine_embedding_loss(in[0], in[1], sides); },
                   {random({3, 4}), random({3, 4})});
}

TEST(LossGradients, AreFiniteAtTheEdges) {
  const auto finite = [](const Tensor& x) {
    for (double v : x.to_vector<double>()) EXPECT_TRUE(std::isfinite(v));
  };
  const Tensor ends = Tensor::from_vector(Values{0, 1, 0, 1}, {4}),
               sides = Tensor::from_vector(Values{0, 1, 1, 0}, {4});
  finite(grad([&](const Tensor& p) { return binary_cross_entropy(p, sides); })(ends));
  finite(grad([&](const Tensor& x) { return binary_cross_entropy_with_logits(x, sides); })((ends - 0.5) * 4000));
  finite(grad([&](const Tensor& p) { return kl_divergence(ends, p); })(ends));
  finite(
      grad([&](const Tensor& a) { return sum(cosine_similarity(a, zeros_like(a), 0)); })(zeros({4}, DType::F64)));
  finite(grad([&](const Tensor& a) { return cosine_embedding_loss(a, zeros_like(a), Tensor(1)); })(
      zeros({4}, DType::F64)));
  // An ignored row gives no gradient, whatever it holds.
  const Tensor g = grad([](const Tensor& x) {
    return cross_entropy(x, Tensor::from_vector<int64_t>({1, -100}, {2}));
  })(Tensor::from_vector(Values{0, 0, 700, -700}, {2, 2}));
  EXPECT_EQ(g.to_vector<double>(), (Values{0.5, -0.5, 0, 0}));
}

TEST(AttentionGradients, AreThoseOfDifferences) {
  const std::vector<Tensor> qkv = {random({2, 3, 4}), random({2, 5, 4}), random({2, 5, 3})};
  expect_gradients([](const auto& in) { return scaled_dot_product_attention(in[0], in[1], in[2]); }, qkv);
  expect_gradients(
      [](const auto& in) { return scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true}); }, qkv);
  const Tensor mask = Tensor::from_vector<bool>({true, false, true, false, true,     //
                                                 false, false, false, false, false,  //
                                                 false, true, true, true, true},
                                                {3, 5});
  expect_gradients(
      [&](const auto& in) { return scaled_dot_product_attention(in[0], in[1], in[2], {.mask = mask}); }, qkv);
  expect_gradients(
      [](const auto& in) { return scaled_dot_product_attention(in[0], in[1], in[2], {.mask = in[3]}); },
      {qkv[0], qkv[1], qkv[2], random({3, 5})});
}

// Every parameter of a model, in f64, and its input.
void expect_parameter_gradients(const Module& model, const Tensor& x) {
  model.to(DType::F64);
  const Tensor target = random(model(x).shape());
  const auto loss = [&](const Tensor& in) { return mean(square(model(in) - target)); };
  backward(loss(x));
  for (const auto& named : model.named_parameters()) {
    const std::string& name = named.first;
    const Variable& variable = named.second;
    const Tensor value = variable.value(), gradient = variable.grad();
    ASSERT_TRUE(gradient.defined()) << name;
    const Tensor direction = randn(value.shape(), DType::F64);
    const double step = 1e-5;
    const auto moved = [&](double by) {
      NoGrad off;
      variable.assign(value + direction * by);
      return loss(x).item<double>();
    };
    const double measured = (moved(step) - moved(-step)) / (2 * step);
    variable.assign(value);
    EXPECT_NEAR(sum(gradient * direction).item<double>(), measured, 1e-6 * (1 + std::abs(measured))) << name;
  }
}

TEST(LayerGradients, OfEveryParameter) {
  expect_parameter_gradients(
      Sequential(Conv2d(2, 4, {.kernel = 3, .padding = 1, .groups = 2}), BatchNorm2d(4), SiLU(), AvgPool2d(2),
                 ConvTranspose2d(4, 2, {.kernel = 2, .stride = 2}), GroupNorm(2, 2), Flatten(), Linear(32, 3)),
      random({3, 2, 4, 4}));
  expect_parameter_gradients(TransformerEncoderLayer(4, 2, {.feed_forward = 8, .dropout = 0, .activation = gelu}),
                             random({2, 3, 4}));
  expect_parameter_gradients(Sequential(Residual(Linear(4, 4)), PReLU(), RMSNorm(4)), random({5, 4}));
}

// Steps of plain gradient descent, as a program writes them.
double trained_loss(const Module& model, const Tensor& x, const Tensor& target, int steps, double rate) {
  double last = 0;
  for (int i = 0; i < steps; ++i) {
    model.zero_grad();
    const Tensor loss = cross_entropy(model(x), target);
    backward(loss);
    for (Variable p : model.parameters()) p.assign(stop_gradient(p.value()) - p.grad() * rate);
    last = loss.item<double>();
  }
  return last;
}

TEST(Training, LearnsExclusiveOr) {
  manual_seed(4);
  const Tensor x = Tensor::from_vector<float>({-1, -1, -1, 1, 1, -1, 1, 1}, {4, 2});
  EXPECT_LT(trained_loss(models::mlp({2, 16, 2}), x, Tensor::from_vector<int64_t>({0, 1, 1, 0}, {4}), 200, 0.5),
            0.05);
}

TEST(Training, ACompiledStepIsTheStep) {
  const Tensor x = randn({8, 3}), target = randint(0, 4, {8});
  const auto make = [] {
    manual_seed(6);
    return Sequential(Linear(3, 8), BatchNorm1d(8), ReLU(), Linear(8, 4));
  };
  const Sequential plain = make(), compiled = make();
  const auto step_of = [](const Sequential& model) {
    return [model](const Tensor& in, const Tensor& labels) {
      const Tensor loss = cross_entropy(model(in), labels);
      backward(loss);
      for (Variable p : model.parameters()) p.assign(stop_gradient(p.value()) - p.grad() * 0.1);
      model.zero_grad();
      return stop_gradient(loss);
    };
  };
  const auto step = step_of(plain);
  const auto fast = compile(step_of(compiled));
  for (int i = 0; i < 5; ++i) {
    EXPECT_NEAR(step(x, target).item<double>(), fast(x, target).item<double>(), 1e-5) << i;
  }
  for (const auto& [name, variable] : plain.state()) {
    const Values a = variable.value().to_vector<double>(), b = compiled.variable(name).value().to_vector<double>();
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5) << name;
  }
}

TEST(Training, ALanguageModelRemembersASentence) {
  manual_seed(5);
  const Tensor text = Tensor::from_vector<int64_t>({1, 5, 2, 7, 7, 3, 0, 4, 6}, {1, 9});
  const models::Gpt model({.vocabulary = 8, .context = 8, .layers = 2, .heads = 2, .size = 16});
  struct Rows : Module {  // logits as rows
    models::Gpt inner;
    explicit Rows(const models::Gpt& gpt) : inner(register_module("gpt", gpt)) {}
    Tensor forward(const Tensor& t) const override { return reshape(inner(t), {8, 8}); }
  };
  EXPECT_LT(trained_loss(Rows(model), slice(text, 1, 0, 8), reshape(slice(text, 1, 1), {8}), 60, 0.3), 0.5);
}

}  // namespace
}  // namespace nngpu::nn
