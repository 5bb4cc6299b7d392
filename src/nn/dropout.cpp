#include "nngpu/nn/dropout.h"

#include "nn/describe.h"
#include "nngpu/normalization.h"

namespace nngpu::nn {

Dropout::Dropout(double p, Generator generator) : p_(p), generator_(std::move(generator)) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>("Dropout", "no probability: ", p);
}

Tensor Dropout::forward(const Tensor& x) const { return is_training() ? dropout(x, p_, generator_) : x; }

std::string Dropout::describe() const { return called("Dropout", p_); }

}  // namespace nngpu::nn
