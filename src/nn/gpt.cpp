// The language model of nngpu/nn/models.h.
#include <cmath>

#include "nn/describe.h"
#include "nn/run_checkpointed.h"
#include "nngpu/attention.h"
#include "nngpu/nn/init.h"
#include "nngpu/nn/models.h"
#include "nngpu/ops.h"

namespace nngpu::nn::models {
namespace {

// A Linear that starts as nanoGPT's do: normal of the given deviation, biases zero.
Linear linear(int64_t in, int64_t out, const GptOptions& options, double deviation = 0.02) {
  Linear layer(in, out, {.bias = options.bias, .generator = options.generator});
  layer.weight.assign(init::normal(layer.weight.shape(), 0, deviation, options.generator));
  if (options.bias) layer.bias.assign(zeros({out}));
  return layer;
}

// Of layers whose results are added to the stream: many are.
double added_deviation(const GptOptions& options) {
  return 0.02 / std::sqrt(2 * static_cast<double>(options.layers));
}

class CausalAttention : public Module {
 public:
  explicit CausalAttention(const GptOptions& options)
      : c_attn_(register_module("c_attn", linear(options.size, 3 * options.size, options))),
        c_proj_(register_module("c_proj", linear(options.size, options.size, options, added_deviation(options)))),
        dropout_(register_module("resid_dropout", Dropout(options.dropout, options.generator))),
        options_(options) {}

  Tensor forward(const Tensor& x) const override {
    const Shape heads = {x.shape()[0], x.shape()[1], options_.heads, options_.size / options_.heads};
    std::vector<Tensor> parts = split(c_attn_(x), 3, -1);
    for (Tensor& part : parts) part = swapaxes(reshape(part, heads), 1, 2);
    const Tensor y = scaled_dot_product_attention(
        parts[0], parts[1], parts[2],
        {.causal = true, .dropout = is_training() ? options_.dropout : 0, .generator = options_.generator});
    return dropout_(c_proj_(reshape(swapaxes(y, 1, 2), x.shape())));
  }

 private:
  Linear c_attn_, c_proj_;
  Dropout dropout_;
  GptOptions options_;
};

class FeedForward : public Module {
 public:
  explicit FeedForward(const GptOptions& options)
      : c_fc_(register_module("c_fc", linear(options.size, 4 * options.size, options))),
        c_proj_(
            register_module("c_proj", linear(4 * options.size, options.size, options, added_deviation(options)))),
        dropout_(register_module("dropout", Dropout(options.dropout, options.generator))) {}
  Tensor forward(const Tensor& x) const override { return dropout_(c_proj_(gelu(c_fc_(x)))); }

 private:
  Linear c_fc_, c_proj_;
  Dropout dropout_;
};

class Block : public Module {
 public:
  explicit Block(const GptOptions& options)
      : ln_1_(register_module("ln_1", LayerNorm(options.size, {.bias = options.bias}))),
        attn_(register_module("attn", CausalAttention(options))),
        ln_2_(register_module("ln_2", LayerNorm(options.size, {.bias = options.bias}))),
        mlp_(register_module("mlp", FeedForward(options))) {}
  Tensor forward(const Tensor& x) const override {
    const Tensor y = x + attn_(ln_1_(x));
    return y + mlp_(ln_2_(y));
  }

 private:
  LayerNorm ln_1_;
  CausalAttention attn_;
  LayerNorm ln_2_;
  FeedForward mlp_;
};

Embedding embedding(int64_t count, const GptOptions& options) {
  Embedding layer(count, options.size, options.generator);
  layer.weight.assign(init::normal(layer.weight.shape(), 0, 0.02, options.generator));
  return layer;
}

// Tokens to the stream's last state.
class Transformer : public Module {
 public:
  explicit Transformer(const GptOptions& options)
      : wte_(register_module("wte", embedding(options.vocabulary, options))),
        wpe_(register_module("wpe", embedding(options.context, options))),
        drop_(register_module("drop", Dropout(options.dropout, options.generator))),
        h_(register_module("h", blocks(options))),
        ln_f_(register_module("ln_f", LayerNorm(options.size, {.bias = options.bias}))),
        checkpoint_(options.checkpoint) {}

  Tensor forward(const Tensor& tokens) const override {
    const int64_t length = tokens.rank() == 2 ? tokens.shape()[1] : -1, context = wpe_.weight.shape()[0];
    if (length < 0 || length > context) {
      fail<ShapeError>("Gpt", "tokens of shape ", tokens.shape(), " for a context of ", context);
    }
    Tensor y = drop_(wte_(tokens) + slice(wpe_.weight.value(), 0, 0, length));
    for (size_t i = 0; i < h_.size(); ++i) y = run_checkpointed(checkpoint_, h_, i, y);
    return ln_f_(y);
  }

  const Variable& token_weight() const { return wte_.weight; }

 private:
  static ModuleList blocks(const GptOptions& options) {
    ModuleList list;
    for (int64_t i = 0; i < options.layers; ++i) list.push_back(Block(options));
    return list;
  }

  Embedding wte_, wpe_;
  Dropout drop_;
  ModuleList h_;
  LayerNorm ln_f_;
  bool checkpoint_;
};

// The last layer under its name, with the embedding's weight.
class TiedLinear : public Module {
 public:
  explicit TiedLinear(const Variable& weight) : weight_(register_parameter("weight", weight)) {}
  Tensor forward(const Tensor& x) const override { return matmul(x, transpose(weight_.value())); }
  std::string describe() const override {
    return called("Linear", weight_.shape()[1], weight_.shape()[0], "tied");
  }

 private:
  Variable weight_;
};

}  // namespace

Gpt::Gpt(const GptOptions& options) {
  require_positive("Gpt", {options.vocabulary, options.context, options.layers, options.heads, options.size});
  if (options.size % options.heads != 0) {
    fail<ValueError>("Gpt", "size ", options.size, " cannot be divided into ", options.heads, " heads");
  }
  const Transformer transformer(options);
  register_module("transformer", transformer);
  register_module("lm_head", TiedLinear(transformer.token_weight()));
}

Tensor Gpt::forward(const Tensor& tokens) const { return child("lm_head")(child("transformer")(tokens)); }

}  // namespace nngpu::nn::models
