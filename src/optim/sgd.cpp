#include <cmath>

#include "core/fail.h"
#include "optim/group.h"

namespace nngpu::optim {
namespace {

detail::GroupStart start(const SGDOptions& o) {
  detail::require_not_negative("SGD", "momentum", o.momentum);
  detail::require_not_negative("SGD", "weight_decay", o.weight_decay);
  if (!std::isfinite(o.dampening)) fail<ValueError>("SGD", "dampening must be finite: ", o.dampening);
  if (o.nesterov && (o.momentum == 0 || o.dampening != 0))
    throw ValueError("[SGD] nesterov needs a momentum and no dampening");
  detail::GroupStart result{"SGD"};
  if (o.momentum != 0) result.state = {{"momentum_buffer"}};
  return result;
}

}  // namespace

SGD::SGD(std::vector<Variable> parameters, Options options)
    : SGD(std::vector<ParameterGroup<Options>>{{std::move(parameters), options}}) {}
SGD::SGD(std::vector<ParameterGroup<Options>> groups)
    : OptimizerOf(detail::starts_of(groups, start), detail::options_of(groups)) {}

void SGD::update(size_t index, detail::Group& group) {
  const Options& o = options_[index];
  const Tensor step = group.next_step();
  const Tensor decay = group.number(o.weight_decay), momentum = group.number(o.momentum);
  // The first buffer is the gradient, without dampening.
  Tensor share;
  if (o.momentum != 0 && o.dampening != 0)
    share = where(step == group.number(1), group.number(1), group.number(1 - o.dampening));
  const Tensor rate = group.rate.value();
  detail::for_each_gradient(group, o.maximize, [&](const detail::Parameter& parameter, const Tensor& p, Tensor g) {
    const auto n = [&](const Tensor& number) { return detail::number_for(parameter, number); };
    if (o.weight_decay != 0) g = p * n(decay) + g;
    if (o.momentum != 0) {
      const Variable& buffer = parameter.state[0];
      const Tensor b = group.store(buffer, buffer.value() * n(momentum) + (share.defined() ? g * n(share) : g));
      g = o.nesterov ? g + b * n(momentum) : b;
    }
    group.store(parameter, p - g * n(rate));
  });
}

}  // namespace nngpu::optim
