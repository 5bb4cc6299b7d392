// What the copies of a module share, and what summary() hangs into their calls.
#ifndef NNGPU_SRC_NN_MODULE_STATE_H_
#define NNGPU_SRC_NN_MODULE_STATE_H_

#include "nngpu/nn/module.h"

namespace nngpu::nn {

struct Module::State {
  NamedVariables parameters, buffers;
  std::vector<std::pair<std::string, std::shared_ptr<const Module>>> children;
  bool training = true;
};

// Sees every call of a module on its thread while it lives.
class CallObserver {
 public:
  CallObserver();
  virtual ~CallObserver();
  CallObserver(const CallObserver&) = delete;
  CallObserver& operator=(const CallObserver&) = delete;
  // Before the call; returns a number that is given back after it.
  virtual size_t enter(const Module& module) = 0;
  virtual void leave(size_t call, const Tensor& result) = 0;
  static CallObserver* current();

 private:
  CallObserver* outer_;
};

// Replaces a variable's value by one that may differ in dtype or device, for all its handles.
void replace_value(const Variable& variable, const Tensor& value);

}  // namespace nngpu::nn

#endif  // NNGPU_SRC_NN_MODULE_STATE_H_
