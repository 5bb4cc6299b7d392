// Shape changes without data movement where strides allow.
#include "ops/axes.h"

namespace nngpu {
namespace {

using ops::make_node;
using ops::OpKind;

// The shape with a size of -1 replaced by what the number of elements leaves for it.
Shape resolved(const Tensor& x, const Shape& shape) {
  int unknown = -1;
  Shape known = shape;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] != -1) continue;
    if (unknown >= 0) fail<ShapeError>("reshape", "more than one size is -1: ", shape);
    unknown = i;
    known[i] = 1;
  }
  if (unknown < 0) return shape;
  const int64_t count = numel(known), total = x.numel();
  if (count == 0 || total % count != 0)
    fail<ShapeError>("reshape", "number of elements does not divide: ", x.shape(), " to ", shape);
  known[unknown] = total / count;
  return known;
}

Dims identity_permutation(int rank) {
  Dims axes;
  for (int i = 0; i < rank; ++i) axes.push_back(i);
  return axes;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  graph::require_defined("reshape", x);
  const Shape target = resolved(x, shape);
  return target == x.shape() ? x : make_node(OpKind::Reshape, graph::ShapeParams{target}, {x});
}

Tensor flatten(const Tensor& x, int64_t first_axis, int64_t last_axis) {
  graph::require_defined("flatten", x);
  if (x.rank() == 0) return reshape(x, {1});
  const int first = normalize_axis("flatten", first_axis, x.rank());
  const int last = normalize_axis("flatten", last_axis, x.rank());
  if (first > last) fail<ValueError>("flatten", "first axis after the last: ", first_axis, " and ", last_axis);
  Shape shape(x.shape().begin(), x.shape().begin() + first);
  shape.push_back(numel(Shape(x.shape().begin() + first, x.shape().begin() + last + 1)));
  for (int i = last + 1; i < x.rank(); ++i) shape.push_back(x.shape()[i]);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, const Axes& axes) {
  graph::require_defined("squeeze", x);
  int64_t ones = 0;
  for (int i = 0; i < x.rank(); ++i) ones |= int64_t{x.shape()[i] == 1} << i;
  if (axes.dims.empty()) return ops::drop_axes(x, ones);
  const int64_t mask = ops::axes_mask("squeeze", axes, x.rank());
  if (mask & ~ones) fail<ShapeError>("squeeze", "axes not of size 1: ", axes.dims, " of ", x.shape());
  return ops::drop_axes(x, mask);
}

Tensor expand_dims(const Tensor& x, int64_t axis) {
  graph::require_defined("expand_dims", x);
  Shape shape = x.shape();
  shape.insert(normalize_axis("expand_dims", axis, x.rank() + 1), 1);
  return reshape(x, shape);
}

Tensor permute(const Tensor& x, const Dims& axes) {
  graph::require_defined("permute", x);
  Dims normalized;
  for (int64_t axis : axes) normalized.push_back(normalize_axis("permute", axis, x.rank()));
  if (normalized == identity_permutation(x.rank())) return x;
  return make_node(OpKind::Permute, graph::PermuteParams{normalized}, {x});
}

Tensor transpose(const Tensor& x) {
  graph::require_defined("transpose", x);
  if (x.rank() < 2) fail<ShapeError>("transpose", "needs at least two dimensions: ", x.shape());
  return swapaxes(x, -2, -1);
}

Tensor swapaxes(const Tensor& x, int64_t a, int64_t b) {
  graph::require_defined("swapaxes", x);
  Dims axes = identity_permutation(x.rank());
  std::swap(axes[normalize_axis("swapaxes", a, x.rank())], axes[normalize_axis("swapaxes", b, x.rank())]);
  return permute(x, axes);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  graph::require_defined("broadcast_to", x);
  return shape == x.shape() ? x : make_node(OpKind::Broadcast, graph::ShapeParams{shape}, {x});
}

Tensor contiguous(const Tensor& x) {
  graph::require_defined("contiguous", x);
  // Only a computed value has a layout; the plan of a pending one drops the copy where it is row-major anyhow.
  if (x.is_ready() && x.is_contiguous()) return x;
  return make_node(OpKind::Copy, graph::Params(), {x});
}

}  // namespace nngpu
