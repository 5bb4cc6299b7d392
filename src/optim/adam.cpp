// Adam and AdamW.
#include "optim/adam.h"

namespace nngpu::optim {
namespace {

template <class Options>
detail::GroupStart start(const char* name, const Options& o) {
  detail::require_betas(name, o.betas);
  detail::require_not_negative(name, "eps", o.eps);
  detail::require_not_negative(name, "weight_decay", o.weight_decay);
  detail::GroupStart result{name, {{"exp_avg"}, {"exp_avg_sq"}}};
  if (o.amsgrad) result.state.push_back({"max_exp_avg_sq"});
  return result;
}

template <class Options>
void update_group(const Options& o, detail::Group& group, bool decoupled) {
  const detail::AdamNumbers numbers(group, group.next_step(), o.betas, o.eps, o.weight_decay, group.rate.value());
  detail::for_each_gradient(group, o.maximize,
                            [&](const detail::Parameter& parameter, const Tensor& p, const Tensor& g) {
                              const detail::AdamForm form{o.weight_decay != 0, decoupled, o.amsgrad};
                              group.store(parameter, detail::adam_step(group, parameter, numbers, form, p, g));
                            });
}

}  // namespace

namespace detail {

AdamNumbers::AdamNumbers(const Group& group, const Tensor& step, const std::array<double, 2>& betas, double eps_,
                         double weight_decay, const Tensor& rate)
    : beta2(group.number(betas[1])),
      rest1(group.number(1 - betas[0])),
      rest2(group.number(1 - betas[1])),
      eps(group.number(eps_)),
      decay(group.number(weight_decay)),
      kept(group.number(1) - rate * decay),
      step_size(rate / bias_correction(group, step, betas[0])),
      root(rsqrt(bias_correction(group, step, betas[1]))) {}

Tensor adam_step(const Group& group, const Parameter& parameter, const AdamNumbers& numbers, AdamForm form,
                 const Tensor& p, Tensor g) {
  const auto n = [&](const Tensor& number) { return number_for(parameter, number); };
  const Variable &average = parameter.state[0], &squares = parameter.state[1];
  if (form.decays && !form.decoupled) g = p * n(numbers.decay) + g;
  const Tensor old = average.value();
  const Tensor m = group.store(average, old + (g - old) * n(numbers.rest1));
  Tensor v = group.store(squares, squares.value() * n(numbers.beta2) + square(g) * n(numbers.rest2));
  if (form.amsgrad) {
    const Variable& largest = parameter.state[2];
    v = group.store(largest, maximum(largest.value(), v));
  }
  const Tensor direction = m / (sqrt(v) * n(numbers.root) + n(numbers.eps));
  const Tensor kept = form.decays && form.decoupled ? p * n(numbers.kept) : p;
  return kept - direction * n(numbers.step_size);
}

}  // namespace detail

Adam::Adam(std::vector<Variable> parameters, Options options)
    : Adam(std::vector<ParameterGroup<Options>>{{std::move(parameters), options}}) {}
Adam::Adam(std::vector<ParameterGroup<Options>> groups)
    : OptimizerOf(detail::starts_of(groups, [](const Options& o) { return start("Adam", o); }),
                  detail::options_of(groups)) {}
void Adam::update(size_t index, detail::Group& group) { update_group(options_[index], group, false); }

AdamW::AdamW(std::vector<Variable> parameters, Options options)
    : AdamW(std::vector<ParameterGroup<Options>>{{std::move(parameters), options}}) {}
AdamW::AdamW(std::vector<ParameterGroup<Options>> groups)
    : OptimizerOf(detail::starts_of(groups, [](const Options& o) { return start("AdamW", o); }),
                  detail::options_of(groups)) {}
void AdamW::update(size_t index, detail::Group& group) { update_group(options_[index], group, true); }

}  // namespace nngpu::optim
