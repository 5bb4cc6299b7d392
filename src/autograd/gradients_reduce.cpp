// Gradients of reductions and scans.
#include <cmath>

#include "autograd/rules.h"

namespace nngpu::autograd {
namespace {

// A reduction's result or gradient, broadcast along the axes that were reduced.
Tensor expanded(const Call& call, const Tensor& reduced) {
  const auto& params = call.params<graph::ReduceParams>();
  Shape kept = call.input(0).shape();
  for (int i = 0; i < kept.size(); ++i)
    if (params.axes >> i & 1) kept[i] = 1;
  return reshape(reduced, kept);
}

// A product as a tree of products of two, along the first axis of (n, ...): exact derivatives of every order even
// where factors are zero, which dividing the product by a factor does not give.
Tensor tree_product(Tensor x) {
  while (x.size(0) > 1) {
    const int64_t half = x.size(0) / 2;
    const Tensor pairs = slice(x, 0, 0, half) * slice(x, 0, half, 2 * half);
    x = x.size(0) % 2 == 0 ? pairs : concatenate({pairs, slice(x, 0, 2 * half)}, 0);
  }
  return x;
}

// The reduced axes first, as one.
Tensor reduced_axes_first(const Tensor& x, int64_t mask) {
  Dims order;
  int64_t count = 1;
  for (int i = 0; i < x.rank(); ++i) {
    if ((mask >> i & 1) == 0) continue;
    order.push_back(i);
    count *= x.shape()[i];
  }
  for (int i = 0; i < x.rank(); ++i)
    if ((mask >> i & 1) == 0) order.push_back(i);
  return reshape(permute(x, order), {count, count == 0 ? 0 : x.numel() / count});
}

Tensor product_gradient(const Call& call) {
  const Tensor x = call.input(0), g = call.gradient();
  if (x.numel() == 0) return zeros_like(x);
  const int64_t mask = call.params<graph::ReduceParams>().axes;
  const auto product = [&](const std::vector<Tensor>& in) {
    return reshape(tree_product(reduced_axes_first(in[0], mask)), g.shape());
  };
  return gradients_through(product, {x}, g)[0];
}

// Equal extremes share the gradient.
Tensor extreme_gradient(const Call& call) {
  const Tensor x = call.input(0);
  const Tensor chosen = cast(x == expanded(call, call.output()), x.dtype());
  Axes axes;
  for (int i = 0; i < x.rank(); ++i)
    if (call.params<graph::ReduceParams>().axes >> i & 1) axes.dims.push_back(i);
  return chosen * (expanded(call, call.gradient()) / sum(chosen, axes, true));
}

// A running product in log2(n) steps of products of two, for the same reason as above.
Tensor doubling_product(Tensor x, int axis) {
  const int64_t n = x.size(axis);
  for (int64_t step = 1; step < n; step *= 2)
    x = concatenate({slice(x, axis, 0, step), slice(x, axis, step) * slice(x, axis, 0, n - step)}, axis);
  return x;
}

}  // namespace

Gradients reduce_gradients(const Call& call) {
  switch (call.params<graph::ReduceParams>().code) {
    case graph::Reduction::Sum:
      return {broadcast_to(expanded(call, call.gradient()), call.input(0).shape())};
    case graph::Reduction::Prod:
      return {product_gradient(call)};
    case graph::Reduction::Min:
    case graph::Reduction::Max:
      return {extreme_gradient(call)};
    case graph::Reduction::Any:
    case graph::Reduction::All:
      return {Tensor()};
    case graph::Reduction::LogSumExp:
      return log_sum_exp_gradients(call);
    case graph::Reduction::Moments:
      return moments_gradients(call);
  }
  return {};
}

Gradients scan_gradients(const Call& call) {
  const auto& params = call.params<graph::ScanParams>();
  const Tensor g = call.gradient();
  if (params.code == graph::Reduction::Sum) return {flip(cumsum(flip(g, params.axis), params.axis), params.axis)};
  const int axis = static_cast<int>(params.axis);
  return gradients_through([&](const std::vector<Tensor>& in) { return doubling_product(in[0], axis); },
                           {call.input(0)}, g);
}

}  // namespace nngpu::autograd
