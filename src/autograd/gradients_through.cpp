#include "autograd/walk.h"

namespace nngpu::autograd {

// The function's own graph is recorded only for this walk; where the gradient itself is to have gradients, these
// flow through the inputs of the leaves.
Gradients gradients_through(const std::function<Tensor(const std::vector<Tensor>&)>& function,
                            const std::vector<Tensor>& inputs, const Tensor& gradient) {
  const bool enabled = graph::set_gradients_enabled(true);
  struct Restore {
    bool value;
    ~Restore() { graph::set_gradients_enabled(value); }
  } restore{enabled};
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) leaves.push_back(graph::make_input_leaf(input));
  const Tensor output = function(leaves);
  graph::set_gradients_enabled(enabled);
  Gradients results =
      walk_to(leaves, {output}, {gradient}, {.record = enabled, .records = WalkOptions::Records::Keep});
  if (!enabled) walk_to(leaves, {output}, {Tensor()}, {.records = WalkOptions::Records::Forget, .owned = leaves});
  return results;
}

}  // namespace nngpu::autograd
