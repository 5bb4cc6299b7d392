// Losses over classes: cross entropy of class indices and of probabilities.
#include <optional>

#include "nn/reduction.h"
#include "nngpu/autograd.h"

namespace nngpu::nn {
namespace {

// What both kinds of targets need to know about the rows.
struct Rows {
  Tensor log_probabilities;  // undefined where cross_entropy() needs none
  Tensor values;             // as they were given
  int axis = 0;              // of the classes
  int64_t classes = 0;
  Tensor weight;  // (classes,), or undefined
};

Rows rows_of(const char* operation, const Tensor& values, const Tensor& weight) {
  const Tensor wide = ops::as_accumulator(operation, values);
  if (wide.rank() == 0) fail<ShapeError>(operation, "needs an axis of classes: ", wide.shape());
  Rows rows{wide, values, wide.rank() == 1 ? 0 : 1, 0, {}};
  rows.classes = wide.shape()[rows.axis];
  if (!weight.defined()) return rows;
  if (!(weight.shape() == Shape{rows.classes})) {
    fail<ShapeError>(operation, "weight of shape ", weight.shape(), " for ", rows.classes, " classes");
  }
  rows.weight = ops::convert(operation, weight, wide.dtype());
  return rows;
}

// The shape without the classes.
Shape row_shape(const Rows& rows) {
  Shape shape = rows.values.shape();
  shape.erase(rows.axis);
  return shape;
}

// The weights of the classes with the rank of the logits.
Tensor class_weights(const Rows& rows) {
  Shape shape = Dims::filled(rows.values.rank(), 1);
  shape[rows.axis] = rows.classes;
  return reshape(rows.weight, shape);
}

// Class indices made ready for gather: those to ignore point at class 0 and count nothing.
struct Labels {
  Tensor indices, counted;
};

Labels labels_of(const char* operation, const Rows& rows, const Tensor& target, int64_t ignore_index) {
  if (!(target.shape() == row_shape(rows))) {
    fail<ShapeError>(operation, "class indices of shape ", target.shape(), " for rows of shape ", row_shape(rows));
  }
  const Tensor labels = ops::as_index(operation, target);
  const Tensor counted = labels != ignore_index;
  // gather would count negative indices from the end; moved by the number of classes they are out of its range.
  const Tensor strict = where(labels < 0, labels - rows.classes, labels);
  return {where(counted, strict, 0), counted};
}

// The element of each row that its label points at, the classes' axis kept.
Tensor picked(const Rows& rows, const Labels& labels, const Tensor& from) {
  return gather(from, expand_dims(labels.indices, rows.axis), rows.axis);
}

Tensor label_losses(const Rows& rows, const Labels& labels) {
  return -squeeze(picked(rows, labels, rows.log_probabilities), rows.axis);
}

// logsumexp of each row less its base, which is constant. Its gradient subtracts the base anew: differences that
// both read would be stored.
Tensor log_sum_exp_beside(const Rows& rows, const Tensor& base, DType dtype) {
  using Tensors = std::vector<Tensor>;
  const auto relative = [dtype](const Tensors& in) { return ops::convert("cross_entropy", in[0], dtype) - in[1]; };
  const auto forward = [relative, axis = rows.axis](const Tensors& in) {
    return Tensors{logsumexp(relative(in), axis, true)};
  };
  const auto backward = [relative](const Tensors& in, const Tensors& out, const Tensors& g) {
    return Tensors{ops::convert("cross_entropy", exp(relative(in) - out[0]) * g[0], in[0].dtype()), Tensor()};
  };
  return custom_gradient(forward, backward)({rows.values, base})[0];
}

// Minus the logarithm of each label's softmax, without the softmax of the others: the logarithm of the sum of
// exponentials relative to the label's logit, which keeps its precision beside large logits. A row is read once,
// and once more for its gradient. A logit that is infinite is added at the end, so that inf - inf is not taken.
Tensor losses_of_logits(const Rows& rows, const Labels& labels, DType dtype) {
  const auto wide = [&](const Tensor& t) { return ops::convert("cross_entropy", t, dtype); };
  const Tensor own = wide(picked(rows, labels, rows.values)), fixed = stop_gradient(own);
  const Tensor base = where(isfinite(fixed), fixed, 0);
  return squeeze(log_sum_exp_beside(rows, base, dtype) + (base - own), rows.axis);
}

// `losses` of the rows, minus the logarithms of the labels' probabilities.
Tensor nll_of_labels(const Rows& rows, const Labels& labels, const Tensor& losses, Reduction reduction,
                     double smoothing) {
  const Tensor& log_p = rows.log_probabilities;
  const Tensor factor = rows.weight.defined() ? where(labels.counted, take(rows.weight, labels.indices), 0)
                                              : cast(labels.counted, losses.dtype());
  // An ignored row may hold infinities: it is left out, not multiplied by zero.
  Tensor loss = where(labels.counted, losses * factor, 0);
  if (smoothing > 0) {
    const Tensor weighted = rows.weight.defined() ? log_p * class_weights(rows) : log_p;
    const Tensor spread = where(labels.counted, -sum(weighted, rows.axis), 0);
    loss = loss * (1 - smoothing) + spread * (smoothing / static_cast<double>(rows.classes));
  }
  if (reduction != Reduction::Mean) return reduced(loss, reduction);
  return sum(loss) / sum(factor);
}

Tensor cross_entropy_of_probabilities(const Rows& rows, const Tensor& target, const CrossEntropyOptions& options) {
  const Tensor& log_p = rows.log_probabilities;
  if (!(target.shape() == log_p.shape())) {
    fail<ShapeError>("cross_entropy", "probabilities of shape ", target.shape(), " for logits of shape ",
                     log_p.shape());
  }
  Tensor wanted = ops::as_accumulator("cross_entropy", target);
  if (options.label_smoothing > 0) {
    wanted = wanted * (1 - options.label_smoothing) + options.label_smoothing / static_cast<double>(rows.classes);
  }
  const Tensor weighted = rows.weight.defined() ? log_p * class_weights(rows) : log_p;
  return reduced(-sum(weighted * wanted, rows.axis), options.reduction);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options) {
  graph::require_defined("cross_entropy", target);
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    fail<ValueError>("cross_entropy", "label smoothing must lie in [0, 1]: ", options.label_smoothing);
  }
  Rows rows = rows_of("cross_entropy", logits, options.weight);
  const DType dtype = rows.log_probabilities.dtype();
  if (is_floating(target.dtype()) || options.label_smoothing > 0 || rows.classes == 0)
    rows.log_probabilities = log_softmax(rows.log_probabilities, rows.axis);
  else
    rows.log_probabilities = Tensor();
  if (is_floating(target.dtype())) return cross_entropy_of_probabilities(rows, target, options);
  const Labels labels = labels_of("cross_entropy", rows, target, options.ignore_index);
  const Tensor losses =
      rows.log_probabilities.defined() ? label_losses(rows, labels) : losses_of_logits(rows, labels, dtype);
  return nll_of_labels(rows, labels, losses, options.reduction, options.label_smoothing);
}

Tensor nll_loss(const Tensor& log_probabilities, const Tensor& target, const NllOptions& options) {
  graph::require_defined("nll_loss", target);
  const Rows rows = rows_of("nll_loss", log_probabilities, options.weight);
  const Labels labels = labels_of("nll_loss", rows, target, options.ignore_index);
  return nll_of_labels(rows, labels, label_losses(rows, labels), options.reduction, 0);
}

}  // namespace nngpu::nn
