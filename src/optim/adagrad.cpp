#include "optim/group.h"

namespace nngpu::optim {
namespace {

detail::GroupStart start(const AdagradOptions& o) {
  detail::require_not_negative("Adagrad", "lr_decay", o.lr_decay);
  detail::require_not_negative("Adagrad", "weight_decay", o.weight_decay);
  detail::require_not_negative("Adagrad", "initial_accumulator_value", o.initial_accumulator_value);
  detail::require_not_negative("Adagrad", "eps", o.eps);
  return {"Adagrad", {{"sum", o.initial_accumulator_value}}};
}

}  // namespace

Adagrad::Adagrad(std::vector<Variable> parameters, Options options)
    : Adagrad(std::vector<ParameterGroup<Options>>{{std::move(parameters), options}}) {}
Adagrad::Adagrad(std::vector<ParameterGroup<Options>> groups)
    : OptimizerOf(detail::starts_of(groups, start), detail::options_of(groups)) {}

void Adagrad::update(size_t index, detail::Group& group) {
  const Options& o = options_[index];
  const Tensor step = group.next_step(), one = group.number(1);
  const Tensor rate = group.rate.value() / (one + (step - one) * group.number(o.lr_decay));
  const Tensor decay = group.number(o.weight_decay), eps = group.number(o.eps);
  detail::for_each_gradient(group, o.maximize, [&](const detail::Parameter& parameter, const Tensor& p, Tensor g) {
    const auto n = [&](const Tensor& number) { return detail::number_for(parameter, number); };
    const Variable& sum = parameter.state[0];
    if (o.weight_decay != 0) g = p * n(decay) + g;
    const Tensor squares = group.store(sum, sum.value() + square(g));
    group.store(parameter, p - g / (sqrt(squares) + n(eps)) * n(rate));
  });
}

}  // namespace nngpu::optim
