#include "optim/group.h"

namespace nngpu::optim {
namespace {

detail::GroupStart start(const RMSpropOptions& o) {
  detail::require_range("RMSprop", "alpha", o.alpha, 0, 1);
  detail::require_not_negative("RMSprop", "eps", o.eps);
  detail::require_not_negative("RMSprop", "momentum", o.momentum);
  detail::require_not_negative("RMSprop", "weight_decay", o.weight_decay);
  detail::GroupStart result{"RMSprop", {{"square_avg"}}};
  if (o.momentum != 0) result.state.push_back({"momentum_buffer"});
  if (o.centered) result.state.push_back({"grad_avg"});
  return result;
}

}  // namespace

RMSprop::RMSprop(std::vector<Variable> parameters, Options options)
    : RMSprop(std::vector<ParameterGroup<Options>>{{std::move(parameters), options}}) {}
RMSprop::RMSprop(std::vector<ParameterGroup<Options>> groups)
    : OptimizerOf(detail::starts_of(groups, start), detail::options_of(groups)) {}

void RMSprop::update(size_t index, detail::Group& group) {
  const Options& o = options_[index];
  group.next_step();
  const Tensor decay = group.number(o.weight_decay), momentum = group.number(o.momentum);
  const Tensor alpha = group.number(o.alpha), rest = group.number(1 - o.alpha), eps = group.number(o.eps);
  const Tensor rate = group.rate.value();
  detail::for_each_gradient(group, o.maximize, [&](const detail::Parameter& parameter, const Tensor& p, Tensor g) {
    const auto n = [&](const Tensor& number) { return detail::number_for(parameter, number); };
    const Variable& squares = parameter.state[0];
    if (o.weight_decay != 0) g = p * n(decay) + g;
    const Tensor v = group.store(squares, squares.value() * n(alpha) + square(g) * n(rest));
    Tensor spread = v;
    if (o.centered) {
      const Variable& average = parameter.state.back();
      const Tensor old = average.value(), mean = group.store(average, old + (g - old) * n(rest));
      spread = v - square(mean);
    }
    Tensor direction = g / (sqrt(spread) + n(eps));
    if (o.momentum != 0) {
      const Variable& buffer = parameter.state[1];
      direction = group.store(buffer, buffer.value() * n(momentum) + direction);
    }
    group.store(parameter, p - direction * n(rate));
  });
}

}  // namespace nngpu::optim
