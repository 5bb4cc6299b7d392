#include "graph/infer_rules.h"

namespace nngpu::graph {
namespace {

const char* name_of(Reduction code) {
  switch (code) {
    case Reduction::Sum:
      return "sum";
    case Reduction::Prod:
      return "prod";
    case Reduction::Min:
      return "min";
    case Reduction::Max:
      return "max";
    case Reduction::Any:
      return "any";
    case Reduction::All:
      return "all";
    case Reduction::LogSumExp:
      return "logsumexp";
    case Reduction::Moments:
      return "moments";
  }
  return "reduce";
}

// Sums and products of the narrow types would overflow at once: callers convert to i64 first.
void require_accumulator(const char* operation, const Tensor& x) {
  if (!is_floating(x.dtype()) && x.dtype() != DType::I64)
    fail<DTypeError>(operation, "needs i64 or a floating dtype: ", x.dtype());
}

void require_reducible(const char* operation, Reduction code, const Tensor& x) {
  switch (code) {
    case Reduction::Sum:
    case Reduction::Prod:
      return require_accumulator(operation, x);
    case Reduction::Min:
    case Reduction::Max:
      return require_number(operation, x);
    case Reduction::Any:
    case Reduction::All:
      return require_dtype(operation, x, DType::Bool);
    case Reduction::LogSumExp:
    case Reduction::Moments:
      return require_floating(operation, x);
  }
}

// The shape without the axes of the mask (kept as size 1 with keepdims).
Shape reduced_shape(const Shape& shape, int64_t mask, bool keepdims) {
  Shape result;
  for (int i = 0; i < shape.size(); ++i) {
    if (!(mask >> i & 1))
      result.push_back(shape[i]);
    else if (keepdims)
      result.push_back(1);
  }
  return result;
}

}  // namespace

Outputs infer_reduce(const ReduceParams& params, const Tensor& x) {
  const char* name = name_of(params.code);
  if (params.axes < 0 || params.axes >> x.rank() != 0)
    fail<IndexError>(name, "axes out of range: mask ", params.axes, " for ", x.shape());
  require_reducible(name, params.code, x);
  if (params.code == Reduction::Min || params.code == Reduction::Max || params.code == Reduction::LogSumExp)
    for (int i = 0; i < x.rank(); ++i)
      if ((params.axes >> i & 1) && x.shape()[i] == 0)
        fail<ValueError>(name, "of no elements: axis ", i, " of ", x.shape());
  const Output result = made(reduced_shape(x.shape(), params.axes, params.keepdims != 0), x.dtype());
  if (params.code == Reduction::Moments) return {result, result};
  return {result};
}

Outputs infer_arg_reduce(const ArgReduceParams& params, const Tensor& x) {
  const char* name = params.largest ? "argmax" : "argmin";
  const int axis = normalize_axis(name, params.axis, x.rank());
  require_number(name, x);
  if (x.shape()[axis] == 0) fail<ValueError>(name, "of no elements: axis ", axis, " of ", x.shape());
  return one(reduced_shape(x.shape(), int64_t{1} << axis, params.keepdims != 0), DType::I64);
}

Outputs infer_scan(const ScanParams& params, const Tensor& x) {
  const char* name = params.code == Reduction::Sum ? "cumsum" : "cumprod";
  normalize_axis(name, params.axis, x.rank());
  require_accumulator(name, x);
  return one(x.shape(), x.dtype());
}

Outputs infer_softmax(const SoftmaxParams& params, const Tensor& x) {
  const char* name = params.log ? "log_softmax" : "softmax";
  normalize_axis(name, params.axis, x.rank());
  require_floating(name, x);
  return one(x.shape(), x.dtype());
}

}  // namespace nngpu::graph
