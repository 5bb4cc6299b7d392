// A layer of one's own: random Fourier features (Tancik et al., 2020) with learnt amplitudes, which let a small
// network learn a curve that oscillates. What the layer registers is found by the optimizer, by save() and by
// summary().
#include <cmath>
#include <cstdio>
#include <iostream>

#include "nngpu/nngpu.h"

namespace ng = nngpu;
namespace nn = nngpu::nn;

namespace {

struct FourierFeatures : nn::Module {
  ng::Variable frequencies, amplitude;

  FourierFeatures(int64_t inputs, int64_t features, double scale)
      : frequencies(register_buffer("frequencies", ng::randn({inputs, features}) * scale)),
        amplitude(register_parameter("amplitude", ng::ones({2 * features}))) {}

  ng::Tensor forward(const ng::Tensor& x) const override {
    const ng::Tensor phase = ng::matmul(x, frequencies.value());
    return ng::concatenate({ng::sin(phase), ng::cos(phase)}, -1) * amplitude.value();
  }
};

struct Net : nn::Module {
  FourierFeatures features = register_module("features", FourierFeatures(1, 32, 6.0));
  nn::Linear hidden = register_module("hidden", nn::Linear(64, 64));
  nn::Linear out = register_module("out", nn::Linear(64, 1));

  ng::Tensor forward(const ng::Tensor& x) const override { return out(ng::gelu(hidden(features(x)))); }
};

}  // namespace

int main() {
  ng::manual_seed(1);
  const ng::Tensor x = ng::reshape(ng::linspace(-1, 1, 256), {256, 1});
  const ng::Tensor y = ng::sin(x * 20) * ng::exp(-ng::square(x) * 2);
  ng::eval({x, y});

  const Net net;
  std::cout << nn::summary(net, {256, 1});
  ng::optim::AdamW optimizer(net.parameters(), {.lr = 3e-3});
  const auto step = ng::compile([&](const ng::Tensor& input, const ng::Tensor& target) {
    const ng::Tensor loss = nn::mse_loss(net(input), target);
    ng::backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  });
  double loss = 0;
  for (int i = 0; i < 400; ++i) loss = step(x, y).item<double>();
  std::printf("mean squared error %.2e\n", loss);
  return loss < 1e-3 ? 0 : 1;
}
