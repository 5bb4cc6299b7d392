#include <algorithm>
#include <cmath>

#include "core/fail.h"
#include "graph/node.h"
#include "nngpu/amp.h"
#include "nngpu/autograd.h"
#include "nngpu/ops.h"

namespace nngpu {
namespace {

// Whether a gradient has a NaN or infinity.
Tensor any_not_finite(const optim::Optimizer& optimizer) {
  std::vector<Tensor> found;
  for (size_t i = 0; i < optimizer.group_count(); ++i) {
    for (const Variable& parameter : optimizer.parameters(i)) {
      const Tensor gradient = parameter.grad();
      if (gradient.defined()) found.push_back(any(logical_not(isfinite(gradient))));
    }
  }
  if (found.empty()) return full({}, 0, DType::Bool, optimizer.parameters()[0].device());
  return found.size() == 1 ? found[0] : any(stack(found));
}

}  // namespace

GradScaler::GradScaler(const GradScalerOptions& options, Device device) : options_(options) {
  if (!(options.init_scale > 0 && std::isfinite(options.init_scale)))
    fail<ValueError>("GradScaler", "init_scale must be positive and finite: ", options.init_scale);
  if (!(options.growth_factor > 1))
    fail<ValueError>("GradScaler", "growth_factor must be above 1: ", options.growth_factor);
  if (!(options.backoff_factor > 0 && options.backoff_factor < 1))
    fail<ValueError>("GradScaler", "backoff_factor must be between 0 and 1: ", options.backoff_factor);
  if (options.growth_interval < 1)
    fail<ValueError>("GradScaler", "growth_interval must be positive: ", options.growth_interval);
  scale_ = Variable(full({}, options.init_scale, DType::F32, device).eval());
  tracker_ = Variable(full_int({}, 0, DType::I32, device).eval());
}

Tensor GradScaler::scale(const Tensor& loss) const {
  graph::require_defined("GradScaler", loss);
  if (!is_floating(loss.dtype())) fail<DTypeError>("GradScaler", "needs a floating loss: ", loss.dtype());
  if (!options_.enabled) return loss;
  require_device(loss.device());
  return loss * cast(scale_.value(), promote(loss.dtype(), DType::F32));
}

void GradScaler::require_device(Device device) const {
  if (device == scale_.device()) return;
  fail<DeviceError>("GradScaler", "the scale is on ", scale_.device(), ", what it scales on ", device);
}

GradScaler::Stage& GradScaler::unscaled(optim::Optimizer& optimizer) {
  require_device(optimizer.parameters()[0].device());
  const auto found = std::find_if(stages_.begin(), stages_.end(),
                                  [&](const Stage& stage) { return stage.optimizer == &optimizer; });
  if (found != stages_.end()) return *found;
  // Of the scaled gradients, so that what divides them fuses with the optimizer's own work.
  stages_.push_back({&optimizer, any_not_finite(optimizer), false});
  const Tensor inverse = reciprocal(scale_.value());
  for (size_t i = 0; i < optimizer.group_count(); ++i) {
    for (const Variable& parameter : optimizer.parameters(i)) {
      const Tensor gradient = parameter.grad();
      if (gradient.defined()) parameter.set_grad(cast(gradient * inverse, gradient.dtype()));
    }
  }
  return stages_.back();
}

void GradScaler::unscale_(optim::Optimizer& optimizer) {
  if (!options_.enabled) return;
  const NoGrad none;
  const size_t before = stages_.size();
  unscaled(optimizer);
  if (stages_.size() == before)
    fail<ValueError>("GradScaler", "the gradients are unscaled already: call update()");
}

void GradScaler::step(optim::Optimizer& optimizer) {
  if (!options_.enabled) return optimizer.step();
  const NoGrad none;
  Stage& stage = unscaled(optimizer);
  if (stage.stepped) fail<ValueError>("GradScaler", "the optimizer has made its step already: call update()");
  stage.stepped = true;
  optimizer.step_unless(stage.found_inf);
}

void GradScaler::update() {
  if (!options_.enabled) return;
  if (stages_.empty()) fail<ValueError>("GradScaler", "no optimizer has made a step since the last update");
  const NoGrad none;
  Tensor overflow = stages_[0].found_inf;
  for (size_t i = 1; i < stages_.size(); ++i) overflow = overflow | stages_[i].found_inf;
  stages_.clear();
  const Tensor scale = scale_.value(), counted = tracker_.value() + 1;
  const Tensor grows = counted == options_.growth_interval, larger = scale * options_.growth_factor;
  const Tensor kept = where(grows & isfinite(larger), larger, scale);
  scale_.assign(where(overflow, scale * options_.backoff_factor, kept));
  tracker_.assign(where(overflow | grows, cast(Tensor(0), DType::I32), counted));
}

}  // namespace nngpu
