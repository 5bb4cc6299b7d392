#include "optim/group.h"

namespace nngpu::optim {
namespace {

detail::GroupStart start(const LAMBOptions& o) {
  detail::require_betas("LAMB", o.betas);
  detail::require_not_negative("LAMB", "eps", o.eps);
  detail::require_not_negative("LAMB", "weight_decay", o.weight_decay);
  return {"LAMB", {{"exp_avg"}, {"exp_avg_sq"}}};
}

}  // namespace

LAMB::LAMB(std::vector<Variable> parameters, Options options)
    : LAMB(std::vector<ParameterGroup<Options>>{{std::move(parameters), options}}) {}
LAMB::LAMB(std::vector<ParameterGroup<Options>> groups)
    : OptimizerOf(detail::starts_of(groups, start), detail::options_of(groups)) {}

void LAMB::update(size_t index, detail::Group& group) {
  const Options& o = options_[index];
  const Tensor step = group.next_step(), rate = group.rate.value();
  const Tensor scale = reciprocal(detail::bias_correction(group, step, o.betas[0]));
  const Tensor root = rsqrt(detail::bias_correction(group, step, o.betas[1]));
  const Tensor rest1 = group.number(1 - o.betas[0]), rest2 = group.number(1 - o.betas[1]);
  const Tensor beta2 = group.number(o.betas[1]), eps = group.number(o.eps), decay = group.number(o.weight_decay);
  const Tensor none = group.number(0), one = group.number(1);
  detail::for_each_gradient(
      group, o.maximize, [&](const detail::Parameter& parameter, const Tensor& p, const Tensor& g) {
        const auto n = [&](const Tensor& number) { return detail::number_for(parameter, number); };
        const Variable &average = parameter.state[0], &squares = parameter.state[1];
        const Tensor old = average.value();
        const Tensor m = group.store(average, old + (g - old) * n(rest1));
        const Tensor v = group.store(squares, squares.value() * n(beta2) + square(g) * n(rest2));
        Tensor direction = m * n(scale) / (sqrt(v) * n(root) + n(eps));
        if (o.weight_decay != 0) direction = direction + p * n(decay);
        const Tensor weight_norm = norm(p), step_norm = norm(direction);
        const Tensor both = (weight_norm > n(none)) & (step_norm > n(none));
        const Tensor trust = where(both, weight_norm / step_norm, n(one));
        group.store(parameter, p - direction * (trust * n(rate)));
      });
}

}  // namespace nngpu::optim
