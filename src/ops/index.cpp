#include "ops/axes.h"

namespace nngpu {
namespace {

using ops::make_node;
using ops::OpKind;

// A node that takes numbers, applied to x; bool goes through u8 and back.
template <class MakeNode>
std::pair<Tensor, Tensor> ordered(const Tensor& x, MakeNode make) {
  if (x.dtype() != DType::Bool) {
    const Tensor values = make(x);
    return {values, graph::output(values, 1)};
  }
  const Tensor values = make(cast(x, DType::U8));
  return {cast(values, DType::Bool), graph::output(values, 1)};
}

std::pair<Tensor, Tensor> sorted(const char* operation, const Tensor& x, int64_t axis, bool descending) {
  graph::require_defined(operation, x);
  const graph::SortParams params{normalize_axis(operation, axis, x.rank()), descending};
  return ordered(x, [&](const Tensor& t) { return make_node(OpKind::Sort, params, {t}); });
}

graph::AxisParams axis_of(const char* operation, const Tensor& x, int64_t axis) {
  graph::require_defined(operation, x);
  return {normalize_axis(operation, axis, x.rank())};
}

}  // namespace

Tensor take(const Tensor& x, const Tensor& indices, int64_t axis) {
  return make_node(OpKind::Take, axis_of("take", x, axis), {x, ops::as_index("take", indices)});
}

Tensor gather(const Tensor& x, const Tensor& indices, int64_t axis) {
  return make_node(OpKind::Gather, axis_of("gather", x, axis), {x, ops::as_index("gather", indices)});
}

Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int64_t axis) {
  const graph::AxisParams params = axis_of("scatter_add", x, axis);
  const std::vector<Tensor> pair = ops::promoted("scatter_add", std::initializer_list<Tensor>{x, updates});
  return make_node(OpKind::ScatterAdd, params,
                   {ops::as_number("scatter_add", pair[0]), ops::as_index("scatter_add", indices),
                    ops::as_number("scatter_add", pair[1])});
}

Tensor sort(const Tensor& x, int64_t axis, bool descending) { return sorted("sort", x, axis, descending).first; }

Tensor argsort(const Tensor& x, int64_t axis, bool descending) {
  return sorted("argsort", x, axis, descending).second;
}

TopK topk(const Tensor& x, int64_t k, int64_t axis, bool largest) {
  const graph::TopKParams params{k, axis_of("topk", x, axis).axis, largest};
  const auto [values, indices] = ordered(x, [&](const Tensor& t) { return make_node(OpKind::TopK, params, {t}); });
  return {values, indices};
}

Tensor one_hot(const Tensor& indices, int64_t classes, DType dtype) {
  const Tensor labels = ops::as_index("one_hot", indices);
  if (classes < 0) fail<ValueError>("one_hot", "negative number of classes: ", classes);
  return cast(expand_dims(labels, -1) == arange_int(0, classes, 1, DType::I64, indices.device()), dtype);
}

Tensor nonzero(const Tensor& x) {
  // Reading on the host is the point: the result's shape is known only then.
  const Tensor flags = ops::as_bool("nonzero", x);
  const Dims strides = row_major_strides(x.shape());
  std::vector<uint8_t> flag(static_cast<size_t>(x.numel()));
  flags.copy_to(flag.data(), strides);
  std::vector<int64_t> indices;
  int64_t count = 0;
  for (int64_t i = 0, n = x.numel(); i < n; ++i) {
    if (flag[i] == 0) continue;
    ++count;
    for (int axis = 0; axis < x.rank(); ++axis) indices.push_back(i / strides[axis] % x.shape()[axis]);
  }
  return Tensor::from_vector(indices, {count, x.rank()}, x.device());
}

Unique unique(const Tensor& x) {
  graph::require_defined("unique", x);
  const auto [values, order] = sorted("unique", reshape(x, {-1}), 0, false);
  const int64_t n = x.numel();
  if (n == 0) return {values, reshape(order, x.shape()), order};
  // A value is new where it differs from the one before it; NaNs, sorted last, are one value.
  const Tensor before = slice(values, 0, 0, -1), after = slice(values, 0, 1);
  const Tensor both_nan = (before != before) & (after != after);
  const Tensor first = concatenate({ones({1}, DType::Bool, x.device()), (before != after) & !both_nan});
  const Tensor starts = reshape(nonzero(first), {-1});
  const Tensor ends = concatenate({slice(starts, 0, 1), full_int({1}, n, DType::I64, x.device())});
  // Element order[i] of x is in the group that sorted element i belongs to.
  const Tensor groups = cumsum(first, 0) - 1;
  const Tensor inverse = scatter_add(zeros_like(order), order, groups, 0);
  return {take(values, starts), reshape(inverse, x.shape()), ends - starts};
}

}  // namespace nngpu
