#include "nngpu/nn/module.h"

#include <cxxabi.h>

#include <cstdlib>
#include <ostream>
#include <set>
#include <typeinfo>

#include "core/fail.h"
#include "nn/module_state.h"
#include "nngpu/ops.h"

namespace nngpu::nn {
namespace {

thread_local CallObserver* observer = nullptr;

std::string joined(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

// Appends what `own` gives of every module below, under full names.
void collect(const Module& module, const NamedVariables& (Module::*own)() const, NamedVariables& result) {
  module.for_each([&](const std::string& path, const Module& below) {
    for (const auto& [name, variable] : (below.*own)()) result.emplace_back(joined(path, name), variable);
  });
}

// Each cell once.
NamedVariables distinct(const NamedVariables& all) {
  std::set<const Variable::Cell*> seen;
  NamedVariables result;
  for (const auto& entry : all)
    if (seen.insert(entry.second.cell().get()).second) result.push_back(entry);
  return result;
}

void walk(const std::string& path, const Module& module,
          const std::function<void(const std::string&, const Module&)>& visit) {
  visit(path, module);
  for (const auto& [name, child] : module.children()) walk(joined(path, name), *child, visit);
}

void check_name(const Module::State& state, const std::string& name) {
  if (name.empty() || name.find('.') != std::string::npos) {
    fail<ValueError>("Module", "a name must not be empty or hold a dot: '", name, "'");
  }
  const auto taken = [&](const auto& list) {
    for (const auto& entry : list)
      if (entry.first == name) return true;
    return false;
  };
  if (taken(state.parameters) || taken(state.buffers) || taken(state.children)) {
    fail<ValueError>("Module", "the name is taken: '", name, "'");
  }
}

void print(std::ostream& out, const Module& module, int depth) {
  out << module.describe();
  if (module.children().empty()) return;
  const std::string indent(static_cast<size_t>(2 * depth), ' ');
  out << " {\n";
  for (const auto& [name, child] : module.children()) {
    out << indent << "  " << name << ": ";
    print(out, *child, depth + 1);
    out << '\n';
  }
  out << indent << '}';
}

}  // namespace

CallObserver::CallObserver() : outer_(observer) { observer = this; }
CallObserver::~CallObserver() { observer = outer_; }
CallObserver* CallObserver::current() { return observer; }

Module::Module() : state_(std::make_shared<State>()) {}
Module::~Module() = default;

Tensor Module::operator()(const Tensor& x) const {
  CallObserver* const watching = CallObserver::current();
  if (watching == nullptr) return forward(x);
  const size_t call = watching->enter(*this);
  const Tensor result = forward(x);
  watching->leave(call, result);
  return result;
}

NamedVariables Module::named_parameters() const {
  NamedVariables all;
  collect(*this, &Module::own_parameters, all);
  return distinct(all);
}

std::vector<Variable> Module::parameters() const {
  std::vector<Variable> result;
  for (const auto& [name, variable] : named_parameters()) result.push_back(variable);
  return result;
}

NamedVariables Module::named_buffers() const {
  NamedVariables all;
  collect(*this, &Module::own_buffers, all);
  return distinct(all);
}

NamedVariables Module::state() const {
  NamedVariables all;
  for_each([&](const std::string& path, const Module& below) {
    for (const NamedVariables* list : {&below.own_parameters(), &below.own_buffers()})
      for (const auto& [name, variable] : *list) all.emplace_back(joined(path, name), variable);
  });
  return all;
}

Variable Module::variable(const std::string& name) const {
  for (const auto& [full, variable] : state())
    if (full == name) return variable;
  fail<ValueError>("Module", describe(), " has no parameter or buffer '", name, "'");
}

int64_t Module::parameter_count() const {
  int64_t count = 0;
  for (const auto& [name, variable] : named_parameters()) count += numel(variable.shape());
  return count;
}

const Module& Module::child(const std::string& name) const {
  for (const auto& [own, module] : state_->children)
    if (own == name) return *module;
  fail<ValueError>("Module", describe(), " has no submodule '", name, "'");
}

void Module::for_each(const std::function<void(const std::string&, const Module&)>& visit) const {
  walk("", *this, visit);
}

void Module::apply(const std::function<void(const Module&)>& visit) const {
  for_each([&](const std::string&, const Module& module) { visit(module); });
}

void Module::train(bool training) const {
  apply([&](const Module& module) { module.state_->training = training; });
}

bool Module::is_training() const { return state_->training; }

const Module& Module::to(DType dtype) const {
  if (!is_floating(dtype)) fail<DTypeError>("Module", "parameters are floating: ", dtype);
  for (const auto& [name, variable] : distinct(state())) {
    if (is_floating(variable.dtype())) replace_value(variable, cast(variable.value(), dtype));
  }
  return *this;
}

const Module& Module::to(Device device) const {
  for (const auto& [name, variable] : distinct(state())) replace_value(variable, variable.value().to(device));
  return *this;
}

void Module::zero_grad() const {
  for (const Variable& variable : parameters()) variable.zero_grad();
}

std::string Module::describe() const {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status), std::free);
  const std::string full = status == 0 ? text.get() : typeid(*this).name();
  const size_t scope = full.rfind("::");
  return scope == std::string::npos ? full : full.substr(scope + 2);
}

const NamedVariables& Module::own_parameters() const { return state_->parameters; }
const NamedVariables& Module::own_buffers() const { return state_->buffers; }
const std::vector<std::pair<std::string, std::shared_ptr<const Module>>>& Module::children() const {
  return state_->children;
}

Variable Module::register_parameter(const std::string& name, const Tensor& initial) {
  return register_parameter(name, Variable(initial, true));
}

Variable Module::register_parameter(const std::string& name, const Variable& shared) {
  check_name(*state_, name);
  if (!shared.defined()) fail<ValueError>("Module", "an undefined parameter: '", name, "'");
  state_->parameters.emplace_back(name, shared);
  return shared;
}

Variable Module::register_buffer(const std::string& name, const Tensor& initial) {
  check_name(*state_, name);
  state_->buffers.emplace_back(name, Variable(initial));
  return state_->buffers.back().second;
}

void Module::adopt(const std::string& name, std::shared_ptr<const Module> module) {
  check_name(*state_, name);
  state_->children.emplace_back(name, std::move(module));
}

std::ostream& operator<<(std::ostream& out, const Module& module) {
  print(out, module, 0);
  return out;
}

}  // namespace nngpu::nn
