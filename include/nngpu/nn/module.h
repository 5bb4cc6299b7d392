// Module: the base of layers and models.
//
// A module is a handle, as a Variable is: copies share parameters, buffers, submodules and the training flag, so
// modules are passed and stored by value, and functions of a const module may change what it refers to. A layer of
// one's own derives from Module, registers what it holds, and defines forward():
//
//   struct Net : nn::Module {
//     nn::Linear first = register_module("first", nn::Linear(784, 128));
//     nn::Linear second = register_module("second", nn::Linear(128, 10));
//     Variable scale = register_parameter("scale", ones({10}));
//     Tensor forward(const Tensor& x) const override { return second(relu(first(x))) * scale.value(); }
//   };
//   Net net;
//   Tensor y = net(x);
//
// Members are handles (modules, variables, generators), or values that stay as the constructor leaves them: a copy
// has its own. State that changes goes into buffers. Assigning another module to a member later does not register
// it.
//
// Names are PyTorch's: those of submodules joined by dots ("layer1.0.conv1.weight").
// Errors: ValueError for a name that is empty, holds a dot or is taken, and for one that is asked for and not
// there.
#ifndef NNGPU_NN_MODULE_H_
#define NNGPU_NN_MODULE_H_

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::nn {

using nngpu::NamedVariables;

class Module {
 public:
  virtual ~Module();
  Module(const Module&) = default;  // shares; there is no move, so no handle is ever empty
  Module& operator=(const Module&) = default;

  virtual Tensor forward(const Tensor& x) const = 0;
  // forward(), seen by summary().
  Tensor operator()(const Tensor& x) const;

  // What training changes, each variable once, under the first of its names.
  NamedVariables named_parameters() const;
  std::vector<Variable> parameters() const;
  // What forward() itself changes or needs besides: running statistics.
  NamedVariables named_buffers() const;
  // Parameters and buffers under all their names: what save() writes.
  NamedVariables state() const;
  // The parameter or buffer of that name.
  Variable variable(const std::string& name) const;
  int64_t parameter_count() const;  // elements

  // The direct submodule of that name.
  const Module& child(const std::string& name) const;
  // This module with the name "", then all below it, parents first.
  void for_each(const std::function<void(const std::string& name, const Module& module)>& visit) const;
  void apply(const std::function<void(const Module& module)>& visit) const;

  // Whether layers behave as in training (dropout, batch statistics). Modules start in training. A compiled
  // function keeps the mode it was traced in: compile one for each.
  void train(bool training = true) const;
  void eval() const { train(false); }
  bool is_training() const;

  // Converts floating parameters and buffers; moves all of them. Gradients are forgotten.
  const Module& to(DType dtype) const;
  const Module& to(Device device) const;
  void zero_grad() const;

  // One line for printing: "Linear(3, 4)". The name of the class by default.
  virtual std::string describe() const;

  // Parameters and buffers of this module itself, without those of submodules.
  const NamedVariables& own_parameters() const;
  const NamedVariables& own_buffers() const;
  const std::vector<std::pair<std::string, std::shared_ptr<const Module>>>& children() const;

  struct State;
  const std::shared_ptr<State>& shared() const { return state_; }

 protected:
  Module();
  // Each returns what was registered, for a member to hold.
  Variable register_parameter(const std::string& name, const Tensor& initial);
  Variable register_parameter(const std::string& name, const Variable& shared);  // one more name for a variable
  Variable register_buffer(const std::string& name, const Tensor& initial);
  template <class M>
  M register_module(const std::string& name, const M& module) {
    static_assert(std::is_base_of_v<Module, M>, "only modules are registered");
    adopt(name, std::make_shared<const M>(module));
    return module;
  }

 private:
  void adopt(const std::string& name, std::shared_ptr<const Module> module);
  std::shared_ptr<State> state_;
};

// The tree of modules, one a line.
std::ostream& operator<<(std::ostream& out, const Module& module);

}  // namespace nngpu::nn

#endif  // NNGPU_NN_MODULE_H_
