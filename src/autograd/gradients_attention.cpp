// Gradients of attention.
#include "autograd/rules.h"
#include "ops/attention.h"

namespace nngpu::autograd {
namespace {

using graph::AttentionMask;
using graph::AttentionParams;

Tensor as(const Tensor& t, DType dtype) { return t.dtype() == dtype ? t : cast(t, dtype); }

Gradients listed(const ops::AttentionGradients& gradients, size_t count) {
  Gradients result{gradients.q, gradients.k, gradients.v};
  result.resize(count);
  return result;
}

}  // namespace

// With weights p = exp(scores - lse) the scores' gradient is p (g v^T - delta), to which that of lse adds p times
// itself: it is taken off delta. Masks that want a gradient never come here (ops/attention.cpp).
Gradients attention_gradients(const Call& call) {
  const auto& params = call.params<AttentionParams>();
  const bool masked = params.mask != AttentionMask::None;
  if (masked && call.wants(3)) fail_without_gradient("scaled_dot_product_attention");
  const Tensor g = call.gradient(0), lse = call.output(1);
  Tensor delta = sum(as(g, lse.dtype()) * as(call.output(0), lse.dtype()), -1);
  if (call.has_gradient(1)) delta = delta - call.gradient(1);
  return listed(
      ops::attention_gradient(
          {call.input(0), call.input(1), call.input(2), g, lse, delta, masked ? call.input(3) : Tensor()}, params),
      call.input_count());
}

// Those of the composition, which stores the scores, by each of the three results.
Gradients attention_gradient_gradients(const Call& call) {
  const auto params = call.params<AttentionParams>();
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < 6; ++i) inputs.push_back(call.input(i));
  const Tensor mask = call.input_count() > 6 ? call.input(6) : Tensor();
  Gradients total(call.input_count());
  for (uint32_t which = 0; which < 3; ++which) {
    if (!call.has_gradient(which)) continue;
    const Gradients part = gradients_through(
        [params, which, mask](const std::vector<Tensor>& in) {
          const ops::AttentionGradients result =
              ops::attention_gradient_composite({in[0], in[1], in[2], in[3], in[4], in[5], mask}, params);
          return which == 0 ? result.q : which == 1 ? result.k : result.v;
        },
        inputs, call.gradient(which));
    for (size_t i = 0; i < inputs.size(); ++i)
      if (part[i].defined()) total[i] = total[i].defined() ? total[i] + part[i] : part[i];
  }
  return total;
}

}  // namespace nngpu::autograd
