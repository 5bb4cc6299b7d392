#include <cmath>

#include "ops/autocast.h"
#include "ops/axes.h"

namespace nngpu {
namespace {

using graph::Reduction;
using ops::make_node;
using ops::OpKind;

Tensor reduce_mask(Reduction code, const Tensor& x, int64_t mask, bool keepdims) {
  if (mask == 0) return x;  // rank 0 only
  return make_node(OpKind::Reduce, graph::ReduceParams{code, mask, keepdims}, {x});
}

Tensor reduce(const char* operation, Reduction code, const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce_mask(code, x, ops::axes_mask(operation, axes, x.rank()), keepdims);
}

// The smallest or largest of bools is all or any of them.
Tensor extreme(const char* operation, bool largest, const Tensor& x, const Axes& axes, bool keepdims) {
  graph::require_defined(operation, x);
  if (x.dtype() != DType::Bool)
    return reduce(operation, largest ? Reduction::Max : Reduction::Min, x, axes, keepdims);
  if (ops::masked_count(x.shape(), ops::axes_mask(operation, axes, x.rank())) == 0)
    fail<ValueError>(operation, "of no elements: ", x.shape());
  return reduce(operation, largest ? Reduction::Any : Reduction::All, x, axes, keepdims);
}

// Of an accumulator. Dividing by the count is not multiplying by its reciprocal.
Tensor mean_mask(const Tensor& x, int64_t mask, bool keepdims) {
  const double count = static_cast<double>(ops::masked_count(x.shape(), mask));
  return reduce_mask(Reduction::Sum, x, mask, keepdims) / count;
}

// Of an accumulator, in one pass.
Moments moments_node(const char* operation, const Tensor& x, const Axes& axes, int64_t ddof, bool keepdims) {
  // A number is a vector of one element.
  const Tensor vector = x.rank() == 0 ? reshape(x, {1}) : x;
  const int64_t mask = x.rank() == 0 ? 1 : ops::axes_mask(operation, axes, x.rank());
  const Tensor mean = make_node(
      OpKind::Reduce, graph::ReduceParams{Reduction::Moments, mask, x.rank() > 0 && keepdims, ddof}, {vector});
  return {mean, graph::output(mean, 1)};
}

Tensor rounded(const char* operation, const Tensor& result, const Tensor& x) {
  return ops::convert(operation, result, float_dtype(x.dtype()));
}

Tensor arg_reduce(const char* operation, bool largest, const Tensor& x, std::optional<int64_t> axis,
                  bool keepdims) {
  graph::require_defined(operation, x);
  const Tensor numbers = x.dtype() == DType::Bool ? cast(x, DType::U8) : x;
  if (!axis) {
    const Tensor result =
        make_node(OpKind::ArgReduce, graph::ArgReduceParams{0, largest, false}, {reshape(numbers, {-1})});
    return keepdims ? reshape(result, Dims::filled(x.rank(), 1)) : result;
  }
  const int normalized = normalize_axis(operation, *axis, x.rank());
  return make_node(OpKind::ArgReduce, graph::ArgReduceParams{normalized, largest, keepdims}, {numbers});
}

Tensor scan(const char* operation, Reduction code, const Tensor& x, int64_t axis) {
  const Tensor wide = ops::as_wide(operation, ops::autocast_wide(x));
  return make_node(OpKind::Scan, graph::ScanParams{code, normalize_axis(operation, axis, x.rank())}, {wide});
}

Tensor softmax_node(const char* operation, bool log, const Tensor& x, int64_t axis) {
  const Tensor y = ops::as_floating(operation, ops::autocast_wide(x));
  return make_node(OpKind::Softmax, graph::SoftmaxParams{normalize_axis(operation, axis, x.rank()), log}, {y});
}

}  // namespace

Tensor sum(const Tensor& operand, const Axes& axes, bool keepdims) {
  const Tensor x = ops::autocast_wide(operand);
  return reduce("sum", Reduction::Sum, ops::as_wide("sum", x), axes, keepdims);
}

Tensor prod(const Tensor& operand, const Axes& axes, bool keepdims) {
  const Tensor x = ops::autocast_wide(operand);
  return reduce("prod", Reduction::Prod, ops::as_wide("prod", x), axes, keepdims);
}

Tensor mean(const Tensor& operand, const Axes& axes, bool keepdims) {
  const Tensor x = ops::autocast_wide(operand);
  const Tensor wide = ops::as_accumulator("mean", x);
  return rounded("mean", mean_mask(wide, ops::axes_mask("mean", axes, x.rank()), keepdims), x);
}

Tensor var(const Tensor& operand, const Axes& axes, int64_t ddof, bool keepdims) {
  const Tensor x = ops::autocast_wide(operand);
  return rounded("var", moments_node("var", ops::as_accumulator("var", x), axes, ddof, keepdims).var, x);
}

Tensor stddev(const Tensor& operand, const Axes& axes, int64_t ddof, bool keepdims) {
  const Tensor x = ops::autocast_wide(operand);
  const Tensor wide = ops::as_accumulator("stddev", x);
  return rounded("stddev", sqrt(moments_node("stddev", wide, axes, ddof, keepdims).var), x);
}

Moments moments(const Tensor& operand, const Axes& axes, int64_t ddof, bool keepdims) {
  const Tensor x = ops::autocast_wide(operand);
  const Moments wide = moments_node("moments", ops::as_accumulator("moments", x), axes, ddof, keepdims);
  return {rounded("moments", wide.mean, x), rounded("moments", wide.var, x)};
}

Tensor min(const Tensor& x, const Axes& axes, bool keepdims) { return extreme("min", false, x, axes, keepdims); }
Tensor max(const Tensor& x, const Axes& axes, bool keepdims) { return extreme("max", true, x, axes, keepdims); }

Tensor any(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce("any", Reduction::Any, ops::as_bool("any", x), axes, keepdims);
}

Tensor all(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce("all", Reduction::All, ops::as_bool("all", x), axes, keepdims);
}

Tensor logsumexp(const Tensor& operand, const Axes& axes, bool keepdims) {
  const Tensor x = ops::autocast_wide(operand);
  const Tensor wide = ops::as_accumulator("logsumexp", x);
  const int64_t mask = ops::axes_mask("logsumexp", axes, x.rank());
  if (ops::masked_count(x.shape(), mask) == 0) fail<ValueError>("logsumexp", "of no elements: ", x.shape());
  return rounded("logsumexp", reduce_mask(Reduction::LogSumExp, wide, mask, keepdims), x);
}

Tensor norm(const Tensor& operand, double p, const Axes& axes, bool keepdims) {
  const Tensor x = ops::autocast_wide(operand);
  if (std::isnan(p)) fail<ValueError>("norm", "order is NaN");
  const Tensor wide = ops::as_accumulator("norm", x);
  const int64_t mask = ops::axes_mask("norm", axes, x.rank());
  const auto total = [&](const Tensor& t) { return reduce_mask(Reduction::Sum, t, mask, keepdims); };
  Tensor result;
  if (p == 2)
    result = sqrt(total(square(wide)));
  else if (p == 1)
    result = total(abs(wide));
  else if (p == 0)
    result = total(cast(wide != 0, wide.dtype()));
  else if (std::isinf(p))
    result = extreme("norm", p > 0, abs(wide), axes, keepdims);
  else
    result = pow(total(pow(abs(wide), p)), 1 / p);
  return rounded("norm", result, x);
}

Tensor argmin(const Tensor& x, std::optional<int64_t> axis, bool keepdims) {
  return arg_reduce("argmin", false, x, axis, keepdims);
}
Tensor argmax(const Tensor& x, std::optional<int64_t> axis, bool keepdims) {
  return arg_reduce("argmax", true, x, axis, keepdims);
}

Tensor cumsum(const Tensor& x, int64_t axis) { return scan("cumsum", Reduction::Sum, x, axis); }
Tensor cumprod(const Tensor& x, int64_t axis) { return scan("cumprod", Reduction::Prod, x, axis); }

Tensor softmax(const Tensor& x, int64_t axis) { return softmax_node("softmax", false, x, axis); }
Tensor log_softmax(const Tensor& x, int64_t axis) { return softmax_node("log_softmax", true, x, axis); }

}  // namespace nngpu
