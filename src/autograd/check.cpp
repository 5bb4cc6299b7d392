// Gradients against finite differences.
#include <cmath>

#include "autograd/require.h"
#include "nngpu/autograd.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

// One number of all floating results: their sum with fixed random weights.
class Weighted {
 public:
  Weighted(const TensorFunction& function, uint64_t seed) : function_(function), seed_(seed) {}

  Tensor operator()(const std::vector<Tensor>& inputs) const {
    Generator generator(seed_);
    Tensor total;
    for (const Tensor& output : function_(inputs)) {
      if (!is_floating(output.dtype())) continue;
      const Tensor weights = uniform(output.shape(), 0.5, 1.5, DType::F64, generator);
      const Tensor part = sum(cast(output, DType::F64) * weights.to(output.device()));
      total = total.defined() ? total + part : part;
    }
    if (!total.defined()) throw DTypeError("[check_gradients] the function has no floating result");
    return total;
  }

 private:
  const TensorFunction& function_;
  uint64_t seed_;
};

// The function's value with element `i` of input `k` moved by `step`.
double moved(const Weighted& function, std::vector<Tensor> inputs, size_t k, size_t i, double step) {
  const NoGrad constant;
  std::vector<double> values = inputs[k].to_vector<double>();
  values[i] += step;
  inputs[k] = Tensor::from_vector(values, inputs[k].shape(), inputs[k].device());
  return function(inputs).item<double>();
}

}  // namespace

void check_gradients(const TensorFunction& function, const std::vector<Tensor>& inputs,
                     const CheckGradientsOptions& options) {
  autograd::require_function("check_gradients", function);
  if (!(options.step > 0)) fail<ValueError>("check_gradients", "step must be positive: ", options.step);
  for (const Tensor& input : inputs) {
    graph::require_defined("check_gradients", input);
    if (input.dtype() != DType::F64)
      fail<DTypeError>("check_gradients", "finite differences need f64: ", input.dtype());
  }
  const Weighted weighted(function, options.seed);
  const auto scalar = [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{weighted(in)}; };
  const std::vector<Tensor> gradients = value_and_gradients(scalar, inputs).gradients;
  for (size_t k = 0; k < inputs.size(); ++k) {
    const std::vector<double> analytic = gradients[k].to_vector<double>();
    const std::vector<double> at = inputs[k].to_vector<double>();
    for (size_t i = 0; i < analytic.size(); ++i) {
      const double h = options.step * std::max(1.0, std::abs(at[i]));
      const double numeric = (moved(weighted, inputs, k, i, h) - moved(weighted, inputs, k, i, -h)) / (2 * h);
      if (std::abs(analytic[i] - numeric) <= options.atol + options.rtol * std::abs(numeric)) continue;
      fail<GradientError>("check_gradients", "element ", i, " of input ", k, ": the gradient is ", analytic[i],
                          ", finite differences give ", numeric);
    }
  }
}

}  // namespace nngpu
