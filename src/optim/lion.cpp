#include "optim/group.h"

namespace nngpu::optim {
namespace {

detail::GroupStart start(const LionOptions& o) {
  detail::require_betas("Lion", o.betas);
  detail::require_not_negative("Lion", "weight_decay", o.weight_decay);
  return {"Lion", {{"exp_avg"}}};
}

}  // namespace

Lion::Lion(std::vector<Variable> parameters, Options options)
    : Lion(std::vector<ParameterGroup<Options>>{{std::move(parameters), options}}) {}
Lion::Lion(std::vector<ParameterGroup<Options>> groups)
    : OptimizerOf(detail::starts_of(groups, start), detail::options_of(groups)) {}

void Lion::update(size_t index, detail::Group& group) {
  const Options& o = options_[index];
  group.next_step();
  const Tensor rate = group.rate.value();
  const Tensor kept = group.number(1) - rate * group.number(o.weight_decay);
  const Tensor rest2 = group.number(1 - o.betas[1]), difference = group.number(o.betas[1] - o.betas[0]);
  detail::for_each_gradient(
      group, o.maximize, [&](const detail::Parameter& parameter, const Tensor& p, const Tensor& g) {
        const auto n = [&](const Tensor& number) { return detail::number_for(parameter, number); };
        const Variable& average = parameter.state[0];
        const Tensor m = average.value(), change = g - m;
        const Tensor next = group.store(average, m + change * n(rest2));
        // The sign of beta1 m + (1 - beta1) g, from what is at hand: one pass makes both.
        const Tensor direction = sign(next + change * n(difference));
        group.store(parameter, (o.weight_decay != 0 ? p * n(kept) : p) - direction * n(rate));
      });
}

}  // namespace nngpu::optim
