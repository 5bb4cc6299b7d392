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

// Of an accumulator, in two passes: the mean first, so that a large mean does not cancel.
Tensor variance(const char* operation, const Tensor& x, const Axes& axes, int64_t ddof, bool keepdims) {
  const int64_t mask = ops::axes_mask(operation, axes, x.rank());
  const Tensor deviation = x - mean_mask(x, mask, true);
  const double count = static_cast<double>(std::max<int64_t>(ops::masked_count(x.shape(), mask) - ddof, 0));
  return reduce_mask(Reduction::Sum, square(deviation), mask, keepdims) / count;
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
  return rounded("var", variance("var", ops::as_accumulator("var", x), axes, ddof, keepdims), x);
}

Tensor stddev(const Tensor& operand, const Axes& axes, int64_t ddof, bool keepdims) {
  const Tensor x = ops::autocast_wide(operand);
  const Tensor wide = ops::as_accumulator("stddev", x);
  return rounded("stddev", sqrt(variance("stddev", wide, axes, ddof, keepdims)), x);
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
  // The largest element becomes exp(0). If it is infinite the difference would be NaN, so then nothing is taken
  // off.
  const Tensor largest = reduce_mask(Reduction::Max, wide, mask, true);
  const Tensor shift = where(isfinite(largest), largest, ops::scalar_like(largest, 0));
  const Tensor result = log(reduce_mask(Reduction::Sum, exp(wide - shift), mask, true)) + shift;
  return rounded("logsumexp", keepdims ? result : ops::drop_axes(result, mask), x);
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
