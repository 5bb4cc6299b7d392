// Mixed precision: which operation computes in what, and training in half types.
#include "nngpu/amp.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/convolution.h"
#include "nngpu/nn/layers.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

TEST(Autocast, ProductsComputeInTheScopesType) {
  const Tensor a = randn({3, 4}), b = randn({4, 5}), v = randn({4});
  for (const DType low : {DType::BF16, DType::F16}) {
    const Autocast scope(low);
    EXPECT_EQ(matmul(a, b).dtype(), low);
    EXPECT_EQ(matmul(cast(a, DType::F16), b).dtype(), low);
    EXPECT_EQ(dot(v, v).dtype(), low);
    EXPECT_EQ(einsum("ij,jk->ik", {a, b}).dtype(), low);
    EXPECT_EQ(conv2d(randn({1, 2, 5, 5}), randn({3, 2, 3, 3}), randn({3}), {}).dtype(), low);
    EXPECT_EQ(matmul(cast(a, DType::F64), cast(b, DType::F64)).dtype(), DType::F64);
    EXPECT_EQ(matmul(a, cast(b, DType::F64)).dtype(), DType::F64);
    EXPECT_EQ(matmul(cast(a, DType::I32), cast(b, DType::I32)).dtype(), DType::I32);
    // What a cast before the product gives.
    EXPECT_EQ(matmul(a, b).to_vector<float>(), [&] {
      const Autocast none(low, false);
      return matmul(cast(a, low), cast(b, low)).to_vector<float>();
    }());
  }
  EXPECT_EQ(matmul(a, b).dtype(), DType::F32);
}

TEST(Autocast, LayersKeepTheirProductsType) {
  const nn::Linear layer(4, 3);
  const nn::Bilinear pairs(4, 4, 3);
  const Tensor x = randn({2, 4});
  EXPECT_EQ(layer(x).dtype(), DType::F32);
  const Autocast scope;
  EXPECT_EQ(layer(x).dtype(), DType::BF16);
  EXPECT_EQ(pairs(x, x).dtype(), DType::BF16);
  backward(sum(layer(x)));
  EXPECT_EQ(layer.bias.grad().dtype(), DType::F32);
}

TEST(Autocast, FunctionsThatNeed32BitsGetThem) {
  const Tensor x = cast(rand({4, 6}) * 0.5 + 0.25, DType::BF16);
  const Autocast scope;
  const std::vector<std::pair<const char*, Tensor>> wide = {{"exp", exp(x)},
                                                            {"exp2", exp2(x)},
                                                            {"expm1", expm1(x)},
                                                            {"log", log(x)},
                                                            {"log2", log2(x)},
                                                            {"log10", log10(x)},
                                                            {"log1p", log1p(x)},
                                                            {"pow", pow(x, x)},
                                                            {"pow 3", pow(x, 3)},
                                                            {"reciprocal", reciprocal(x)},
                                                            {"rsqrt", rsqrt(x)},
                                                            {"tan", tan(x)},
                                                            {"asin", asin(x)},
                                                            {"acos", acos(x)},
                                                            {"sinh", sinh(x)},
                                                            {"cosh", cosh(x)},
                                                            {"asinh", asinh(x)},
                                                            {"acosh", acosh(x)},
                                                            {"atanh", atanh(x)},
                                                            {"erf", erf(x)},
                                                            {"erfc", erfc(x)},
                                                            {"lgamma", lgamma(x)},
                                                            {"softmax", softmax(x)},
                                                            {"log_softmax", log_softmax(x)},
                                                            {"logsumexp", logsumexp(x)},
                                                            {"sum", sum(x)},
                                                            {"mean", mean(x, 1)},
                                                            {"var", var(x, 1)},
                                                            {"stddev", stddev(x)},
                                                            {"prod", prod(x)},
                                                            {"norm", norm(x)},
                                                            {"cumsum", cumsum(x, 0)},
                                                            {"cumprod", cumprod(x, 0)}};
  for (const auto& [name, y] : wide) EXPECT_EQ(y.dtype(), DType::F32) << name;
  const std::vector<std::pair<const char*, Tensor>> same = {
      {"add", x + x},          {"number", x * 2},
      {"relu", relu(x)},       {"tanh", tanh(x)},
      {"sigmoid", sigmoid(x)}, {"gelu", gelu(x)},
      {"silu", silu(x)},       {"sqrt", sqrt(x)},
      {"square", square(x)},   {"maximum", maximum(x, x)},
      {"max", max(x)},         {"abs", abs(x)},
      {"sin", sin(x)},         {"where", where(x > 0, x, x)}};
  for (const auto& [name, y] : same) EXPECT_EQ(y.dtype(), DType::BF16) << name;
  EXPECT_EQ((x + cast(x, DType::F32)).dtype(), DType::F32) << "promoted";
  EXPECT_EQ(exp(cast(x, DType::F64)).dtype(), DType::F64);
  EXPECT_EQ(sum(cast(x, DType::I32)).dtype(), DType::I64);
}

TEST(Autocast, ScopesNest) {
  EXPECT_FALSE(autocast_dtype());
  {
    const Autocast outer(DType::F16);
    EXPECT_EQ(autocast_dtype(), DType::F16);
    {
      const Autocast off(DType::F16, false);
      EXPECT_FALSE(autocast_dtype());
      const Autocast inner(DType::BF16);
      EXPECT_EQ(autocast_dtype(), DType::BF16);
    }
    EXPECT_EQ(autocast_dtype(), DType::F16);
  }
  EXPECT_FALSE(autocast_dtype());
  EXPECT_THROW(Autocast scope(DType::F32), DTypeError);
}

TEST(Autocast, IsPartOfACompiledFunctionsKey) {
  int traces = 0;
  const auto f = compile([&](const Tensor& a) {
    ++traces;
    return matmul(a, a);
  });
  const Tensor a = randn({3, 3}).eval();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(f(a).dtype(), DType::F32);
    {
      const Autocast scope(DType::BF16);
      EXPECT_EQ(f(a).dtype(), DType::BF16);
    }
    const Autocast scope(DType::F16);
    EXPECT_EQ(f(a).dtype(), DType::F16);
  }
  EXPECT_EQ(traces, 3);
}

TEST(Autocast, GradientsFlowThroughTheCasts) {
  const Tensor a0 = randn({5, 7}).eval(), b0 = randn({7, 3}).eval();
  const Variable a(a0, true), b(b0, true);
  const Autocast scope;  // around backward(), too
  backward(sum(exp(matmul(a.value(), b.value()) * 0.1)));
  EXPECT_EQ(a.grad().dtype(), DType::F32);
  const Autocast off(DType::BF16, false);
  const Tensor g = exp(matmul(a0, b0) * 0.1) * 0.1, want = matmul(g, transpose(b0));
  const double error = max(abs(a.grad() - want)).item<double>() / max(abs(want)).item<double>();
  EXPECT_LT(error, 0.03);
  EXPECT_GT(error, 0) << "the products were not rounded";
}

// --- Training -------------------------------------------------------------------------------------------------

// A small regression. The loss after 60 steps.
struct Regression {
  Tensor x, y;
  Variable w1, b1, w2;
  optim::Adam optimizer;

  explicit Regression(DType parameters = DType::F32)
      : x(randn({64, 8}, DType::F32, Generator(1)).eval()),
        y(sin(sum(x, 1, true)).eval()),
        w1(cast(randn({8, 32}, DType::F32, Generator(2)) * 0.35, parameters).eval(), true),
        b1(zeros({32}, parameters).eval(), true),
        w2(cast(randn({32, 1}, DType::F32, Generator(3)) * 0.17, parameters).eval(), true),
        optimizer({w1, b1, w2}, {.lr = 0.01}) {}

  Tensor loss() const {
    const Tensor hidden = tanh(matmul(x, w1.value()) + b1.value());
    return mean(square(matmul(hidden, w2.value()) - y));
  }
  double exact_loss() const {
    const NoGrad none;
    const auto wide = [](const Variable& v) { return cast(v.value(), DType::F32); };
    const Tensor hidden = tanh(matmul(x, wide(w1)) + wide(b1));
    return mean(square(matmul(hidden, wide(w2)) - y)).item<double>();
  }
};

double trained(std::optional<DType> low, bool scaled, bool compiled, DType parameters = DType::F32) {
  Regression r(parameters);
  GradScaler scaler({.init_scale = 1024, .growth_interval = 20, .enabled = scaled});
  const auto step = [&](const Tensor&) {
    Tensor loss;
    {
      const Autocast scope(low.value_or(DType::BF16), low.has_value());
      loss = r.loss();
    }
    backward(scaler.scale(loss));
    scaler.step(r.optimizer);
    scaler.update();
    r.optimizer.zero_grad();
    return loss;
  };
  const auto replayed = compile(step);
  const Tensor none(0);
  for (int i = 0; i < 60; ++i) (compiled ? replayed(none) : step(none)).eval();
  if (scaled) {
    EXPECT_EQ(scaler.scale_variable().value().item<double>(), 8192) << "grown three times";
  }
  return r.exact_loss();
}

TEST(MixedPrecision, ReachesTheLossOfF32) {
  const double start = Regression().exact_loss(), want = trained(std::nullopt, false, false);
  EXPECT_LT(want, 0.3 * start);
  for (const bool compiled : {false, true}) {
    EXPECT_NEAR(trained(DType::BF16, false, compiled), want, 0.1 * want + 0.01);
    EXPECT_NEAR(trained(DType::F16, true, compiled), want, 0.05 * want + 0.005);
    EXPECT_NEAR(trained(DType::BF16, true, compiled, DType::BF16), want, 0.1 * want + 0.01) << "master weights";
  }
}

TEST(GradScaler, SkipsAStepThatOverflowsAndHalvesTheScale) {
  for (const bool compiled : {false, true}) {
    Variable w(ones({3}, DType::F32), true), v(ones({2}, DType::F32), true);
    optim::Adam optimizer({w, v}, {.lr = 0.1});
    GradScaler scaler({.init_scale = 8, .growth_interval = 2});
    const auto step = [&](const Tensor& factor) {
      backward(scaler.scale(sum(w.value() * factor) + sum(v.value())));
      scaler.step(optimizer);
      scaler.update();
      optimizer.zero_grad();
      return factor;
    };
    const auto replayed = compile(step);
    const auto run = [&](double factor) {
      const Tensor f = full({}, factor).eval();
      compiled ? replayed(f) : step(f);
      return scaler.scale_variable().value().item<double>();
    };
    EXPECT_EQ(run(1), 8);
    EXPECT_EQ(scaler.growth_tracker().value().item<int>(), 1);
    std::vector<std::vector<double>> before;
    const auto everything = [&] {
      std::vector<std::vector<double>> values = {w.value().to_vector<double>(), v.value().to_vector<double>()};
      for (const auto& [name, variable] : optimizer.state())
        values.push_back(variable.value().to_vector<double>());
      return values;
    };
    before = everything();
    EXPECT_NEAR(before[0][0], 0.9, 1e-6);
    EXPECT_EQ(run(INFINITY), 4);
    EXPECT_EQ(run(std::nan("")), 2);
    EXPECT_EQ(everything(), before) << "skipped";
    EXPECT_EQ(scaler.growth_tracker().value().item<int>(), 0);
    EXPECT_EQ(run(1), 2);
    EXPECT_EQ(run(1), 4) << "grows after two good steps";
    EXPECT_LT(w.value().to_vector<double>()[0], before[0][0]);
  }
}

TEST(GradScaler, UnscalesForClippingOnce) {
  Variable w(ones({4}), true);
  optim::SGD optimizer({w}, {.lr = 1});
  GradScaler scaler({.init_scale = 16});
  backward(scaler.scale(sum(w.value() * 3)));
  EXPECT_EQ(w.grad().to_vector<float>()[0], 48);
  scaler.unscale_(optimizer);
  EXPECT_EQ(w.grad().to_vector<float>()[0], 3);
  EXPECT_THROW(scaler.unscale_(optimizer), ValueError);
  EXPECT_NEAR(optim::clip_grad_norm_({w}, 1).item<double>(), 6, 1e-6);
  scaler.step(optimizer);
  EXPECT_THROW(scaler.step(optimizer), ValueError);
  EXPECT_NEAR(w.value().to_vector<double>()[0], 0.5, 1e-5);
  scaler.update();
  EXPECT_THROW(scaler.update(), ValueError);
  EXPECT_THROW(GradScaler({.growth_factor = 1}), ValueError);
  EXPECT_THROW(GradScaler({.backoff_factor = 1}), ValueError);
}

TEST(GradScaler, SwitchedOffDoesNothing) {
  Variable w(ones({4}), true);
  optim::SGD optimizer({w}, {.lr = 1});
  GradScaler scaler({.enabled = false});
  backward(scaler.scale(sum(w.value())));
  scaler.step(optimizer);
  scaler.update();
  EXPECT_EQ(w.value().to_vector<float>()[0], 0);
}

}  // namespace
}  // namespace nngpu
