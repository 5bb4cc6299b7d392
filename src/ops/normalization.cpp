#include "nngpu/normalization.h"

#include <cmath>

#include "graph/trace.h"
#include "ops/batch_norm.h"
#include "ops/convert.h"
#include "ops/generator.h"
#include "ops/rows.h"

namespace nngpu {
namespace {

void require_epsilon(const char* operation, double epsilon) {
  if (!(epsilon >= 0) || !std::isfinite(epsilon)) fail<ValueError>(operation, "no epsilon: ", epsilon);
}

// A weight, bias or statistic in x's dtype or the one it computes in; undefined stays undefined.
Tensor factor(const char* operation, const char* name, const Tensor& x, const Tensor& t, const Shape& shape) {
  if (!t.defined()) return t;
  if (!is_floating(t.dtype())) fail<DTypeError>(operation, name, " needs a floating dtype: ", t.dtype());
  if (!(t.shape() == shape)) fail<ShapeError>(operation, name, " must have shape ", shape, ": ", t.shape());
  return t.dtype() == x.dtype() ? t : ops::convert(operation, t, compute_dtype(x.dtype()));
}

void require_channels(const char* operation, const Tensor& x) {
  if (x.rank() < 2) fail<ShapeError>(operation, "needs (n, channels, ...): ", x.shape());
}

Shape trailing_shape(const char* operation, const Tensor& x, int64_t axes) {
  if (axes < 1 || axes > x.rank())
    fail<ShapeError>(operation, "cannot normalise ", axes, " trailing axes of ", x.shape());
  Shape shape;
  for (int64_t k = x.rank() - axes; k < x.rank(); ++k) shape.push_back(x.shape()[static_cast<int>(k)]);
  return shape;
}

// x - mean, scaled and shifted by channel: one pass.
Tensor apply(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight, const Tensor& bias,
             double epsilon) {
  const DType dtype = compute_dtype(x.dtype());
  const auto wide = [&](const Tensor& t) { return ops::convert("batch_norm", t, dtype); };
  Tensor scale = rsqrt(wide(var) + epsilon);
  if (weight.defined()) scale = scale * wide(weight);
  Tensor y = (wide(x) - ops::along_channels(wide(mean), x)) * ops::along_channels(scale, x);
  if (bias.defined()) y = y + ops::along_channels(wide(bias), x);
  return ops::convert("batch_norm", y, x.dtype());
}

}  // namespace

Tensor layer_norm(const Tensor& x, int64_t axes, const Tensor& weight, const Tensor& bias, double epsilon) {
  const char* name = "layer_norm";
  const Tensor values = ops::as_floating(name, x);
  const Shape shape = trailing_shape(name, values, axes);
  require_epsilon(name, epsilon);
  return ops::normalize(values, {axes, false, epsilon}, factor(name, "weight", values, weight, shape),
                        factor(name, "bias", values, bias, shape))
      .y;
}

Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight, const Tensor& bias,
                  double epsilon) {
  ops::require_defined("layer_norm", x);
  const bool fits = normalized_shape.size() >= 1 && normalized_shape.size() <= x.rank() &&
                    trailing_shape("layer_norm", x, normalized_shape.size()) == normalized_shape;
  if (!fits) fail<ShapeError>("layer_norm", normalized_shape, " are not the trailing axes of ", x.shape());
  return layer_norm(x, static_cast<int64_t>(normalized_shape.size()), weight, bias, epsilon);
}

Tensor rms_norm(const Tensor& x, int64_t axes, const Tensor& weight, double epsilon) {
  const char* name = "rms_norm";
  const Tensor values = ops::as_floating(name, x);
  const Shape shape = trailing_shape(name, values, axes);
  require_epsilon(name, epsilon);
  return ops::normalize(values, {axes, true, epsilon}, factor(name, "weight", values, weight, shape), Tensor()).y;
}

namespace {

Tensor normalize_groups(const char* name, const Tensor& x, int64_t groups, const Tensor& weight,
                        const Tensor& bias, double epsilon) {
  const Tensor values = ops::as_floating(name, x);
  require_channels(name, x);
  require_epsilon(name, epsilon);
  const int64_t n = x.shape()[0], channels = x.shape()[1];
  if (groups < 1 || channels % groups != 0)
    fail<ValueError>(name, channels, " channels cannot be cut into ", groups, " groups");
  int64_t positions = 1;
  for (int k = 2; k < x.rank(); ++k) positions *= x.shape()[k];
  const DType dtype = compute_dtype(values.dtype());
  const Tensor grouped = ops::convert(name, reshape(values, {n, groups, channels / groups, positions}), dtype);
  const Moments m = moments(grouped, {2, 3}, 0, true);
  Tensor y = (grouped - m.mean) * rsqrt(m.var + epsilon);
  const auto by_channel = [&](const Tensor& t) {
    return ops::convert(name, reshape(t, {groups, channels / groups, 1}), dtype);
  };
  if (weight.defined()) y = y * by_channel(factor(name, "weight", values, weight, {channels}));
  if (bias.defined()) y = y + by_channel(factor(name, "bias", values, bias, {channels}));
  return reshape(ops::convert(name, y, values.dtype()), x.shape());
}

}  // namespace

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double epsilon) {
  return normalize_groups("group_norm", x, groups, weight, bias, epsilon);
}

Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) {
  ops::require_defined("instance_norm", x);
  require_channels("instance_norm", x);
  if (x.shape()[1] == 0) return ops::as_floating("instance_norm", x);
  return normalize_groups("instance_norm", x, x.shape()[1], weight, bias, epsilon);
}

BatchNorm batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) {
  const char* name = "batch_norm";
  const Tensor values = ops::as_floating(name, x);
  require_channels(name, x);
  require_epsilon(name, epsilon);
  const Shape channels = {x.shape()[1]};
  Dims axes = {0};
  for (int64_t k = 2; k < x.rank(); ++k) axes.push_back(k);
  const Moments m = moments(ops::as_accumulator(name, values), axes);
  const ops::BatchNormCall call = {values,
                                   m.mean,
                                   m.var,
                                   factor(name, "weight", values, weight, channels),
                                   factor(name, "bias", values, bias, channels),
                                   epsilon};
  const auto normalised = [&] { return apply(values, m.mean, m.var, call.weight, call.bias, epsilon); };
  return {ops::with_batch_norm_gradient(call, normalised), m.mean, m.var};
}

Tensor batch_norm(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight, const Tensor& bias,
                  double epsilon) {
  const char* name = "batch_norm";
  const Tensor values = ops::as_floating(name, x);
  require_channels(name, x);
  require_epsilon(name, epsilon);
  ops::require_defined(name, mean);
  ops::require_defined(name, var);
  const Shape channels = {x.shape()[1]};
  return apply(values, factor(name, "mean", values, mean, channels), factor(name, "var", values, var, channels),
               factor(name, "weight", values, weight, channels), factor(name, "bias", values, bias, channels),
               epsilon);
}

Tensor dropout(const Tensor& x, double p, Generator generator) {
  const Tensor values = ops::as_floating("dropout", x);
  if (!(p >= 0 && p <= 1)) fail<ValueError>("dropout", "no probability: ", p);
  const auto [seed, offset] =
      graph::draw_blocks(generator.state(), philox_blocks(DType::Bool, numel(values.shape())));
  if (p == 0) return values;  // what is drawn afterwards does not depend on p
  return ops::make_node(ops::OpKind::Dropout, graph::Params(),
                        {values, seed, offset, graph::make_constant(p, DType::F64)});
}

}  // namespace nngpu
