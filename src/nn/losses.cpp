// Elementwise losses and those of pairs of vectors. A logarithm or root that a condition leaves out gets a
// harmless argument, so that its gradient there is zero and not NaN.
#include <cmath>
#include <limits>

#include "nn/reduction.h"
#include "nngpu/activations.h"

namespace nngpu::nn {
namespace {

// The loss times a weight that broadcasts to it, reduced. The mean divides by the number of elements.
Tensor weighted(const char* operation, const Tensor& loss, const Tensor& weight, Reduction reduction) {
  if (!weight.defined()) return reduced(loss, reduction);
  if (!(broadcast_shapes(operation, loss.shape(), weight.shape()) == loss.shape())) {
    fail<ShapeError>(operation, "weight of shape ", weight.shape(), " for losses of shape ", loss.shape());
  }
  return reduced(loss * ops::convert(operation, weight, loss.dtype()), reduction);
}

// log(x), at least -100 and without a gradient there. NaN stays NaN.
Tensor bounded_log(const Tensor& x) {
  const Tensor tiny = x <= std::exp(-100.0);
  return where(tiny, -100, log(where(tiny, 1, x)));
}

// log(1 - x), at least -100.
Tensor bounded_log_complement(const Tensor& x) {
  const Tensor tiny = x >= 1;
  return where(tiny, -100, log1p(-where(tiny, 0, x)));
}

// The root of a sum of squares, at least `least` and without a gradient there.
Tensor bounded_norm(const Tensor& squares, double least) {
  const Tensor tiny = squares <= least * least;
  return where(tiny, least, sqrt(where(tiny, 1, squares)));
}

}  // namespace

Tensor binary_cross_entropy(const Tensor& probability, const Tensor& target, const BinaryOptions& options) {
  const auto [p, t] = loss_pair("binary_cross_entropy", probability, target);
  const Tensor entropy = -(t * bounded_log(p) + (1 - t) * bounded_log_complement(p));
  const Tensor loss = where((p < 0) | (p > 1), std::numeric_limits<double>::quiet_NaN(), entropy);
  return weighted("binary_cross_entropy", loss, options.weight, options.reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target,
                                        const BinaryLogitsOptions& options) {
  const char* operation = "binary_cross_entropy_with_logits";
  const auto [x, t] = loss_pair(operation, logits, target);
  Tensor positive = -log_sigmoid(x);
  if (options.pos_weight.defined()) {
    const Tensor factor = ops::convert(operation, options.pos_weight, x.dtype());
    if (!(broadcast_shapes(operation, x.shape(), factor.shape()) == x.shape())) {
      fail<ShapeError>(operation, "pos_weight of shape ", factor.shape(), " for logits of shape ", x.shape());
    }
    positive = positive * ((factor - 1) * t + 1);
  }
  return weighted(operation, (1 - t) * x + positive, options.weight, options.reduction);
}

Tensor mse_loss(const Tensor& prediction, const Tensor& target, Reduction reduction) {
  const auto [p, t] = loss_pair("mse_loss", prediction, target);
  return reduced(square(p - t), reduction);
}

Tensor l1_loss(const Tensor& prediction, const Tensor& target, Reduction reduction) {
  const auto [p, t] = loss_pair("l1_loss", prediction, target);
  return reduced(abs(p - t), reduction);
}

Tensor huber_loss(const Tensor& prediction, const Tensor& target, const HuberOptions& options) {
  const double delta = options.delta;
  if (!(delta > 0)) fail<ValueError>("huber_loss", "delta must be positive: ", delta);
  const auto [p, t] = loss_pair("huber_loss", prediction, target);
  const Tensor distance = abs(p - t);
  const Tensor loss = where(distance <= delta, square(distance) * 0.5, (distance - delta / 2) * delta);
  return reduced(loss, options.reduction);
}

Tensor smooth_l1_loss(const Tensor& prediction, const Tensor& target, const SmoothL1Options& options) {
  const double beta = options.beta;
  if (!(beta >= 0)) fail<ValueError>("smooth_l1_loss", "beta must not be negative: ", beta);
  const auto [p, t] = loss_pair("smooth_l1_loss", prediction, target);
  const Tensor distance = abs(p - t);
  if (beta == 0) return reduced(distance, options.reduction);
  const Tensor loss = where(distance < beta, square(distance) * (0.5 / beta), distance - beta / 2);
  return reduced(loss, options.reduction);
}

Tensor hinge_loss(const Tensor& prediction, const Tensor& target, Reduction reduction) {
  const auto [p, t] = loss_pair("hinge_loss", prediction, target);
  return reduced(relu(1 - t * p), reduction);
}

Tensor kl_divergence(const Tensor& log_prediction, const Tensor& target, const KlOptions& options) {
  const auto [log_p, t] = loss_pair("kl_divergence", log_prediction, target);
  if (options.batch_mean && log_p.rank() == 0) {
    fail<ShapeError>("kl_divergence", "batch_mean needs an axis of the batch: ", log_p.shape());
  }
  if (options.batch_mean && options.reduction != Reduction::Mean) {
    fail<ValueError>("kl_divergence", "batch_mean is a reduction of its own: leave the other at its default");
  }
  Tensor loss;
  if (options.log_target) {
    loss = exp(t) * (t - log_p);
  } else {
    const Tensor none = t == 0;
    loss = where(none, 0, t * (log(where(none, 1, t)) - log_p));
  }
  if (options.batch_mean) return sum(loss) / static_cast<double>(log_p.shape()[0]);
  return reduced(loss, options.reduction);
}

Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t axis, double eps) {
  const std::vector<Tensor> pair = ops::promoted("cosine_similarity", std::initializer_list<Tensor>{a, b});
  const Tensor x = ops::as_accumulator("cosine_similarity", pair[0]);
  const Tensor y = ops::as_accumulator("cosine_similarity", pair[1]);
  const Shape shape = broadcast_shapes("cosine_similarity", x.shape(), y.shape());
  const int at = normalize_axis("cosine_similarity", axis, shape.size());
  const Tensor wide_x = broadcast_to(x, shape), wide_y = broadcast_to(y, shape);
  const Tensor lengths = bounded_norm(sum(square(wide_x), at), eps) * bounded_norm(sum(square(wide_y), at), eps);
  return sum(wide_x * wide_y, at) / lengths;
}

Tensor cosine_embedding_loss(const Tensor& a, const Tensor& b, const Tensor& target,
                             const CosineEmbeddingOptions& options) {
  const char* operation = "cosine_embedding_loss";
  const auto [x, y] = loss_pair(operation, a, b);
  graph::require_defined(operation, target);
  const Shape rows = x.rank() == 2 ? Shape{x.shape()[0]} : Shape{};
  if ((x.rank() != 1 && x.rank() != 2) || !(target.shape() == rows)) {
    fail<ShapeError>(operation, "vectors of shape ", x.shape(), " with a target of shape ", target.shape());
  }
  constexpr double kEps = 1e-12;
  const Tensor squares = (sum(square(x), -1) + kEps) * (sum(square(y), -1) + kEps);
  const Tensor cosine = sum(x * y, -1) / sqrt(squares);
  const Tensor apart = where(target == -1, relu(cosine - options.margin), 0);
  return reduced(where(target == 1, 1 - cosine, apart), options.reduction);
}

}  // namespace nngpu::nn
