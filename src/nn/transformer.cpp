#include "nngpu/nn/transformer.h"

#include "graph/node.h"
#include "nn/describe.h"
#include "nngpu/amp.h"
#include "nngpu/attention.h"
#include "nngpu/nn/init.h"

namespace nngpu::nn {
namespace {

// (n, l, size) -> (n, heads, l, size / heads).
Tensor split_heads(const Tensor& x, int64_t heads) {
  return swapaxes(reshape(x, {x.shape()[0], x.shape()[1], heads, x.shape()[2] / heads}), 1, 2);
}

// In a scope of autocast the sum has the product's dtype, as a Linear's has.
Tensor project(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor y = matmul(x, transpose(weight));
  if (!bias.defined()) return y;
  return y + (autocast_dtype() ? cast(bias, y.dtype()) : bias);
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(int64_t size, int64_t heads, const MultiHeadAttentionOptions& options)
    : out_proj(size, size, {.bias = options.bias, .generator = options.generator}),
      size_(size),
      heads_(heads),
      options_(options) {
  require_positive("MultiHeadAttention", {size, heads});
  if (size % heads != 0) {
    fail<ValueError>("MultiHeadAttention", "size ", size, " cannot be divided into ", heads, " heads");
  }
  if (!(options.dropout >= 0 && options.dropout <= 1)) {
    fail<ValueError>("MultiHeadAttention", "no probability: ", options.dropout);
  }
  in_proj_weight =
      register_parameter("in_proj_weight", init::xavier_uniform({3 * size, size}, 1, options.generator));
  if (options.bias) {
    in_proj_bias = register_parameter("in_proj_bias", zeros({3 * size}));
    out_proj.bias.assign(zeros({size}));
  }
  register_module("out_proj", out_proj);
}

Tensor MultiHeadAttention::attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) const {
  AttentionOptions options{.mask = mask, .causal = options_.causal, .generator = options_.generator};
  if (is_training()) options.dropout = options_.dropout;
  const Tensor heads = scaled_dot_product_attention(split_heads(q, heads_), split_heads(k, heads_),
                                                    split_heads(v, heads_), options);
  return out_proj(reshape(swapaxes(heads, 1, 2), q.shape()));
}

void MultiHeadAttention::require_sequences(const Tensor& x) const {
  graph::require_defined("MultiHeadAttention", x);
  if (x.rank() != 3 || x.shape()[2] != size_) {
    fail<ShapeError>("MultiHeadAttention", "an input of shape ", x.shape(), " for size ", size_);
  }
}

Tensor MultiHeadAttention::forward(const Tensor& x) const {
  require_sequences(x);
  const Tensor bias = in_proj_bias.defined() ? in_proj_bias.value() : Tensor();
  const std::vector<Tensor> parts = split(project(x, in_proj_weight, bias), 3, -1);
  return attend(parts[0], parts[1], parts[2], Tensor());
}

Tensor MultiHeadAttention::operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                                      const Tensor& mask) const {
  for (const Tensor* x : {&query, &key, &value}) {
    require_sequences(*x);
    const int64_t batch = x->shape()[0];
    if (batch == query.shape()[0] || batch == 1) continue;
    fail<ShapeError>("MultiHeadAttention", "batches differ: ", query.shape(), ", ", key.shape(), ", ",
                     value.shape());
  }
  const auto part = [&](const Tensor& x, int64_t i) {
    const Tensor bias =
        in_proj_bias.defined() ? slice(in_proj_bias.value(), 0, i * size_, (i + 1) * size_) : Tensor();
    return project(x, slice(in_proj_weight.value(), 0, i * size_, (i + 1) * size_), bias);
  };
  return attend(part(query, 0), part(key, 1), part(value, 2), mask);
}

std::string MultiHeadAttention::describe() const { return called("MultiHeadAttention", size_, heads_); }

TransformerEncoderLayer::TransformerEncoderLayer(int64_t size, int64_t heads,
                                                 const TransformerEncoderLayerOptions& options)
    : self_attn(size, heads,
                {.dropout = options.dropout, .causal = options.causal, .generator = options.generator}),
      linear1(size, options.feed_forward, {.generator = options.generator}),
      linear2(options.feed_forward, size, {.generator = options.generator}),
      norm1(size),
      norm2(size),
      options_(options),
      dropout_(options.dropout, options.generator) {
  if (options.activation == nullptr) fail<ValueError>("TransformerEncoderLayer", "there is no activation");
  register_module("self_attn", self_attn);
  register_module("linear1", linear1);
  register_module("linear2", linear2);
  register_module("norm1", norm1);
  register_module("norm2", norm2);
  register_module("dropout", dropout_);
}

Tensor TransformerEncoderLayer::operator()(const Tensor& x, const Tensor& mask) const {
  const auto attention = [&](const Tensor& t) {
    return dropout_(mask.defined() ? self_attn(t, t, t, mask) : self_attn(t));
  };
  const auto network = [&](const Tensor& t) {
    return dropout_(linear2(dropout_(options_.activation(linear1(t)))));
  };
  if (options_.norm_first) {
    const Tensor y = x + attention(norm1(x));
    return y + network(norm2(y));
  }
  const Tensor y = norm1(x + attention(x));
  return norm2(y + network(y));
}

}  // namespace nngpu::nn
