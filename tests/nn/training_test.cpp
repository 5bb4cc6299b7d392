// Training is reproducible: the same seed gives the same losses, bit by bit and for every number of threads, and
// the same ones up to rounding in another precision and on another device.
#include <gtest/gtest.h>

#include <cmath>

#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/nn.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"

namespace nngpu::nn {
namespace {

// Images, made patches by a convolution, attend to each other: dropout, batch normalization, convolution,
// attention.
struct Net : Module {
  explicit Net(Generator generator)
      : conv(register_module("conv",
                             Conv2d(2, 8, {.kernel = 3, .stride = 2, .padding = 1, .generator = generator}))),
        bn(register_module("bn", BatchNorm2d(8))),
        attention(
            register_module("attention", MultiHeadAttention(8, 2, {.dropout = 0.1, .generator = generator}))),
        norm(register_module("norm", LayerNorm(8))),
        dropout(register_module("dropout", Dropout(0.2, generator))),
        head(register_module("head", Linear(32, 3, {.generator = generator}))) {}

  Tensor forward(const Tensor& x) const override {  // (n, 2, 4, 4)
    Tensor y = swapaxes(reshape(gelu(bn(conv(x))), {-1, 8, 4}), 1, 2);
    y = norm(y + attention(y));
    return head(flatten(dropout(y), 1));
  }

 private:
  Conv2d conv;
  BatchNorm2d bn;
  MultiHeadAttention attention;
  LayerNorm norm;
  Dropout dropout;
  Linear head;
};

struct Recipe {
  DType dtype = DType::F32;
  Device device = default_device();
  int steps = 100;
  bool compiled = true;
};

// The losses of so many steps; everything random comes from one seed, and is drawn in f32.
std::vector<double> losses(const Recipe& run) {
  struct Restore {
    Device before = default_device();
    ~Restore() { set_default_device(before); }
  } restore;
  set_default_device(run.device);
  Generator generator(2024);
  const Tensor x = cast(randn({16, 2, 4, 4}, DType::F32, generator), run.dtype);
  const Tensor y = randint(0, 3, {16}, DType::I64, generator);
  const Net net(generator);
  net.to(run.dtype);
  optim::AdamW optimizer(net.parameters(), {.lr = 3e-3});
  const auto step = [&](const Tensor& inputs, const Tensor& labels) {
    const Tensor loss = cross_entropy(net(inputs), labels);
    backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  };
  const auto replay = compile(step);
  std::vector<double> result;
  for (int i = 0; i < run.steps; ++i) {
    result.push_back((run.compiled ? replay(x, y) : step(x, y)).item<double>());
  }
  return result;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]) / std::abs(b[i]));
  return most;
}

bool on_cpu() { return default_device().type == DeviceType::CPU; }

TEST(Reproducibility, TheSameSeedGivesTheSameLosses) {
  for (const bool compiled : {true, false}) {
    const Recipe run{.compiled = compiled};
    const std::vector<double> first = losses(run);
    EXPECT_EQ(first, losses(run));
    EXPECT_LT(first.back(), first.front());
  }
}

TEST(Reproducibility, ThreadsDoNotChangeTheLosses) {
  if (!on_cpu()) GTEST_SKIP() << "about the CPU's threads";
  const int before = num_threads();
  std::vector<std::vector<double>> results;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    results.push_back(losses({}));
  }
  set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(Reproducibility, SinglePrecisionStaysWithDouble) {
  Recipe run;
  const std::vector<double> single = losses(run);
  run.dtype = DType::F64;
  EXPECT_LT(largest_difference(single, losses(run)), 1e-3);
}

TEST(Reproducibility, DevicesAgree) {
  if (on_cpu()) GTEST_SKIP() << "compares a GPU with the CPU: NNGPU_DEVICE names one";
  Recipe run;
  for (const DType dtype : {DType::F32, DType::F64}) {
    run.dtype = dtype;
    run.device = default_device();
    const std::vector<double> here = losses(run);
    run.device = {DeviceType::CPU, 0};
    EXPECT_LT(largest_difference(here, losses(run)), dtype == DType::F32 ? 1e-3 : 1e-9) << dtype_name(dtype);
  }
}

}  // namespace
}  // namespace nngpu::nn
