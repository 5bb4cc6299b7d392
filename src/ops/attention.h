// Attention that stores no scores, as nodes.
#ifndef NNGPU_OPS_ATTENTION_H_
#define NNGPU_OPS_ATTENTION_H_

#include "graph/params.h"
#include "nngpu/tensor.h"

namespace nngpu::ops {

// What AttentionGradient has: q, k, v, g = the result's gradient, lse = the logarithm of the sum of exponentials
// of a row, delta = the sum of g times the result over a row, and the mask or an undefined tensor.
struct AttentionOperands {
  Tensor q, k, v, g, lse, delta, mask;
};
struct AttentionGradients {
  Tensor q, k, v;
};

AttentionGradients attention_gradient(const AttentionOperands& x, const graph::AttentionParams& params);
// The same in products and elementwise operations, to which there are gradients. It stores the scores.
AttentionGradients attention_gradient_composite(const AttentionOperands& x, const graph::AttentionParams& params);

}  // namespace nngpu::ops

#endif  // NNGPU_OPS_ATTENTION_H_
