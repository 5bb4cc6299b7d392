// Loss functions, with the definitions of PyTorch.
//
// Half types are computed and returned in f32, integers are taken as f32. Predictions and targets of elementwise
// losses have equal shapes: a loss never broadcasts, since (n, 1) against (n,) is a mistake. Reduction::None gives
// one loss an element (a row for losses over classes). Errors: ShapeError, DTypeError, ValueError at the call;
// IndexError for a label out of range when a value is read.
#ifndef NNGPU_NN_LOSSES_H_
#define NNGPU_NN_LOSSES_H_

#include <cstdint>

#include "nngpu/tensor.h"

namespace nngpu::nn {

enum class Reduction { Mean, Sum, None };

struct CrossEntropyOptions {
  Tensor weight = {};  // (classes,): a factor for each class; undefined: 1
  double label_smoothing = 0;
  int64_t ignore_index = -100;  // rows of this label count nothing; for class indices only
  Reduction reduction = Reduction::Mean;
};
// -log softmax(logits)[target]. logits: (n, classes, ...), or (classes,) for one row. target: integer class
// indices of the shape without the axis of classes, or probabilities (floating) of the logits' shape. The mean of
// class indices divides by the sum of the weights of the rows that count (NaN if none does), the mean of
// probabilities by the number of rows.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options = {});

struct NllOptions {
  Tensor weight = {};
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::Mean;
};
// cross_entropy of what log_softmax() gave, for class indices.
Tensor nll_loss(const Tensor& log_probabilities, const Tensor& target, const NllOptions& options = {});

struct BinaryOptions {
  Tensor weight = {};  // a factor for each element, broadcast to the prediction's shape; undefined: 1
  Reduction reduction = Reduction::Mean;
};
// -(t log p + (1 - t) log(1 - p)), each logarithm at least -100; where it is cut off its gradient is 0. NaN where
// p lies outside of [0, 1].
Tensor binary_cross_entropy(const Tensor& probability, const Tensor& target, const BinaryOptions& options = {});

struct BinaryLogitsOptions {
  Tensor weight = {};
  Tensor pos_weight = {};  // a factor for the positive part of each class, broadcast; undefined: 1
  Reduction reduction = Reduction::Mean;
};
// binary_cross_entropy of sigmoid(logits), exact for large logits.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target,
                                        const BinaryLogitsOptions& options = {});

// (p - t)^2.
Tensor mse_loss(const Tensor& prediction, const Tensor& target, Reduction reduction = Reduction::Mean);
// |p - t|.
Tensor l1_loss(const Tensor& prediction, const Tensor& target, Reduction reduction = Reduction::Mean);

struct HuberOptions {
  double delta = 1;  // above 0
  Reduction reduction = Reduction::Mean;
};
// (p - t)^2 / 2 for differences up to delta, delta (|p - t| - delta / 2) beyond (Huber, 1964).
Tensor huber_loss(const Tensor& prediction, const Tensor& target, const HuberOptions& options = {});

struct SmoothL1Options {
  double beta = 1;  // 0: l1_loss
  Reduction reduction = Reduction::Mean;
};
// (p - t)^2 / (2 beta) for differences below beta, |p - t| - beta / 2 from there on (Girshick, 2015).
Tensor smooth_l1_loss(const Tensor& prediction, const Tensor& target, const SmoothL1Options& options = {});

// max(0, 1 - t p) for targets -1 and 1.
Tensor hinge_loss(const Tensor& prediction, const Tensor& target, Reduction reduction = Reduction::Mean);

struct KlOptions {
  bool log_target = false;  // the target holds log-probabilities
  bool batch_mean =
      false;  // the sum divided by the size of axis 0: the divergence's definition; excludes `reduction`
  Reduction reduction = Reduction::Mean;  // Mean is over all elements
};
// t (log t - log p), with 0 log 0 = 0. The prediction holds log-probabilities.
Tensor kl_divergence(const Tensor& log_prediction, const Tensor& target, const KlOptions& options = {});

// a . b / (max(|a|, eps) max(|b|, eps)) along an axis, which is dropped. Broadcasts.
Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t axis = 1, double eps = 1e-8);

struct CosineEmbeddingOptions {
  double margin = 0;
  Reduction reduction = Reduction::Mean;
};
// 1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1. a and b: (n, d) with target
// (n,), or (d,) with one target.
Tensor cosine_embedding_loss(const Tensor& a, const Tensor& b, const Tensor& target,
                             const CosineEmbeddingOptions& options = {});

}  // namespace nngpu::nn

#endif  // NNGPU_NN_LOSSES_H_
