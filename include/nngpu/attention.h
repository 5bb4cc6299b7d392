// Attention as an operation.
#ifndef NNGPU_ATTENTION_H_
#define NNGPU_ATTENTION_H_

#include <optional>

#include "nngpu/random.h"
#include "nngpu/tensor.h"

namespace nngpu {

struct AttentionOptions {
  Tensor mask = {};     // bool: true where attention is allowed; floating: added to the scores. Broadcasts
  bool causal = false;  // query i sees the keys 0 to i
  std::optional<double> scale = std::nullopt;  // 1 / sqrt(e) by default
  double dropout = 0;                          // of the weights
  Generator generator = default_generator();   // of the dropout
};

// softmax(q k^T * scale + mask) v (Vaswani et al., 2017). q (..., l, e), k (..., s, e), v (..., s, d) with batches
// that broadcast -> (..., l, d). The softmax of half types is computed in f32. A query for which a bool mask
// allows no key gives zeros; one to whose every key an added mask of minus infinity goes gives NaN. Errors:
// ShapeError, DTypeError, ValueError.
//
// It is one operation after FlashAttention-2 (Dao, 2023) that never stores the scores: memory grows with l and s,
// not with their product. With dropout, with a mask that wants a gradient, with e or d over 128, and on CUDA for
// up to 2^28 scores in f32 where tf32 is allowed (nngpu/device.h), it is composed of products and a softmax, and
// stores them; so are its second derivatives.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

}  // namespace nngpu

#endif  // NNGPU_ATTENTION_H_
