// Parts of a tensor: views, one Slice node each.
#include <algorithm>

#include "ops/axes.h"

namespace nngpu {
namespace {

using ops::make_node;
using ops::OpKind;

// The elements start, start + step, ... of an axis.
struct Range {
  int64_t start, size, step;
};

// Python's rules: negative bounds count from the end, then everything is cut to the axis. kEnd as the stop of a
// negative step means "through element 0", which Python writes by leaving the stop out.
Range python_range(int64_t n, int64_t start, int64_t stop, int64_t step) {
  if (step == 0) fail<ValueError>("slice", "step is zero");
  step = std::max(step, -INT64_MAX);  // so that it can be negated
  const int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? n : n - 1;
  const auto cut = [&](int64_t bound) { return std::clamp(bound < 0 ? bound + n : bound, lowest, highest); };
  const int64_t first = cut(start);
  const int64_t end = step < 0 && stop == kEnd ? -1 : cut(stop);
  const int64_t distance = step > 0 ? end - first : first - end;
  const int64_t width = step > 0 ? step : -step;
  return {first, distance > 0 ? (distance - 1) / width + 1 : 0, step};
}

graph::SliceParams whole(const Shape& shape) {
  return {Dims::filled(shape.size(), 0), shape, Dims::filled(shape.size(), 1)};
}

// One form for each set of elements, so that equal slices are equal nodes and the whole tensor is found.
void set_range(graph::SliceParams* params, int axis, Range range) {
  params->start[axis] = range.size == 0 ? 0 : range.start;
  params->size[axis] = range.size;
  params->step[axis] = range.size <= 1 ? 1 : range.step;
}

Tensor slice_node(const Tensor& x, const graph::SliceParams& params) {
  const graph::SliceParams all = whole(x.shape());
  const bool identical = params.start == all.start && params.size == all.size && params.step == all.step;
  return identical ? x : make_node(OpKind::Slice, params, {x});
}

}  // namespace

Tensor slice(const Tensor& x, int64_t axis, int64_t start, int64_t stop, int64_t step) {
  graph::require_defined("slice", x);
  const int k = normalize_axis("slice", axis, x.rank());
  graph::SliceParams params = whole(x.shape());
  set_range(&params, k, python_range(x.shape()[k], start, stop, step));
  return slice_node(x, params);
}

Tensor index(const Tensor& x, int64_t axis, int64_t i) {
  graph::require_defined("index", x);
  const int k = normalize_axis("index", axis, x.rank());
  const int64_t n = x.shape()[k];
  if (i < -n || i >= n) fail<IndexError>("index", "index out of range: ", i, " for axis ", k, " of ", x.shape());
  graph::SliceParams params = whole(x.shape());
  set_range(&params, k, {i < 0 ? i + n : i, 1, 1});
  return ops::drop_axes(slice_node(x, params), int64_t{1} << k);
}

Tensor diagonal(const Tensor& x, int64_t offset) {
  graph::require_defined("diagonal", x);
  return make_node(OpKind::Diagonal, graph::DiagonalParams{offset}, {x});
}

Tensor flip(const Tensor& x, const Axes& axes) {
  graph::require_defined("flip", x);
  const int64_t mask = ops::axes_mask("flip", axes, x.rank());
  graph::SliceParams params = whole(x.shape());
  for (int i = 0; i < x.rank(); ++i)
    if (mask >> i & 1) set_range(&params, i, {x.shape()[i] - 1, x.shape()[i], -1});
  return slice_node(x, params);
}

std::vector<Tensor> split(const Tensor& x, int64_t sections, int64_t axis) {
  graph::require_defined("split", x);
  const int k = normalize_axis("split", axis, x.rank());
  const int64_t n = x.shape()[k];
  if (sections <= 0 || n % sections != 0)
    fail<ValueError>("split", "no equal parts: ", sections, " of axis ", k, " of ", x.shape());
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < sections; ++i)
    parts.push_back(slice(x, k, i * (n / sections), (i + 1) * (n / sections)));
  return parts;
}

std::vector<Tensor> split_at(const Tensor& x, const Dims& positions, int64_t axis) {
  graph::require_defined("split_at", x);
  const int k = normalize_axis("split_at", axis, x.rank());
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t position : positions) {
    parts.push_back(slice(x, k, start, position));
    start = position;
  }
  parts.push_back(slice(x, k, start));
  return parts;
}

Tensor roll(const Tensor& x, int64_t shift, int64_t axis) {
  graph::require_defined("roll", x);
  const int k = normalize_axis("roll", axis, x.rank());
  const int64_t n = x.shape()[k];
  const int64_t forward = n == 0 ? 0 : (shift % n + n) % n;
  if (forward == 0) return x;
  return concatenate({slice(x, k, n - forward), slice(x, k, 0, n - forward)}, k);
}

}  // namespace nngpu
