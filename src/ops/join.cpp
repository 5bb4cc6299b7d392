// Operations whose result is larger than their operands: joining, padding, repeating.

#include "ops/convert.h"

namespace nngpu {
namespace {

using ops::make_node;
using ops::OpKind;

// A (before, inner) matrix view of x with `count` copies of each row: (before, count, inner) in one axis fewer, so
// that it works at the largest rank.
Tensor copies(const Tensor& x, int64_t before, int64_t count, const Shape& result) {
  const int64_t inner = before == 0 ? 0 : x.numel() / before;
  return reshape(broadcast_to(reshape(x, {before, 1, inner}), {before, count, inner}), result);
}

// The product of the sizes before an axis.
int64_t outer_count(const Shape& shape, int axis) { return numel(Shape(shape.begin(), shape.begin() + axis)); }

int64_t repeated_size(const char* operation, int64_t size, int64_t repeats) {
  if (repeats < 0) fail<ValueError>(operation, "negative repeats: ", repeats);
  int64_t result = 0;
  if (__builtin_mul_overflow(size, repeats, &result)) fail<ValueError>(operation, "too many repeats: ", repeats);
  return result;
}

}  // namespace

Tensor concatenate(const std::vector<Tensor>& tensors, int64_t axis) {
  if (tensors.empty()) fail<ValueError>("concatenate", "needs at least one tensor");
  const std::vector<Tensor> parts = ops::promoted("concatenate", tensors);
  const int k = normalize_axis("concatenate", axis, parts[0].rank());
  if (parts.size() == 1) return parts[0];
  return make_node(OpKind::Concat, graph::AxisParams{k}, parts);
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t axis) {
  if (tensors.empty()) fail<ValueError>("stack", "needs at least one tensor");
  std::vector<Tensor> parts = ops::promoted("stack", tensors);
  const Shape shape = parts[0].shape();
  const int k = normalize_axis("stack", axis, shape.size() + 1);
  for (Tensor& part : parts) {
    if (!(part.shape() == shape)) fail<ShapeError>("stack", "shapes differ: ", shape, " and ", part.shape());
    part = expand_dims(part, k);
  }
  return concatenate(parts, k);
}

Tensor pad(const Tensor& x, const std::vector<std::pair<int64_t, int64_t>>& widths, PadMode mode, double value) {
  graph::require_defined("pad", x);
  graph::PadParams params{static_cast<int64_t>(mode), {}, {}};
  bool any = static_cast<int>(widths.size()) != x.rank();  // the rule reports a wrong count
  for (const auto& [before, after] : widths) {
    params.before.push_back(before);
    params.after.push_back(after);
    any |= before != 0 || after != 0;
  }
  if (!any) return x;
  return make_node(OpKind::Pad, params, {x, ops::scalar("pad", value, x.dtype(), x.device())});
}

Tensor tile(const Tensor& x, const Dims& repeats) {
  graph::require_defined("tile", x);
  Shape shape = x.shape();
  Dims counts = repeats;
  while (shape.size() < counts.size()) shape.insert(0, 1);
  while (counts.size() < shape.size()) counts.insert(0, 1);
  Tensor result = reshape(x, shape);
  for (int axis = 0; axis < shape.size(); ++axis) {
    shape[axis] = repeated_size("tile", shape[axis], counts[axis]);
    if (counts[axis] != 1) result = copies(result, outer_count(shape, axis), counts[axis], shape);
  }
  return result;
}

Tensor repeat(const Tensor& x, int64_t repeats, int64_t axis) {
  graph::require_defined("repeat", x);
  const int k = normalize_axis("repeat", axis, x.rank());
  if (repeats == 1) return x;
  Shape shape = x.shape();
  const int64_t before = outer_count(shape, k + 1);
  shape[k] = repeated_size("repeat", shape[k], repeats);
  return copies(x, before, repeats, shape);
}

}  // namespace nngpu
