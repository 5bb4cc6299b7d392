// Recorded gradients, functions of functions, and how they meet evaluation and compile.
#include <gtest/gtest.h>

#include <cmath>

#include "nngpu/autograd.h"
#include "nngpu/device.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

using In = std::vector<Tensor>;
using Out = std::vector<Tensor>;

Tensor vector(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return Tensor::from_vector(values, {n});
}

void expect_equal(const Tensor& x, const std::vector<double>& values) {
  const std::vector<double> got = x.to_vector<double>();
  ASSERT_EQ(got.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(got[i], values[i], 1e-12) << i;
}

template <class E, class Function>
void expect_error(const Function& function, const std::string& part) {
  try {
    function();
    FAIL() << "nothing was thrown";
  } catch (const E& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Backward, CollectsAndAccumulates) {
  const Tensor x = requires_grad(vector({1, 2, 3}));
  EXPECT_TRUE(x.requires_grad());
  EXPECT_FALSE(x.grad().defined());
  backward(sum(square(x)));
  expect_equal(x.grad(), {2, 4, 6});
  sum(x * 3).backward();
  expect_equal(x.grad(), {5, 7, 9});
  x.zero_grad();
  EXPECT_FALSE(x.grad().defined());
}

TEST(Backward, OfAVectorNeedsItsGradient) {
  const Tensor x = requires_grad(vector({1, 2}));
  const Tensor y = square(x);
  expect_error<ShapeError>([&] { backward(y); }, "[backward] needs a scalar");
  expect_error<ShapeError>([&] { backward(y, vector({1})); }, "(1,) for (2,)");
  expect_error<DTypeError>([&] { backward(y, ones({2})); }, "f32 for f64");
  backward(y, vector({1, 10}));
  expect_equal(x.grad(), {2, 40});
}

TEST(Backward, WorksOnComputedValues) {
  const Tensor x = requires_grad(vector({1, 2, 3}));
  const Tensor h = exp(x), y = sum(h * x);
  EXPECT_NEAR(y.item<double>(), std::exp(1) + 2 * std::exp(2) + 3 * std::exp(3), 1e-12);
  h.eval();
  backward(y);
  expect_equal(x.grad(), {2 * std::exp(1), 3 * std::exp(2), 4 * std::exp(3)});
}

TEST(Backward, TheGraphIsFreedUnlessItIsKept) {
  const Tensor x = requires_grad(vector({1, 2}));
  const Tensor y = sum(square(x) * x);
  backward(y, {}, {.retain_graph = true});
  backward(y);
  expect_equal(x.grad(), {6, 24});
  expect_error<GradientError>([&] { backward(y); }, "an earlier backward freed it");
  expect_error<GradientError>([&] { backward(y * 2); }, "an earlier backward freed it");
}

TEST(Backward, KeepsNoMemory) {
  const auto step = [] {
    const Tensor x = requires_grad(ones({1000}));
    const Tensor loss = sum(exp(x) * x);
    backward(loss);
    return x.grad().eval(), loss.item<float>();
  };
  step();
  const auto before = memory_stats().in_use;
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(memory_stats().in_use, before);
}

TEST(Backward, Errors) {
  expect_error<DTypeError>([] { requires_grad(arange_int(0, 3)); },
                           "[requires_grad] gradients need a floating dtype: i64");
  expect_error<DTypeError>([] { Variable(arange_int(0, 3), true); }, "gradients need a floating dtype: i64");
  expect_error<GradientError>([] { backward(sum(ones({3}))); }, "requires a gradient");
  expect_error<GradientError>([] { backward(sum(argmax(requires_grad(ones({3}))) * 1.0)); },
                              "requires a gradient");
  expect_error<DTypeError>([] { grad([](const Tensor& x) { return sum(x); })(arange_int(0, 3)); }, "[grad]");
  expect_error<ShapeError>([] { grad([](const Tensor& x) { return x; })(ones({3})); }, "(3,)");
}

TEST(Backward, VariablesCollect) {
  Variable w(vector({1, 2}), true), constant(vector({3, 4}));
  backward(sum(square(w.value()) * constant.value()));
  expect_equal(w.grad(), {6, 16});
  EXPECT_FALSE(constant.grad().defined());
  w.assign(w.value() - w.grad() * 0.5);
  w.zero_grad();
  expect_equal(w.value(), {-2, -6});
  backward(sum(square(w.value())));
  expect_equal(w.grad(), {-4, -12});
  w.set_grad(vector({7, 8}));
  expect_equal(w.grad(), {7, 8});
  expect_error<ShapeError>([&] { w.set_grad(vector({7})); }, "a gradient of shape (1,)");
  expect_error<ValueError>([&] { constant.set_grad(vector({7, 8})); }, "set_requires_grad");
}

TEST(Backward, AssigningWhatWasComputedFromAVariableStartsAnew) {
  Variable w(vector({2}), true);
  for (int i = 0; i < 3; ++i) {
    backward(sum(square(w.value())));
    w.assign(w.value() - w.grad() * 0.25);  // halves it
    w.zero_grad();
  }
  expect_equal(w.value(), {0.25});
}

TEST(Backward, NoGradAndStopGradient) {
  const Tensor x = requires_grad(vector({2}));
  {
    const NoGrad none;
    EXPECT_FALSE((x * 2).requires_grad());
  }
  EXPECT_TRUE((x * 2).requires_grad());
  backward(sum(x * stop_gradient(x)));
  expect_equal(x.grad(), {2});
}

TEST(Backward, GradientsBySomeInputs) {
  const Tensor x = requires_grad(vector({2})), y = requires_grad(vector({3})), z = requires_grad(vector({4}));
  const Tensor h = x * y;
  const std::vector<Tensor> g = gradients(sum(h * h), {h, x, z});
  expect_equal(g[0], {12});
  expect_equal(g[1], {36});
  expect_equal(g[2], {0});
  EXPECT_FALSE(x.grad().defined());
}

TEST(Backward, OfGradients) {
  const Tensor x = requires_grad(vector({2, 3}));
  const Tensor g = gradients(sum(x * x * x), {x}, {}, {.create_graph = true})[0];
  backward(sum(g * g));  // (3 x^2)^2
  expect_equal(x.grad(), {36 * 8, 36 * 27});
}

TEST(Transforms, GradOfGradAndCapturedTensors) {
  const auto f = [](const Tensor& x) { return sum(sin(x)); };
  const Tensor x = vector({0.5});
  expect_equal(grad(f)(x), {std::cos(0.5)});
  const auto df = [&](const Tensor& y) { return sum(grad(f)(y)); };
  expect_equal(grad(df)(x), {-std::sin(0.5)});
  const auto ddf = [&](const Tensor& y) { return sum(grad(df)(y)); };
  expect_equal(grad(ddf)(x), {-std::cos(0.5)});
  // An inner gradient by one variable, an outer by another that it captures (no confusion of the two).
  const auto outer = [](const Tensor& a) {
    return sum(a * grad([&](const Tensor& b) { return sum(a + b); })(vector({1})));
  };
  expect_equal(grad(outer)(vector({5})), {1});
  EXPECT_FALSE(f(x).requires_grad());
}

TEST(Transforms, BackwardThroughAGradientCollectsForVariablesAlone) {
  Variable w(vector({2}), true);
  const Tensor x = requires_grad(vector({3}));
  const auto slope = compile([&](const Tensor& at) {
    const Tensor g = grad([&](const Tensor& y) { return sum(w.value() * square(y)); })(at);
    backward(sum(g));  // 2 w x
    const Tensor result = w.grad();
    w.zero_grad();
    return result;
  });
  expect_equal(slope(vector({3})), {6});
  backward(sum(grad([&](const Tensor& y) { return sum(w.value() * square(y)); })(x)));
  expect_equal(w.grad(), {6});
  expect_equal(x.grad(), {4});
}

TEST(Transforms, ValuesAndSeveralArguments) {
  const auto f = [](const Tensor& a, const Tensor& b) { return sum(a * square(b)); };
  const auto [value, gradients] = value_and_grad(f)(vector({2}), vector({3}));
  EXPECT_FALSE(value.requires_grad());
  expect_equal(value, {18});
  expect_equal(gradients[0], {9});
  expect_equal(gradients[1], {12});
}

TEST(Transforms, VjpJvpJacobian) {
  const auto f = [](const In& x) { return Out{matmul(x[0], x[1]), sin(x[1])}; };
  const Tensor a = Tensor::from_vector<double>({1, 2, 3, 4}, {2, 2}), b = vector({5, 6});
  const Vjp pulled = vjp(f, {a, b});
  EXPECT_FALSE(pulled.outputs[0].requires_grad());
  for (int twice = 0; twice < 2; ++twice) {
    const std::vector<Tensor> g = pulled.pullback({vector({1, 10}), Tensor()});
    expect_equal(g[0], {5, 6, 50, 60});
    expect_equal(g[1], {31, 42});
  }
  const Jvp pushed = jvp(f, {a, b}, {Tensor(), vector({1, 0.5})});
  expect_equal(pushed.tangents[0], {2, 5});
  expect_equal(pushed.tangents[1], {std::cos(5), 0.5 * std::cos(6)});
  const Tensor j = jacobian([&](const Tensor& x) { return matmul(a, x); }, b);
  EXPECT_EQ(j.shape(), (Shape{2, 2}));
  expect_equal(j, {1, 2, 3, 4});
}

TEST(Transforms, Hessians) {
  const auto f = [](const Tensor& x) { return sum(x * x * x) + index(x, 0, 0) * index(x, 0, 1); };
  const Tensor x = vector({1, 2, 3});
  const Tensor h = hessian(f, x);
  EXPECT_EQ(h.shape(), (Shape{3, 3}));
  expect_equal(h, {6, 1, 0, 1, 12, 0, 0, 0, 18});
  expect_equal(hessian_vector_product(f, x, vector({1, 10, 100})), {16, 121, 1800});
}

TEST(Transforms, CustomGradient) {
  const auto twice = custom_gradient(
      [](const In& x) {
        return Out{x[0] * x[1], x[0]};
      },
      [](const In& x, const Out&, const In& g) {
        return Out{g[0] * x[1] * 100 + g[1], Tensor()};
      });
  const auto f = [&](const In& x) { return Out{sum(twice(x)[0]) + sum(twice(x)[1])}; };
  const ValueAndGradients result = value_and_gradients(f, {vector({2}), vector({3})});
  expect_equal(result.value, {8});
  expect_equal(result.gradients[0], {301});
  expect_equal(result.gradients[1], {0});
  const auto wrong = custom_gradient([](const In& x) { return x; },
                                     [](const In&, const Out&, const In&) {
                                       return Out{vector({1, 2})};
                                     });
  expect_error<ShapeError>([&] { grad([&](const Tensor& x) { return sum(wrong({x})[0]); })(vector({1})); },
                           "[custom_gradient] a gradient of shape (2,) for a tensor of shape (1,)");
}

TEST(Transforms, CheckpointGivesTheSame) {
  Variable w(vector({0.3, 0.7}), true);
  const Tensor captured = requires_grad(vector({1.5, 2.5}));
  const TensorFunction inner = [&](const In& x) {
    const Tensor noise = uniform({2}, 0, 1, DType::F64);
    return Out{exp(x[0] * w.value()) * captured + noise * x[0]};
  };
  std::vector<std::vector<double>> results;
  for (const bool checkpointed : {false, true}) {
    manual_seed(3);
    w.zero_grad();
    captured.zero_grad();
    const Tensor x = requires_grad(vector({1, 2}));
    const TensorFunction f = checkpointed ? checkpoint(checkpoint(inner)) : inner;
    const Tensor loss = sum(square(f({square(x)})[0]));
    backward(loss);
    for (const Tensor& t : {loss, x.grad(), w.grad(), captured.grad()}) results.push_back(t.to_vector<double>());
  }
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(results[i], results[i + 4]) << i;
}

// A chain of layers whose activations are stored, or computed again: less memory at the peak.
TEST(Transforms, CheckpointSavesMemory) {
  constexpr int kLayers = 16;
  const Tensor x = zeros({1 << 16}).eval() + 0.5f;
  const auto layer = checkpoint([](const In& in) {
    Tensor h = in[0];
    for (int i = 0; i < 4; ++i) h = cumsum(sin(h), 0) * 1e-3;
    return Out{h};
  });
  const auto plain = [](const In& in) {
    Tensor h = in[0];
    for (int i = 0; i < 4; ++i) h = cumsum(sin(h), 0) * 1e-3;
    return Out{h};
  };
  const auto peak = [&](const TensorFunction& f) {
    const auto step = compile([&](const Tensor& t) {
      const auto loss = [&](const Tensor& s) {
        Tensor h = s;
        for (int i = 0; i < kLayers; ++i) h = f({h})[0];
        return sum(h);
      };
      return grad(loss)(t);
    });
    x.eval();
    reset_peak_memory();
    const auto before = memory_stats().in_use;
    step(x).eval();
    return memory_stats().peak - before;
  };
  const auto stored = peak(plain), again = peak(layer);
  EXPECT_LT(again * 2, stored);
}

TEST(Transforms, AnomalyModeNamesTheOperation) {
  const DetectAnomaly detect;
  const Tensor x = requires_grad(vector({0, 1}));
  expect_error<ValueError>([&] { log(x * 0 - 1); }, "[anomaly] log gives NaN");
  expect_error<ValueError>([&] { backward(sum(sqrt(x))); }, "in the gradient of sqrt");
}

TEST(CompiledGradients, TrainsAVariable) {
  Variable w(vector({1, 2}), true);
  const auto step = compile([&](const Tensor& x) {
    const Tensor loss = sum(square(w.value() * x));
    backward(loss);
    w.assign(w.value() - w.grad() * 0.1);
    w.zero_grad();
    return loss;
  });
  double a = 1, b = 2;
  for (int i = 0; i < 4; ++i) {
    expect_equal(step(vector({1, 2})), {a * a + 4 * b * b});
    a -= 0.2 * a;
    b -= 0.8 * b;
  }
  expect_equal(w.value(), {a, b});
  EXPECT_FALSE(w.grad().defined());
}

TEST(CompiledGradients, MustBeUsedInside) {
  Variable w(vector({1}), true);
  const auto step = compile([&](const Tensor& x) {
    const Tensor loss = sum(w.value() * x);
    backward(loss);
    return loss;
  });
  expect_error<ValueError>([&] { step(vector({1})); }, "1 gradients are left");
  EXPECT_FALSE(w.grad().defined());
  backward(sum(w.value()));
  const auto other = compile([&](const Tensor& x) {
    backward(sum(w.value() * x));
    w.zero_grad();
    return x;
  });
  expect_error<GradientError>([&] { other(vector({1})); }, "call zero_grad()");
}

// A weight of either orientation, and the left factor: their gradients lie as they do, so that nothing is
// transposed when an optimizer reads both. Values are those of the products' rule, element by element.
TEST(Backward, GradientsOfFactorsLieAsTheFactorsDo) {
  const Tensor x = randn({5, 3}, DType::F64), g = randn({5, 4}, DType::F64);
  for (const bool transposed : {false, true}) {
    Variable w(randn(transposed ? Shape{4, 3} : Shape{3, 4}, DType::F64), true);
    const Tensor used = transposed ? transpose(w.value()) : w.value();
    backward(sum(matmul(x, used) * g));
    const Tensor gradient = w.grad();
    gradient.eval();
    EXPECT_EQ(gradient.strides(), w.value().strides()) << transposed;
    const std::vector<double> got = gradient.to_vector<double>(), xs = x.to_vector<double>(),
                              gs = g.to_vector<double>();
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 4; ++j) {
        double wanted = 0;
        for (int p = 0; p < 5; ++p) wanted += xs[p * 3 + i] * gs[p * 4 + j];
        EXPECT_NEAR(got[transposed ? j * 3 + i : i * 4 + j], wanted, 1e-13);
      }
    }
  }
  Variable a(randn({3, 5}, DType::F64), true);
  backward(sum(matmul(transpose(a.value()), randn({3, 4}, DType::F64)) * g));
  a.grad().eval();
  EXPECT_EQ(a.grad().strides(), a.value().strides());
}

TEST(CompiledGradients, FlowThroughACompiledFunction) {
  const auto f = compile([](const Tensor& x) { return square(x); });
  expect_equal(grad([&](const Tensor& x) { return sum(f(x)); })(vector({3})), {6});
}

}  // namespace
}  // namespace nngpu
