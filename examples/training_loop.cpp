// A training loop of one's own: mini-batches, clipped gradients, a schedule with warm-up, averaged weights,
// validation. The step is compiled once; learning rate and batch are its run-time inputs.
#include <cmath>
#include <cstdio>

#include "nngpu/nngpu.h"

namespace ng = nngpu;
namespace nn = nngpu::nn;
namespace optim = nngpu::optim;

namespace {

// Noisy samples of a surface.
struct Data {
  ng::Tensor x, y;
};
Data sample(int64_t n, uint64_t seed) {
  ng::Generator generator(seed);
  const ng::Tensor x = ng::uniform({n, 2}, -2, 2, ng::DType::F32, generator);
  const ng::Tensor a = ng::index(x, 1, 0), b = ng::index(x, 1, 1);
  const ng::Tensor y = ng::sin(a * 2) * ng::cos(b) + ng::randn({n}, ng::DType::F32, generator) * 0.02;
  return {x.eval(), ng::expand_dims(y, 1).eval()};
}

}  // namespace

int main() {
  ng::manual_seed(3);
  constexpr int64_t kSamples = 2048, kBatch = 128, kEpochs = 30, kSteps = kEpochs * (kSamples / kBatch);
  const Data train = sample(kSamples, 1), valid = sample(512, 2);
  const auto model =
      nn::Sequential(nn::Linear(2, 64), nn::SiLU(), nn::Linear(64, 64), nn::SiLU(), nn::Linear(64, 1));
  optim::AdamW optimizer(model.parameters(), {.lr = 1e-2});
  optim::OneCycleLR schedule(optimizer, {.max_lr = 1e-2, .total_steps = kSteps});
  optim::ExponentialMovingAverage average(model.parameters(), 0.98);

  const auto step = ng::compile([&](const ng::Tensor& x, const ng::Tensor& y) {
    const ng::Tensor loss = nn::mse_loss(model(x), y);
    ng::backward(loss);
    const ng::Tensor norm = optim::clip_grad_norm_(model.parameters(), 1.0);
    optimizer.step();
    optimizer.zero_grad();
    average.update();
    return std::pair(loss, norm);
  });
  const auto validate = ng::compile([&](const ng::Tensor& x, const ng::Tensor& y) {
    const ng::NoGrad inference;
    return nn::mse_loss(model(x), y);
  });

  ng::Generator shuffle(5);
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const ng::Tensor order = ng::permutation(kSamples, shuffle);
    ng::Tensor total = ng::Tensor(0.0);
    for (int64_t i = 0; i < kSamples; i += kBatch) {
      const ng::Tensor rows = ng::slice(order, 0, i, i + kBatch);
      const auto [loss, norm] = step(ng::take(train.x, rows), ng::take(train.y, rows));
      total = total + loss;
      schedule.step();
    }
    if (epoch % 10 != 9) continue;
    average.apply();  // the averaged weights take the place of the trained ones
    const double held_out = validate(valid.x, valid.y).item<double>();
    average.restore();
    std::printf("epoch %2lld  training %.5f  held out %.5f  learning rate %.1e\n",
                static_cast<long long>(epoch + 1), total.item<double>() * kBatch / kSamples, held_out,
                optimizer.lr());
    if (epoch == kEpochs - 1) return held_out < 0.01 ? 0 : 1;
  }
  return 1;
}
