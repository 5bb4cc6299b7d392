// Models whose blocks may be computed again for the gradient.
#ifndef NNGPU_NN_RUN_CHECKPOINTED_H_
#define NNGPU_NN_RUN_CHECKPOINTED_H_

#include "nngpu/autograd.h"
#include "nngpu/nn/containers.h"

namespace nngpu::nn {

// list[i](x), as a checkpoint if `again` and in training. The checkpoint holds the list, which may be gone
// otherwise when it runs again.
template <class List>
Tensor run_checkpointed(bool again, const List& list, size_t i, const Tensor& x) {
  if (!again || !list.is_training()) return list[i](x);
  return checkpoint([list, i](const std::vector<Tensor>& in) { return std::vector<Tensor>{list[i](in[0])}; })(
      {x})[0];
}

}  // namespace nngpu::nn

#endif  // NNGPU_NN_RUN_CHECKPOINTED_H_
