// What the loss functions share.
#ifndef NNGPU_SRC_NN_REDUCTION_H_
#define NNGPU_SRC_NN_REDUCTION_H_

#include "nngpu/nn/losses.h"
#include "ops/convert.h"

namespace nngpu::nn {

inline Tensor reduced(const Tensor& loss, Reduction reduction) {
  if (reduction == Reduction::None) return loss;
  return reduction == Reduction::Mean ? mean(loss) : sum(loss);
}

// Prediction and target, of equal shapes, in the accumulating form of their common dtype.
struct LossPair {
  Tensor prediction, target;
};
inline LossPair loss_pair(const char* operation, const Tensor& prediction, const Tensor& target) {
  const std::vector<Tensor> pair = ops::promoted(operation, std::initializer_list<Tensor>{prediction, target});
  if (!(prediction.shape() == target.shape())) {
    fail<ShapeError>(operation, "prediction and target differ in shape: ", prediction.shape(), " and ",
                     target.shape());
  }
  return {ops::as_accumulator(operation, pair[0]), ops::as_accumulator(operation, pair[1])};
}

}  // namespace nngpu::nn

#endif  // NNGPU_SRC_NN_REDUCTION_H_
