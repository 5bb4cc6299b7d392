// Modules made of modules.
#ifndef NNGPU_NN_CONTAINERS_H_
#define NNGPU_NN_CONTAINERS_H_

#include "nngpu/nn/module.h"

namespace nngpu::nn {

// Modules one after another, named "0", "1", ...:
//   nn::Sequential model(nn::Linear(784, 128), nn::ReLU(), nn::Linear(128, 10));
class Sequential : public Module {
 public:
  template <class... Modules>
  requires(std::is_base_of_v<Module, Modules>&&...) explicit Sequential(const Modules&... modules) {
    (push_back(modules), ...);
  }
  template <class M>
  void push_back(const M& module) {
    register_module(std::to_string(children().size()), module);
  }
  size_t size() const { return children().size(); }
  const Module& operator[](size_t i) const { return child(std::to_string(i)); }
  Tensor forward(const Tensor& x) const override;
};

// Modules under the names "0", "1", ..., for a forward() that calls them itself. Its own forward() throws
// ValueError.
class ModuleList : public Module {
 public:
  template <class... Modules>
  requires(std::is_base_of_v<Module, Modules>&&...) explicit ModuleList(const Modules&... modules) {
    (push_back(modules), ...);
  }
  template <class M>
  void push_back(const M& module) {
    register_module(std::to_string(children().size()), module);
  }
  size_t size() const { return children().size(); }
  const Module& operator[](size_t i) const { return child(std::to_string(i)); }
  Tensor forward(const Tensor& x) const override;
};

// x + inner(x), the module under the name "inner".
class Residual : public Module {
 public:
  template <class M>
  requires(std::is_base_of_v<Module, M> && !std::is_same_v<Module, M>) explicit Residual(const M& inner) {
    register_module("inner", inner);
  }
  Tensor forward(const Tensor& x) const override;
};

// A function as a module without parameters. ValueError if there is none.
class Lambda : public Module {
 public:
  explicit Lambda(std::function<Tensor(const Tensor&)> function);
  Tensor forward(const Tensor& x) const override;

 private:
  std::function<Tensor(const Tensor&)> function_;
};

}  // namespace nngpu::nn

#endif  // NNGPU_NN_CONTAINERS_H_
