#include "graph/infer_rules.h"

namespace nngpu::graph {

Outputs infer_reshape(const ShapeParams& params, const Tensor& x) {
  if (numel(params.shape) != x.numel())
    fail<ShapeError>("reshape", "number of elements differs: ", x.shape(), " to ", params.shape);
  return one(params.shape, x.dtype());
}

Outputs infer_broadcast(const ShapeParams& params, const Tensor& x) {
  numel(params.shape);  // throws for a negative size
  const bool fits =
      x.rank() <= params.shape.size() && broadcast_shapes("broadcast_to", x.shape(), params.shape) == params.shape;
  if (!fits) fail<ShapeError>("broadcast_to", "shape does not broadcast: ", x.shape(), " to ", params.shape);
  return one(params.shape, x.dtype());
}

Outputs infer_permute(const PermuteParams& params, const Tensor& x) {
  Shape shape;
  uint32_t seen = 0;
  for (int64_t axis : params.axes) {
    if (axis < 0 || axis >= x.rank() || (seen >> axis & 1)) break;
    seen |= 1u << axis;
    shape.push_back(x.shape()[static_cast<int>(axis)]);
  }
  if (shape.size() != x.rank() || params.axes.size() != x.rank())
    fail<ValueError>("permute", "not a permutation of the axes: ", params.axes, " of ", x.shape());
  return one(shape, x.dtype());
}

Outputs infer_slice(const SliceParams& params, const Tensor& x) {
  const int rank = x.rank();
  if (params.start.size() != rank || params.size.size() != rank || params.step.size() != rank)
    fail<ShapeError>("slice", "needs one range an axis: ", x.shape());
  for (int i = 0; i < rank; ++i) {
    const int64_t n = x.shape()[i], start = params.start[i], size = params.size[i], step = params.step[i];
    const int64_t width = step > 0 ? step : -std::max(step, -INT64_MAX);
    if (size == 0) continue;
    const int64_t room = step > 0 ? n - 1 - start : start;
    const bool inside =
        size > 0 && step != 0 && start >= 0 && start < n && (size == 1 || room / width >= size - 1);
    if (!inside)
      fail<IndexError>("slice", "range out of axis ", i, " of ", x.shape(), ": start ", start, ", size ", size,
                       ", step ", step);
  }
  return one(params.size, x.dtype());
}

Outputs infer_diagonal(const DiagonalParams& params, const Tensor& x) {
  const int rank = x.rank();
  if (rank < 2) fail<ShapeError>("diagonal", "needs at least two dimensions: ", x.shape());
  const int64_t m = x.shape()[rank - 2], n = x.shape()[rank - 1], offset = params.offset;
  // Offsets beyond the matrix give an empty diagonal, as in NumPy; the comparisons come first because the
  // differences could overflow.
  int64_t length = 0;
  if (offset >= 0 && offset < n) length = std::min(m, n - offset);
  if (offset < 0 && offset > -m) length = std::min(m + offset, n);
  Shape shape(x.shape().begin(), x.shape().end() - 2);
  shape.push_back(length);
  return one(shape, x.dtype());
}

Outputs infer_concat(const AxisParams& params, Inputs inputs) {
  if (inputs.empty()) fail<ValueError>("concatenate", "needs at least one tensor");
  const int axis = normalize_axis("concatenate", params.axis, inputs[0].rank());
  Shape shape = inputs[0].shape();
  for (size_t i = 1; i < inputs.size(); ++i) {
    require_same_dtype("concatenate", inputs[0], inputs[i]);
    require_same_but("concatenate", inputs[0].shape(), inputs[i].shape(), axis);
    shape[axis] += inputs[i].shape()[axis];
  }
  numel(shape);  // throws if the sum is too large
  return one(shape, inputs[0].dtype());
}

Outputs infer_pad(const PadParams& params, const Tensor& x, const Tensor& value) {
  require_scalar("pad", value);
  require_same_dtype("pad", x, value);
  if (params.before.size() != x.rank() || params.after.size() != x.rank())
    fail<ValueError>("pad", "needs one (before, after) pair an axis: ", params.before.size(), " for ", x.shape());
  Shape shape = x.shape();
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t before = params.before[i], after = params.after[i], n = x.shape()[i];
    if (before < 0 || after < 0) fail<ValueError>("pad", "negative width: (", before, ", ", after, ")");
    if (before == 0 && after == 0) continue;
    // Reflection does not repeat the edge, so it has n - 1 elements to give on each side.
    const auto mode = static_cast<PadMode>(params.mode);
    if (mode == PadMode::Reflect && std::max(before, after) >= n)
      fail<ValueError>("pad", "reflection is wider than axis ", i, " of ", x.shape(), ": (", before, ", ", after,
                       ")");
    if (mode == PadMode::Replicate && n == 0)
      fail<ValueError>("pad", "no edge to replicate: axis ", i, " of ", x.shape());
    if (__builtin_add_overflow(n, before, &shape[i]) || __builtin_add_overflow(shape[i], after, &shape[i]))
      fail<ValueError>("pad", "too wide: (", before, ", ", after, ")");
  }
  numel(shape);  // throws if it is too large
  return one(shape, x.dtype());
}

}  // namespace nngpu::graph
