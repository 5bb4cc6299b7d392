// What the optimizers share: parameters with their state, and the numbers of a step.
#ifndef NNGPU_OPTIM_GROUP_H_
#define NNGPU_OPTIM_GROUP_H_

#include <limits>
#include <string>
#include <vector>

#include "nngpu/autograd.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"

namespace nngpu::optim::detail {

// A parameter as an optimizer sees it.
struct Parameter {
  Variable variable;
  Variable master;  // in f32, of a half type; else undefined
  std::vector<Variable> state;
  std::vector<std::string> names;  // of the state

  DType dtype() const { return master.defined() ? DType::F32 : variable.dtype(); }  // of the computation
  Tensor value() const { return master.defined() ? master.value() : variable.value(); }
};

struct Group {
  std::vector<Parameter> parameters;
  std::vector<Variable> variables;  // of the parameters
  double lr = 0, initial_lr = 0;
  DType dtype = DType::F32;  // of the numbers below: f64 if a parameter is
  Device device;
  Variable rate, step;   // rank 0
  NamedVariables extra;  // further numbers of the group, rank 0
  size_t first = 0;      // number of its first parameter

  // A number of the step: one constant for all the parameters, so that their updates can share a launch.
  Tensor number(double value) const;
  // Counts the step.
  Tensor next_step() const;

  Tensor skip;  // rank-0 bool, while a step is made: everything stays as it is where it is true
  // Replaces a state's or a parameter's value. Returns what it is now.
  Tensor store(const Variable& variable, const Tensor& value) const;
  void store(const Parameter& parameter, const Tensor& value) const;
};

// How a group starts. State and extra numbers are named and have the given first values.
struct GroupStart {
  enum class Owners { All, Matrices, Others };
  struct Start {
    std::string name;
    double value = 0;
    Owners owners = Owners::All;
    bool belongs_to(const Variable& variable) const {
      return owners == Owners::All || (variable.shape().size() == 2) == (owners == Owners::Matrices);
    }
  };
  const char* optimizer;
  std::vector<Start> state = {};
  std::vector<Start> extra = {};
  std::vector<Variable> parameters = {};
  double lr = 0;
};

// A parameter's gradient in the dtype of the computation; undefined if it has none.
Tensor gradient(const Parameter& parameter, bool maximize);

// A number in the dtype of a parameter's computation.
Tensor number_for(const Parameter& parameter, const Tensor& number);

// 1 - beta^step without cancellation.
Tensor bias_correction(const Group& group, const Tensor& step, double beta);

// Calls body(parameter, value, gradient) for the parameters that have a gradient.
template <class Body>
void for_each_gradient(const Group& group, bool maximize, const Body& body) {
  for (const Parameter& parameter : group.parameters) {
    const Tensor g = gradient(parameter, maximize);
    if (g.defined()) body(parameter, parameter.value(), g);
  }
}

// Splits groups into what Optimizer and OptimizerOf keep.
template <class Options, class Start>
std::vector<GroupStart> starts_of(const std::vector<ParameterGroup<Options>>& groups, const Start& start) {
  std::vector<GroupStart> result;
  for (const auto& group : groups) {
    result.push_back(start(group.options));
    result.back().parameters = group.parameters;
    result.back().lr = group.options.lr;
  }
  return result;
}
template <class Options>
std::vector<Options> options_of(const std::vector<ParameterGroup<Options>>& groups) {
  std::vector<Options> result;
  for (const auto& group : groups) result.push_back(group.options);
  return result;
}

// ValueError unless low <= value < below.
void require_range(const char* optimizer, const char* option, double value, double low, double below);
inline void require_not_negative(const char* optimizer, const char* option, double value) {
  require_range(optimizer, option, value, 0, std::numeric_limits<double>::infinity());
}
void require_betas(const char* optimizer, const std::array<double, 2>& betas);

}  // namespace nngpu::optim::detail

namespace nngpu::optim {
template <class OptionsType>
OptimizerOf<OptionsType>::OptimizerOf(std::vector<detail::GroupStart> starts, std::vector<OptionsType> options)
    : Optimizer(std::move(starts)), options_(std::move(options)) {}
}  // namespace nngpu::optim

#endif  // NNGPU_OPTIM_GROUP_H_
