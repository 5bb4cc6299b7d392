// Dropout as a layer.
#ifndef NNGPU_NN_DROPOUT_H_
#define NNGPU_NN_DROPOUT_H_

#include "nngpu/nn/module.h"
#include "nngpu/random.h"

namespace nngpu::nn {

// In training, zeros elements with probability p and divides the others by 1 - p. The generator's state advances
// in compiled functions too.
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5, Generator generator = default_generator());
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  double p_;
  Generator generator_;
};

}  // namespace nngpu::nn

#endif  // NNGPU_NN_DROPOUT_H_
