// Moving averages of weights.
#include "core/fail.h"
#include "nngpu/autograd.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"
#include "ops/convert.h"

namespace nngpu::optim {

ExponentialMovingAverage::ExponentialMovingAverage(std::vector<Variable> parameters, double decay)
    : parameters_(std::move(parameters)), decay_(decay) {
  if (!(decay >= 0 && decay <= 1))
    fail<ValueError>("ExponentialMovingAverage", "decay must be between 0 and 1: ", decay);
  const NoGrad none;
  std::vector<Tensor> initial;
  for (const Variable& parameter : parameters_) {
    if (!is_floating(parameter.dtype()))
      fail<DTypeError>("ExponentialMovingAverage", "parameters must be floating: ", parameter.dtype());
    // A copy of its own, so that parameter and average are both updated in place.
    const DType dtype = promote(parameter.dtype(), DType::F32);
    averages_.emplace_back(cast(parameter.value(), dtype) * 1);
    initial.push_back(averages_.back().value());
  }
  eval(initial);
}

void ExponentialMovingAverage::update() {
  if (!saved_.empty())
    fail<ValueError>("ExponentialMovingAverage", "restore() the parameters before they are averaged");
  const NoGrad none;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor old = averages_[i].value();
    const Tensor rest = ops::scalar("ExponentialMovingAverage", 1 - decay_, old.dtype(), old.device());
    averages_[i].assign(old + (cast(parameters_[i].value(), old.dtype()) - old) * rest);
  }
}

void ExponentialMovingAverage::apply() {
  if (!saved_.empty()) fail<ValueError>("ExponentialMovingAverage", "the averages are applied already");
  const NoGrad none;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    saved_.push_back(parameters_[i].value());
    parameters_[i].assign(cast(averages_[i].value(), parameters_[i].dtype()));
  }
}

void ExponentialMovingAverage::restore() {
  if (saved_.empty()) fail<ValueError>("ExponentialMovingAverage", "there is nothing to restore");
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].assign(saved_[i]);
  saved_.clear();
}

}  // namespace nngpu::optim
