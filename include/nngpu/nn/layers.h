// Dense layers, embeddings and reshaping. Parameters start as PyTorch's do: uniform within 1 /
// sqrt(inputs), embeddings normal. All are f32; Module::to() converts them.
#ifndef NNGPU_NN_LAYERS_H_
#define NNGPU_NN_LAYERS_H_

#include "nngpu/nn/module.h"
#include "nngpu/random.h"

namespace nngpu::nn {

struct LinearOptions {
  bool bias = true;
  Generator generator = default_generator();  // of the initial values
};
// x (..., in) -> x weight^T + bias: (..., out). weight (out, in), bias (out,).
class Linear : public Module {
 public:
  Linear(int64_t in, int64_t out, const LinearOptions& options = {});
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight, bias;  // bias is undefined without one
};

// (a (..., in1), b (..., in2)) -> a^T weight[o] b + bias[o]: (..., out). weight (out, in1, in2).
class Bilinear : public Module {
 public:
  Bilinear(int64_t in1, int64_t in2, int64_t out, const LinearOptions& options = {});
  using Module::operator();
  Tensor operator()(const Tensor& a, const Tensor& b) const;
  Tensor forward(const Tensor& x) const override;  // both are x
  std::string describe() const override;

  Variable weight, bias;
};

// Integer indices (...) -> rows of weight (count, size): (..., size). IndexError out of range when read; negative
// indices count from the end.
class Embedding : public Module {
 public:
  Embedding(int64_t count, int64_t size, Generator generator = default_generator());
  Tensor forward(const Tensor& indices) const override;
  std::string describe() const override;

  Variable weight;
};

class Identity : public Module {
 public:
  Tensor forward(const Tensor& x) const override { return x; }
};

// Joins the axes from `first` to `last`.
class Flatten : public Module {
 public:
  explicit Flatten(int64_t first = 1, int64_t last = -1) : first_(first), last_(last) {}
  Tensor forward(const Tensor& x) const override;

 private:
  int64_t first_, last_;
};

}  // namespace nngpu::nn

#endif  // NNGPU_NN_LAYERS_H_
