// Attention layers. Sequences are (n, length, size): the batch comes first.
#ifndef NNGPU_NN_TRANSFORMER_H_
#define NNGPU_NN_TRANSFORMER_H_

#include "nngpu/nn/dropout.h"
#include "nngpu/nn/layers.h"
#include "nngpu/nn/normalization.h"
#include "nngpu/ops.h"

namespace nngpu::nn {

struct MultiHeadAttentionOptions {
  bool bias = true;
  double dropout = 0;  // of the attention weights, in training
  bool causal = false;
  Generator generator = default_generator();
};
// Attention of `heads` heads of size / heads numbers each, projected before and after (Vaswani et al., 2017).
// in_proj_weight (3 size, size) and in_proj_bias (3 size,) hold the projections of queries, keys and values one
// below the other; out_proj is a Linear.
class MultiHeadAttention : public Module {
 public:
  MultiHeadAttention(int64_t size, int64_t heads, const MultiHeadAttentionOptions& options = {});
  Tensor forward(const Tensor& x) const override;  // of a sequence to itself
  using Module::operator();
  // query (n, l, size), key and value (n, s, size) or (1, s, size) -> (n, l, size). `mask` as in AttentionOptions,
  // for scores (n, heads, l, s).
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask = {}) const;
  std::string describe() const override;

  Variable in_proj_weight, in_proj_bias;
  Linear out_proj;

 private:
  void require_sequences(const Tensor& x) const;
  Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) const;
  int64_t size_, heads_;
  MultiHeadAttentionOptions options_;
};

struct TransformerEncoderLayerOptions {
  int64_t feed_forward = 2048;
  double dropout = 0.1;
  bool norm_first = false;  // normalize what goes into attention and network instead of the sums
  bool causal = false;
  Tensor (*activation)(const Tensor&) = relu;
  Generator generator = default_generator();
};
// Self-attention and a network of two layers, each with dropout, added to its input and normalized. Names:
// self_attn, linear1, linear2, norm1, norm2.
class TransformerEncoderLayer : public Module {
 public:
  TransformerEncoderLayer(int64_t size, int64_t heads, const TransformerEncoderLayerOptions& options = {});
  Tensor forward(const Tensor& x) const override { return (*this)(x, Tensor()); }
  using Module::operator();
  Tensor operator()(const Tensor& x, const Tensor& mask) const;

  MultiHeadAttention self_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2;

 private:
  TransformerEncoderLayerOptions options_;
  Dropout dropout_;
};

}  // namespace nngpu::nn

#endif  // NNGPU_NN_TRANSFORMER_H_
