// Walking a graph backwards.
#ifndef NNGPU_AUTOGRAD_WALK_H_
#define NNGPU_AUTOGRAD_WALK_H_

#include <string>

#include "autograd/rules.h"

namespace nngpu::autograd {

struct WalkOptions {
  bool record = false;  // the gradients' own operations
  // What becomes of the records of the nodes between: kept, ended (a second walk is an error), or, of those that
  // depend on no leaf but the targets, forgotten.
  enum class Records { Keep, End, Forget } records = Records::Keep;
  bool record_if_outer = false;    // record where nodes depend on other leaves than the targets
  bool through_targets = false;    // a target may lie on the way to another
  std::vector<Tensor> owned = {};  // leaves made for this walk, targets or not: it stops there
};

// The gradients by `targets` (undefined: zero) of the outputs with these gradients.
Gradients walk_to(const std::vector<Tensor>& targets, const std::vector<Tensor>& outputs, const Gradients& seeds,
                  const WalkOptions& options);

// Adds the gradients to every leaf below. Returns how many there were.
size_t walk_to_leaves(const Tensor& output, const Tensor& seed, const WalkOptions& options);

// The name of the operation whose gradient is being built on this thread, for anomaly mode; empty outside.
const std::string& operation_of_gradient();

}  // namespace nngpu::autograd

#endif  // NNGPU_AUTOGRAD_WALK_H_
