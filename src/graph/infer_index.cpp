#include "graph/infer_rules.h"

namespace nngpu::graph {

Outputs infer_iota(const IotaParams& params, const Tensor& start, const Tensor& step) {
  const DType dtype = static_cast<DType>(params.dtype);
  for (const Tensor* t : {&start, &step}) {
    require_scalar("arange", *t);
    require_dtype("arange", *t, dtype);
    require_number("arange", *t);
  }
  if (params.count < 0) fail<ValueError>("arange", "negative count: ", params.count);
  return one({params.count}, dtype);
}

Outputs infer_take(const AxisParams& params, const Tensor& x, const Tensor& indices) {
  const int axis = normalize_axis("take", params.axis, x.rank());
  require_dtype("take", indices, DType::I64);
  if (x.shape()[axis] == 0 && indices.numel() > 0)
    fail<IndexError>("take", "nothing to take from: axis ", axis, " of ", x.shape());
  Shape shape(x.shape().begin(), x.shape().begin() + axis);
  for (int64_t size : indices.shape()) shape.push_back(size);
  for (int i = axis + 1; i < x.rank(); ++i) shape.push_back(x.shape()[i]);
  numel(shape);  // throws if it is too large
  return one(shape, x.dtype());
}

Outputs infer_gather(const AxisParams& params, const Tensor& x, const Tensor& indices) {
  const int axis = normalize_axis("gather", params.axis, x.rank());
  require_dtype("gather", indices, DType::I64);
  require_same_but("gather", x.shape(), indices.shape(), axis);
  if (x.shape()[axis] == 0 && indices.numel() > 0)
    fail<IndexError>("gather", "nothing to gather from: axis ", axis, " of ", x.shape());
  return one(indices.shape(), x.dtype());
}

Outputs infer_scatter_add(const AxisParams& params, Inputs inputs) {
  const Tensor &x = inputs[0], &indices = inputs[1], &updates = inputs[2];
  const int axis = normalize_axis("scatter_add", params.axis, x.rank());
  require_number("scatter_add", x);
  require_dtype("scatter_add", indices, DType::I64);
  require_same_dtype("scatter_add", x, updates);
  require_same_but("scatter_add", x.shape(), indices.shape(), axis);
  if (!(indices.shape() == updates.shape()))
    fail<ShapeError>("scatter_add", "indices and updates differ in shape: ", indices.shape(), " and ",
                     updates.shape());
  if (x.shape()[axis] == 0 && indices.numel() > 0)
    fail<IndexError>("scatter_add", "nothing to add to: axis ", axis, " of ", x.shape());
  return one(x.shape(), x.dtype());
}

Outputs infer_sort(const SortParams& params, const Tensor& x) {
  normalize_axis("sort", params.axis, x.rank());
  require_number("sort", x);
  return {made(x.shape(), x.dtype()), made(x.shape(), DType::I64)};
}

Outputs infer_topk(const TopKParams& params, const Tensor& x) {
  const int axis = normalize_axis("topk", params.axis, x.rank());
  require_number("topk", x);
  if (params.k < 0 || params.k > x.shape()[axis])
    fail<ValueError>("topk", "k out of range: ", params.k, " for axis ", axis, " of ", x.shape());
  Shape shape = x.shape();
  shape[axis] = params.k;
  return {made(shape, x.dtype()), made(shape, DType::I64)};
}

namespace {

bool can_hold(Distribution distribution, DType dtype) {
  switch (distribution) {
    case Distribution::Bits:
      return dtype == DType::I64;
    case Distribution::Uniform:
    case Distribution::Normal:
      return is_floating(dtype);
    case Distribution::Integer:
      return is_integer(dtype);
    case Distribution::Bernoulli:
      return dtype == DType::Bool;
  }
  return false;
}

}  // namespace

Outputs infer_random(const RandomParams& params, Inputs inputs) {
  const DType dtype = static_cast<DType>(params.dtype);
  for (size_t i = 0; i < inputs.size(); ++i) {
    require_scalar("random", inputs[i]);
    require_dtype("random", inputs[i], i < 2 ? DType::I64 : DType::F64);
  }
  if (!can_hold(params.distribution, dtype)) fail<DTypeError>("random", "no such distribution of ", dtype);
  numel(params.shape);  // throws for a negative size
  return one(params.shape, dtype);
}

}  // namespace nngpu::graph
