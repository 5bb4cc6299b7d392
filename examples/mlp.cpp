// A network in forty lines: two interleaved spirals, told apart by a perceptron with two hidden layers.
#include <cmath>
#include <cstdio>

#include "nngpu/nngpu.h"

namespace ng = nngpu;
namespace nn = nngpu::nn;

int main() {
  ng::manual_seed(0);
  // 1,000 points: the radius grows with the angle, and the second spiral is the first one turned by half a circle.
  const int64_t n = 1000;
  const ng::Tensor label = ng::arange_int(0, n) % 2;
  const ng::Tensor radius = ng::sqrt(ng::rand({n})) * 3;
  const ng::Tensor angle = radius * 2 + ng::cast(label, ng::DType::F32) * M_PI;
  const ng::Tensor points =
      ng::stack({radius * ng::cos(angle), radius * ng::sin(angle)}, 1) + ng::randn({n, 2}) * 0.05;
  ng::eval({points, label});

  const auto model =
      nn::Sequential(nn::Linear(2, 64), nn::ReLU(), nn::Linear(64, 64), nn::ReLU(), nn::Linear(64, 2));
  ng::optim::Adam optimizer(model.parameters(), {.lr = 1e-2});

  // Forward, backward and update are one plan, traced at the first call and replayed at the others.
  const auto step = ng::compile([&](const ng::Tensor& x, const ng::Tensor& y) {
    const ng::Tensor loss = nn::cross_entropy(model(x), y);
    ng::backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  });
  for (int i = 0; i < 300; ++i) {
    const ng::Tensor loss = step(points, label);
    if (i % 50 == 0) std::printf("step %3d  loss %.4f\n", i, loss.item<double>());
  }

  const ng::NoGrad inference;
  const double accuracy = ng::mean(ng::argmax(model(points), 1) == label).item<double>();
  std::printf("accuracy %.3f\n", accuracy);
  return accuracy > 0.98 ? 0 : 1;
}
