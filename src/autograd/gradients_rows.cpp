// Gradients of the one-pass operations on rows and channels.
#include <bit>

#include "autograd/rules.h"
#include "ops/rows.h"

namespace nngpu::autograd {
namespace {

using graph::make_node;
using graph::OpKind;

// With the reduced axes of size 1.
Tensor expanded(const Call& call, const Tensor& reduced) {
  Shape shape = call.input(0).shape();
  for (int i = 0; i < shape.size(); ++i)
    if (call.params<graph::ReduceParams>().axes >> i & 1) shape[i] = 1;
  return reshape(reduced, shape);
}

ops::NormalizeForm form_of(const graph::NormalizeParams& params) {
  return {params.axes, params.rms != 0, std::bit_cast<double>(params.epsilon)};
}

Tensor as(const Tensor& t, DType dtype) { return t.dtype() == dtype ? t : cast(t, dtype); }

// By the statistics, which are outputs too: the mean's derivative is 1 / n, that of 1 / deviation is minus its
// cube times the deviations (of rms: the elements) over n.
Tensor by_statistics(const Call& call, const Tensor& unit) {
  const auto& params = call.params<graph::NormalizeParams>();
  const Tensor x = call.input(0), scale = call.output(2);
  const double count = static_cast<double>(x.numel() / scale.numel());
  Tensor result = zeros_like(unit);
  if (params.rms == 0 && call.has_gradient(1)) result = result + call.gradient(1) / count;
  if (call.has_gradient(2)) result = result - call.gradient(2) * square(scale) * unit / count;
  return as(result, x.dtype());
}

}  // namespace

Gradients moments_gradients(const Call& call) {
  const auto& params = call.params<graph::ReduceParams>();
  const Tensor x = call.input(0);
  int64_t count = 1;
  for (int i = 0; i < x.rank(); ++i)
    if (params.axes >> i & 1) count *= x.shape()[i];
  Tensor result;
  if (call.has_gradient(0))
    result = broadcast_to(expanded(call, call.gradient(0)) / static_cast<double>(count), x.shape());
  if (call.has_gradient(1)) {
    const auto divisor = static_cast<double>(std::max<int64_t>(count - params.ddof, 0));
    const Tensor part = (x - expanded(call, call.output(0))) * (expanded(call, call.gradient(1)) * 2 / divisor);
    result = result.defined() ? result + part : part;
  }
  return {result};
}

Gradients log_sum_exp_gradients(const Call& call) {
  return {exp(call.input(0) - expanded(call, call.output())) * expanded(call, call.gradient())};
}

Gradients softmax_gradients(const Call& call) {
  const auto& params = call.params<graph::SoftmaxParams>();
  return {ops::softmax_gradient(call.gradient(), call.output(), params.axis, params.log != 0)};
}

Gradients softmax_gradient_gradients(const Call& call) {
  const auto params = call.params<graph::SoftmaxParams>();
  return gradients_through(
      [params](const std::vector<Tensor>& in) {
        return ops::softmax_gradient_composite(in[0], in[1], params.axis, params.log != 0);
      },
      {call.input(0), call.input(1)}, call.gradient());
}

Gradients normalize_gradients(const Call& call) {
  const auto& params = call.params<graph::NormalizeParams>();
  const Tensor x = call.input(0), mean = call.output(1), scale = call.output(2), g = call.gradient(0);
  const Tensor weight = params.weight != 0 ? call.input(1) : Tensor();
  const Tensor wide = as(x, scale.dtype()), unit = (params.rms != 0 ? wide : wide - mean) * scale;
  Axes leading;
  for (int64_t k = 0; k < x.rank() - params.axes; ++k) leading.dims.push_back(k);
  const auto summed = [&](const Tensor& t) { return leading.dims.empty() ? t : sum(t, leading); };
  Gradients result(call.input_count());
  if (call.wants(0)) {
    if (call.has_gradient(0)) result[0] = ops::normalize_gradient(g, x, mean, scale, weight, form_of(params));
    if (call.has_gradient(1) || call.has_gradient(2))
      result[0] = result[0].defined() ? result[0] + by_statistics(call, unit) : by_statistics(call, unit);
  }
  if (!call.has_gradient(0)) return result;
  if (params.weight != 0 && call.wants(1))
    result[1] = as(summed(as(g, scale.dtype()) * unit), call.input(1).dtype());
  const auto bias = static_cast<size_t>(1 + params.weight);
  if (params.bias != 0 && call.wants(bias))
    result[bias] = as(summed(as(g, scale.dtype())), call.input(bias).dtype());
  return result;
}

Gradients normalize_gradient_gradients(const Call& call) {
  const auto params = call.params<graph::NormalizeParams>();
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < call.input_count(); ++i) inputs.push_back(call.input(i));
  return gradients_through(
      [params](const std::vector<Tensor>& in) {
        return ops::normalize_gradient_composite(in[0], in[1], in[2], in[3], params.weight != 0 ? in[4] : Tensor(),
                                                 form_of(params));
      },
      inputs, call.gradient());
}

// The same mask again.
Gradients dropout_gradients(const Call& call) {
  Gradients result(call.input_count());
  result[0] =
      make_node(OpKind::Dropout, graph::Params(), {call.gradient(), call.input(1), call.input(2), call.input(3)});
  return result;
}

}  // namespace nngpu::autograd
