// Gradients of views, joining and padding.
#include "autograd/rules.h"

namespace nngpu::autograd {
namespace {

using Widths = std::vector<std::pair<int64_t, int64_t>>;

// The elements of an axis with step - 1 zeros behind each.
Tensor dilated(const Tensor& x, int axis, int64_t step) {
  if (step == 1) return x;
  Widths widths(static_cast<size_t>(x.rank()) + 1, {0, 0});
  widths[static_cast<size_t>(axis) + 1].second = step - 1;
  Shape shape = x.shape();
  shape[axis] *= step;
  return reshape(pad(expand_dims(x, axis + 1), widths), shape);
}

// One axis of the gradient of x[start], x[start + step], ...: zeros elsewhere, before and behind.
Tensor placed(const Tensor& g, int axis, int64_t start, int64_t step, int64_t size,
              std::pair<int64_t, int64_t>* width) {
  const int64_t count = g.size(axis);
  const int64_t first = step > 0 ? start : start + (count - 1) * step, stride = step > 0 ? step : -step;
  Tensor result = dilated(step > 0 ? g : flip(g, axis), axis, stride);
  const int64_t behind = size - first - count * stride;  // negative where the last step reaches past the end
  if (behind < 0) result = slice(result, axis, 0, count * stride + behind);
  *width = {first, behind < 0 ? 0 : behind};
  return result;
}

// x with its border repeated as the mode says, one axis after the other.
Tensor bordered(Tensor x, const graph::PadParams& params) {
  const bool reflects = static_cast<PadMode>(params.mode) == PadMode::Reflect;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t before = params.before[axis], after = params.after[axis], n = x.size(axis);
    const auto side = [&](int64_t width, bool front) {
      if (reflects) return flip(front ? slice(x, axis, 1, width + 1) : slice(x, axis, n - 1 - width, n - 1), axis);
      Shape shape = x.shape();
      shape[axis] = width;
      return broadcast_to(front ? slice(x, axis, 0, 1) : slice(x, axis, n - 1, n), shape);
    };
    std::vector<Tensor> parts;
    if (before > 0) parts.push_back(side(before, true));
    parts.push_back(x);
    if (after > 0) parts.push_back(side(after, false));
    x = concatenate(parts, axis);
  }
  return x;
}

}  // namespace

Gradients permute_gradients(const Call& call) {
  const Dims& axes = call.params<graph::PermuteParams>().axes;
  Dims inverse = axes;
  for (int i = 0; i < axes.size(); ++i) inverse[static_cast<int>(axes[i])] = i;
  return {permute(call.gradient(), inverse)};
}

Tensor slice_gradient(const Tensor& x, const graph::SliceParams& where, Tensor g) {
  if (g.numel() == 0) return zeros_like(x);
  Widths widths(static_cast<size_t>(x.rank()), {0, 0});
  for (int i = 0; i < x.rank(); ++i)
    g = placed(g, i, where.start[i], where.step[i], x.shape()[i], &widths[static_cast<size_t>(i)]);
  return pad(g, widths);
}

Gradients diagonal_gradients(const Call& call) {
  const int64_t offset = call.params<graph::DiagonalParams>().offset;
  const Tensor x = call.input(0), g = call.gradient();
  const int64_t m = x.size(-2), n = x.size(-1), count = g.size(-1);
  // Element i lies in row i above the diagonal, and in column i below it.
  Widths widths(static_cast<size_t>(g.rank()), {0, 0});
  widths.back().second = (offset >= 0 ? m : n) - count;
  const Tensor line = expand_dims(pad(g, widths), offset >= 0 ? -1 : -2);
  const Tensor on = eye(m, n, offset, DType::Bool, x.device());
  return {where(on, line, cast(0.0, x.dtype()))};
}

Gradients concat_gradients(const Call& call) {
  const int64_t axis = call.params<graph::AxisParams>().axis;
  const Tensor g = call.gradient();
  Gradients results;
  int64_t start = 0;
  for (size_t i = 0; i < call.input_count(); ++i) {
    const int64_t size = call.input(i).size(axis);
    results.push_back(slice(g, axis, start, start + size));
    start += size;
  }
  return results;
}

Gradients pad_gradients(const Call& call) {
  const auto& params = call.params<graph::PadParams>();
  const Tensor x = call.input(0), g = call.gradient();
  if (static_cast<PadMode>(params.mode) != PadMode::Constant) {
    const auto function = [&](const std::vector<Tensor>& in) { return bordered(in[0], params); };
    return {gradients_through(function, {x}, g)[0], Tensor()};
  }
  Tensor inner = g;
  for (int i = 0; i < x.rank(); ++i) inner = slice(inner, i, params.before[i], params.before[i] + x.shape()[i]);
  return {inner, call.wants(1) ? sum(g) - sum(inner) : Tensor()};
}

Gradients iota_gradients(const Call& call) {
  const Tensor g = call.gradient();
  const Tensor steps = arange(0, static_cast<double>(g.numel()), 1, g.dtype(), g.device());
  return {sum(g), sum(g * steps)};
}

}  // namespace nngpu::autograd
