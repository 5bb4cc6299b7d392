// The activation functions as modules; nngpu/ops.h and nngpu/activations.h define them.
#ifndef NNGPU_NN_ACTIVATIONS_H_
#define NNGPU_NN_ACTIVATIONS_H_

#include "nngpu/nn/module.h"

namespace nngpu::nn {

class ReLU : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class ReLU6 : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class GELU : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class GELUTanh : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class SiLU : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class Sigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class Tanh : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class Softplus : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class SELU : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class Mish : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class Hardswish : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class Hardsigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class Softsign : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class Tanhshrink : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class LogSigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
};
class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : negative_slope_(negative_slope) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  double negative_slope_;
};
class ELU : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  double alpha_;
};
class CELU : public Module {
 public:
  explicit CELU(double alpha = 1) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  double alpha_;
};
class GLU : public Module {
 public:
  explicit GLU(int64_t axis = -1) : axis_(axis) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  int64_t axis_;
};
class Softmax : public Module {
 public:
  explicit Softmax(int64_t axis = -1) : axis_(axis) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  int64_t axis_;
};
class LogSoftmax : public Module {
 public:
  explicit LogSoftmax(int64_t axis = -1) : axis_(axis) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  int64_t axis_;
};
class Hardtanh : public Module {
 public:
  explicit Hardtanh(double low = -1, double high = 1) : low_(low), high_(high) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  double low_, high_;
};
// One slope for all elements, or one for each of `count` channels.
class PReLU : public Module {
 public:
  explicit PReLU(int64_t count = 1, double initial = 0.25);
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight;
};

}  // namespace nngpu::nn

#endif  // NNGPU_NN_ACTIVATIONS_H_
