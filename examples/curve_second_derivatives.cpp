// Fitting a curve by its second derivative: a network u(t) that solves u'' = -u with u(0) = 0 and u'(0) = 1, which
// is the sine. The loss holds derivatives of the network by its input, and is itself differentiated by the
// parameters.
#include <cmath>
#include <cstdio>

#include "nngpu/nngpu.h"

namespace ng = nngpu;
namespace nn = nngpu::nn;

int main() {
  ng::manual_seed(2);
  const auto model =
      nn::Sequential(nn::Linear(1, 32), nn::Tanh(), nn::Linear(32, 32), nn::Tanh(), nn::Linear(32, 1));
  // The conditions at 0 hold by construction: u(t) = t + t^2 N(t).
  const auto u = [&](const ng::Tensor& t) { return t + ng::square(t) * model(t); };
  const auto du = ng::grad([&](const ng::Tensor& t) { return ng::sum(u(t)); });
  const auto ddu = ng::grad([&](const ng::Tensor& t) { return ng::sum(du(t)); });

  ng::optim::Adam optimizer(model.parameters(), {.lr = 1e-2});
  ng::optim::CosineAnnealingLR schedule(optimizer, {.T_max = 1500});
  const auto step = ng::compile([&](const ng::Tensor& t) {
    const ng::Tensor loss = ng::mean(ng::square(ddu(t) + u(t)));
    ng::backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  });
  const ng::Tensor t = ng::reshape(ng::linspace(0, 3, 64), {64, 1}).eval();
  for (int i = 0; i < 1500; ++i) {
    const ng::Tensor loss = step(t);
    schedule.step();
    if (i % 300 == 0) std::printf("step %4d  residual %.2e\n", i, loss.item<double>());
  }
  const double error = ng::max(ng::abs(u(t) - ng::sin(t))).item<double>();
  std::printf("largest error against sin(t) on [0, 3]: %.2e\n", error);
  return error < 1e-2 ? 0 : 1;
}
