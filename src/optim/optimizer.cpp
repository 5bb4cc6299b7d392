#include <algorithm>
#include <cmath>
#include <set>

#include "core/fail.h"
#include "ops/convert.h"
#include "optim/group.h"

namespace nngpu::optim {

using detail::Group;
using detail::GroupStart;
using detail::Parameter;

namespace detail {

Tensor Group::number(double value) const { return ops::scalar("optim", value, dtype, device); }

Tensor Group::next_step() const { return store(step, step.value() + number(1)); }

Tensor Group::store(const Variable& variable, const Tensor& value) const {
  const Tensor next = skip.defined() ? where(skip, variable.value(), value) : value;
  Variable(variable).assign(next);
  return next;
}

void Group::store(const Parameter& parameter, const Tensor& value) const {
  if (!parameter.master.defined()) {
    store(parameter.variable, value);
    return;
  }
  Variable(parameter.variable).assign(cast(store(parameter.master, value), parameter.variable.dtype()));
}

Tensor gradient(const Parameter& parameter, bool maximize) {
  const Tensor g = parameter.variable.grad();
  if (!g.defined()) return g;
  const Tensor wide = cast(g, parameter.dtype());
  return maximize ? negative(wide) : wide;
}

Tensor number_for(const Parameter& parameter, const Tensor& number) {
  return number.dtype() == parameter.dtype() ? number : cast(number, parameter.dtype());
}

Tensor bias_correction(const Group& group, const Tensor& step, double beta) {
  return negative(expm1(step * group.number(std::log(beta))));
}

void require_range(const char* optimizer, const char* option, double value, double low, double below) {
  if (value >= low && value < below) return;
  fail<ValueError>(optimizer, option, " must be at least ", low, " and below ", below, ": ", value);
}

void require_betas(const char* optimizer, const std::array<double, 2>& betas) {
  for (const double beta : betas) require_range(optimizer, "betas", beta, 0, 1);
}

}  // namespace detail

namespace {

void require_parameters(const char* optimizer, const std::vector<Variable>& parameters,
                        std::set<const void*>& seen, Device device) {
  for (const Variable& parameter : parameters) {
    if (!parameter.defined()) fail<ValueError>(optimizer, "a parameter is undefined");
    if (!is_floating(parameter.dtype()))
      fail<DTypeError>(optimizer, "parameters must be floating: ", parameter.dtype());
    if (!seen.insert(parameter.cell().get()).second)
      fail<ValueError>(optimizer, "a parameter is there twice: ", parameter.shape());
    if (!(parameter.device() == device))
      fail<DeviceError>(optimizer, "parameters are on ", device, " and ", parameter.device());
  }
}

bool is_half(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16; }

Variable constant_variable(const Shape& shape, double value, DType dtype, Device device,
                           std::vector<Tensor>& initial) {
  const Variable variable(full(shape, value, dtype, device));
  initial.push_back(variable.value());
  return variable;
}

Parameter make_parameter(const Variable& variable, const GroupStart& start, Device device,
                         std::vector<Tensor>& initial) {
  Parameter parameter{variable, {}, {}, {}};
  if (is_half(variable.dtype())) {
    parameter.master = Variable(cast(variable.value(), DType::F32));
    initial.push_back(parameter.master.value());
  }
  for (const GroupStart::Start& state : start.state) {
    if (!state.belongs_to(variable)) continue;
    parameter.names.push_back(state.name);
    parameter.state.push_back(
        constant_variable(variable.shape(), state.value, parameter.dtype(), device, initial));
  }
  return parameter;
}

std::shared_ptr<Group> make_group(const GroupStart& start, Device device, size_t first) {
  auto group = std::make_shared<Group>();
  group->device = device;
  group->first = first;
  group->lr = group->initial_lr = start.lr;
  std::vector<Tensor> initial;
  for (const Variable& variable : start.parameters) {
    if (variable.dtype() == DType::F64) group->dtype = DType::F64;
    group->parameters.push_back(make_parameter(variable, start, device, initial));
  }
  group->variables = start.parameters;
  group->rate = constant_variable({}, start.lr, group->dtype, device, initial);
  group->step = constant_variable({}, 0, group->dtype, device, initial);
  for (const GroupStart::Start& number : start.extra)
    group->extra.emplace_back(number.name, constant_variable({}, number.value, group->dtype, device, initial));
  eval(initial);
  return group;
}

}  // namespace

Optimizer::~Optimizer() = default;

Optimizer::Optimizer(std::vector<GroupStart> starts) {
  const NoGrad none;
  std::set<const void*> seen;
  size_t first = 0;
  Device device = default_device();
  for (const GroupStart& start : starts) {
    const bool defined = !start.parameters.empty() && start.parameters[0].defined();
    if (first == 0 && defined) device = start.parameters[0].device();
    require_parameters(start.optimizer, start.parameters, seen, device);
    detail::require_not_negative(start.optimizer, "lr", start.lr);
    groups_.push_back(make_group(start, device, first));
    first += start.parameters.size();
  }
  if (first == 0) fail<ValueError>(starts.empty() ? "optim" : starts[0].optimizer, "there are no parameters");
}

void Optimizer::step() {
  const NoGrad none;
  for (size_t i = 0; i < groups_.size(); ++i) update(i, *groups_[i]);
}

void Optimizer::step_unless(const Tensor& skip) {
  graph::require_defined("step_unless", skip);
  if (skip.dtype() != DType::Bool || skip.rank() != 0)
    fail<ValueError>("step_unless", "needs one bool: ", skip.dtype(), " ", skip.shape());
  for (const auto& group : groups_) group->skip = skip;
  try {
    step();
  } catch (...) {
    for (const auto& group : groups_) group->skip = Tensor();
    throw;
  }
  for (const auto& group : groups_) group->skip = Tensor();
}

void Optimizer::zero_grad() {
  for (const auto& group : groups_)
    for (const Variable& variable : group->variables) variable.zero_grad();
}

Group& Optimizer::group_at(size_t index) const {
  if (index >= groups_.size())
    fail<IndexError>("optim", "group ", index, " is out of range: there are ", groups_.size());
  return *groups_[index];
}

const std::vector<Variable>& Optimizer::parameters(size_t group) const { return group_at(group).variables; }
double Optimizer::lr(size_t group) const { return group_at(group).lr; }
double Optimizer::initial_lr(size_t group) const { return group_at(group).initial_lr; }

void Optimizer::set_lr(double lr) {
  for (size_t i = 0; i < groups_.size(); ++i) set_lr(i, lr);
}

void Optimizer::set_lr(size_t index, double lr) {
  Group& group = group_at(index);
  detail::require_not_negative("set_lr", "lr", lr);
  if (lr == group.lr) return;
  group.lr = lr;
  group.rate.assign(full({}, lr, group.dtype, group.device));
}

NamedVariables Optimizer::state() const {
  NamedVariables result;
  for (size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = *groups_[i];
    const std::string prefix = "group." + std::to_string(i) + ".";
    result.emplace_back(prefix + "step", group.step);
    for (const auto& [name, variable] : group.extra) result.emplace_back(prefix + name, variable);
    for (size_t k = 0; k < group.parameters.size(); ++k) {
      const Parameter& parameter = group.parameters[k];
      const std::string own = "state." + std::to_string(group.first + k) + ".";
      for (size_t s = 0; s < parameter.names.size(); ++s)
        result.emplace_back(own + parameter.names[s], parameter.state[s]);
      if (parameter.master.defined()) result.emplace_back(own + "master", parameter.master);
    }
  }
  return result;
}

}  // namespace nngpu::optim
