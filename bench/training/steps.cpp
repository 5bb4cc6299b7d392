#include "steps.h"

#include <memory>
#include <stdexcept>

#include "nngpu/amp.h"
#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/nn.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"

namespace nngpu::bench {
namespace {

using Loss = Tensor (*)(const Tensor& prediction, const Tensor& target);

Tensor classes(const Tensor& prediction, const Tensor& target) { return nn::cross_entropy(prediction, target); }

// Of the token after each.
Tensor tokens(const Tensor& logits, const Tensor& target) {
  return nn::cross_entropy(reshape(logits, {target.numel(), logits.shape()[2]}),
                           reshape(target, {target.numel()}));
}

Tensor squares(const Tensor& prediction, const Tensor& target) { return nn::mse_loss(prediction, target); }

// Forward, backward and update as one compiled function; the forward pass under autocast where `bf16`.
template <class Model, class Optimizer>
Step compiled(const Model& model, Loss loss_of, Optimizer optimizer, bool bf16 = false) {
  auto update = std::make_shared<Optimizer>(std::move(optimizer));
  auto step = compile([model, loss_of, update, bf16](const Tensor& x, const Tensor& y) {
    Tensor loss;
    {
      const Autocast scope(DType::BF16, bf16);
      loss = loss_of(model(x), y);
    }
    backward(loss);
    update->step();
    update->zero_grad();
    return loss;
  });
  return {step, model.parameter_count()};
}

Step mlp() {
  const nn::Sequential model(nn::Linear(784, 512), nn::ReLU(), nn::Linear(512, 512), nn::ReLU(),
                             nn::Linear(512, 10));
  return compiled(model, classes, optim::Adam(model.parameters(), {.lr = 1e-3}));
}

Step lenet() {
  const nn::Sequential model(nn::Conv2d(1, 6, {.kernel = 5, .padding = 2}), nn::ReLU(), nn::MaxPool2d(2),
                             nn::Conv2d(6, 16, {.kernel = 5}), nn::ReLU(), nn::MaxPool2d(2), nn::Flatten(),
                             nn::Linear(400, 120), nn::ReLU(), nn::Linear(120, 84), nn::ReLU(),
                             nn::Linear(84, 10));
  return compiled(model, classes, optim::Adam(model.parameters(), {.lr = 1e-3}));
}

Step tiny() {
  const nn::Sequential model(nn::Linear(16, 32), nn::ReLU(), nn::Linear(32, 4));
  return compiled(model, classes, optim::SGD(model.parameters(), {.lr = 1e-2}));
}

Step resnet() {
  const auto model = nn::models::resnet18({.classes = 10, .small_images = true});
  return compiled(model, classes, optim::SGD(model.parameters(), {.lr = 1e-2, .momentum = 0.9}));
}

Step encoder() {
  const nn::TransformerEncoderLayer model(256, 8, {.feed_forward = 1024, .dropout = 0, .activation = gelu});
  return compiled(model, squares, optim::AdamW(model.parameters(), {.lr = 1e-3, .weight_decay = 0.01}));
}

Step resnet224() {
  const auto model = nn::models::resnet18();
  return compiled(model, classes, optim::SGD(model.parameters(), {.lr = 1e-2, .momentum = 0.9}), true);
}

Step gpt_in(bool bf16) {
  const auto model = nn::models::gpt({.vocabulary = 65, .context = 256, .layers = 6, .heads = 6, .size = 384});
  return compiled(model, tokens, optim::AdamW(model.parameters(), {.lr = 1e-3, .weight_decay = 0.01}), bf16);
}
Step gpt() { return gpt_in(false); }
Step gpt_bf16() { return gpt_in(true); }

const std::pair<const char*, Step (*)()> kSteps[] = {
    {"mlp", mlp},         {"lenet", lenet},         {"tiny", tiny}, {"resnet", resnet},
    {"encoder", encoder}, {"resnet224", resnet224}, {"gpt", gpt},   {"gpt_bf16", gpt_bf16}};

}  // namespace

std::vector<std::string> step_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : kSteps) names.emplace_back(name);
  return names;
}

Step make_step(const std::string& name) {
  for (const auto& [known, make] : kSteps) {
    if (name == known) return make();
  }
  throw std::invalid_argument("no step is called " + name);
}

}  // namespace nngpu::bench
