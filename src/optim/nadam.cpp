#include <cmath>

#include "optim/group.h"

namespace nngpu::optim {
namespace {

detail::GroupStart start(const NAdamOptions& o) {
  detail::require_betas("NAdam", o.betas);
  detail::require_not_negative("NAdam", "eps", o.eps);
  detail::require_not_negative("NAdam", "weight_decay", o.weight_decay);
  detail::require_not_negative("NAdam", "momentum_decay", o.momentum_decay);
  return {"NAdam", {{"exp_avg"}, {"exp_avg_sq"}}, {{"mu_product", 1}}};
}

}  // namespace

NAdam::NAdam(std::vector<Variable> parameters, Options options)
    : NAdam(std::vector<ParameterGroup<Options>>{{std::move(parameters), options}}) {}
NAdam::NAdam(std::vector<ParameterGroup<Options>> groups)
    : OptimizerOf(detail::starts_of(groups, start), detail::options_of(groups)) {}

void NAdam::update(size_t index, detail::Group& group) {
  const Options& o = options_[index];
  const Tensor step = group.next_step(), one = group.number(1), rate = group.rate.value();
  // beta1 (1 - 0.96^(t momentum_decay) / 2)
  const auto momentum = [&](const Tensor& t) {
    const Tensor power = exp(t * group.number(o.momentum_decay * std::log(0.96)));
    return group.number(o.betas[0]) * (one - group.number(0.5) * power);
  };
  const Tensor mu = momentum(step), next_mu = momentum(step + one);
  const Variable& product = group.extra[0].second;
  const Tensor mu_product = group.store(product, product.value() * mu);
  const Tensor gradient_rate = rate * (one - mu) / (one - mu_product);
  const Tensor average_rate = rate * next_mu / (one - mu_product * next_mu);
  const Tensor root = rsqrt(detail::bias_correction(group, step, o.betas[1]));
  const Tensor kept = one - rate * group.number(o.weight_decay), decay = group.number(o.weight_decay);
  const Tensor rest1 = group.number(1 - o.betas[0]), rest2 = group.number(1 - o.betas[1]);
  const Tensor beta2 = group.number(o.betas[1]), eps = group.number(o.eps);
  detail::for_each_gradient(group, o.maximize, [&](const detail::Parameter& parameter, const Tensor& p, Tensor g) {
    const auto n = [&](const Tensor& number) { return detail::number_for(parameter, number); };
    const Variable &average = parameter.state[0], &squares = parameter.state[1];
    if (o.weight_decay != 0 && !o.decoupled_weight_decay) g = p * n(decay) + g;
    const Tensor old = average.value();
    const Tensor m = group.store(average, old + (g - old) * n(rest1));
    const Tensor v = group.store(squares, squares.value() * n(beta2) + square(g) * n(rest2));
    const Tensor direction = (g * n(gradient_rate) + m * n(average_rate)) / (sqrt(v) * n(root) + n(eps));
    group.store(parameter, (o.weight_decay != 0 && o.decoupled_weight_decay ? p * n(kept) : p) - direction);
  });
}

}  // namespace nngpu::optim
