// Adam's step for one parameter, which Muon takes too.
#ifndef NNGPU_OPTIM_ADAM_H_
#define NNGPU_OPTIM_ADAM_H_

#include "optim/group.h"

namespace nngpu::optim::detail {

// The numbers of one step, rank 0, computed once a group.
struct AdamNumbers {
  AdamNumbers(const Group& group, const Tensor& step, const std::array<double, 2>& betas, double eps,
              double weight_decay, const Tensor& rate);
  Tensor beta2, rest1, rest2, eps, decay;
  Tensor kept;       // 1 - rate * weight decay
  Tensor step_size;  // rate / (1 - beta1^step)
  Tensor root;       // 1 / sqrt(1 - beta2^step)
};

struct AdamForm {
  bool decays, decoupled, amsgrad;
};

// Updates exp_avg, exp_avg_sq and max_exp_avg_sq, the first of the parameter's state, and returns its new value.
Tensor adam_step(const Group& group, const Parameter& parameter, const AdamNumbers& numbers, AdamForm form,
                 const Tensor& p, Tensor g);

}  // namespace nngpu::optim::detail

#endif  // NNGPU_OPTIM_ADAM_H_
