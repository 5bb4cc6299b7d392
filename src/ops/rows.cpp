#include "ops/rows.h"

#include <bit>

#include "ops/convert.h"

namespace nngpu::ops {
namespace {

using graph::NormalizeParams;

// Longer rows do not stay in registers and caches: reductions and elementwise passes share their work better.
constexpr int64_t kLongestRow = 32768;

DType compute_type(const Tensor& x) { return compute_dtype(x.dtype()); }
Tensor wide(const Tensor& x) { return convert("normalize", x, compute_type(x)); }

int64_t row_length(const Tensor& x, int64_t axes) {
  int64_t n = 1;
  for (int k = x.rank() - static_cast<int>(axes); k < x.rank(); ++k) n *= x.shape()[k];
  return n;
}

NormalizeParams params_of(const NormalizeForm& form, const Tensor& weight, const Tensor& bias) {
  return {form.axes, form.rms, weight.defined(), bias.defined(), std::bit_cast<int64_t>(form.epsilon)};
}

Normalized normalize_composite(const Tensor& x, const NormalizeForm& form, const Tensor& weight,
                               const Tensor& bias) {
  const Axes axes(trailing_axes(x.rank(), form.axes));
  const Tensor values = wide(x);
  Normalized result;
  Tensor y = values;
  if (form.rms) {
    result.scale = rsqrt(mean(square(values), axes, true) + form.epsilon);
  } else {
    const Moments m = moments(values, axes, 0, true);
    result.mean = m.mean;
    result.scale = rsqrt(m.var + form.epsilon);
    y = y - m.mean;
  }
  y = y * result.scale;
  if (weight.defined()) y = y * wide(weight);
  if (bias.defined()) y = y + wide(bias);
  result.y = convert("normalize", y, x.dtype());
  return result;
}

}  // namespace

Dims trailing_axes(int rank, int64_t axes) {
  Dims list;
  for (int64_t k = rank - axes; k < rank; ++k) list.push_back(k);
  return list;
}

Normalized normalize(const Tensor& x, const NormalizeForm& form, const Tensor& weight, const Tensor& bias) {
  const int64_t n = row_length(x, form.axes);
  if (n > kLongestRow || numel(x.shape()) == 0) return normalize_composite(x, form, weight, bias);
  std::vector<Tensor> inputs = {x};
  // Factors are of one dtype.
  const bool same = !weight.defined() || !bias.defined() || weight.dtype() == bias.dtype();
  for (const Tensor& factor : {weight, bias})
    if (factor.defined()) inputs.push_back(same ? factor : wide(factor));
  const Tensor y = make_node(OpKind::Normalize, params_of(form, weight, bias), inputs);
  return {y, form.rms ? Tensor() : graph::output(y, 1), graph::output(y, 2)};
}

Tensor normalize_gradient(const Tensor& g, const Tensor& x, const Tensor& mean, const Tensor& scale,
                          const Tensor& weight, const NormalizeForm& form) {
  const int64_t n = row_length(x, form.axes);
  if (n > kLongestRow || numel(x.shape()) == 0)
    return normalize_gradient_composite(g, x, mean, scale, weight, form);
  const Tensor none = zeros({0}, scale.dtype(), scale.device());
  std::vector<Tensor> inputs = {g, x, form.rms ? none : mean, scale};
  if (weight.defined()) inputs.push_back(weight);
  return make_node(OpKind::NormalizeGradient, params_of(form, weight, Tensor()), inputs);
}

Tensor normalize_gradient_composite(const Tensor& g, const Tensor& x, const Tensor& mean, const Tensor& scale,
                                    const Tensor& weight, const NormalizeForm& form) {
  const Axes axes(trailing_axes(x.rank(), form.axes));
  const auto count = static_cast<double>(row_length(x, form.axes));
  const auto average = [&](const Tensor& t) { return sum(t, axes, true) / count; };
  const Tensor slope = weight.defined() ? wide(g) * wide(weight) : wide(g);
  const Tensor unit = (form.rms ? wide(x) : wide(x) - mean) * scale;
  const Tensor rest = form.rms ? slope : slope - average(slope);
  return convert("normalize", (rest - unit * average(slope * unit)) * scale, x.dtype());
}

Tensor softmax_gradient(const Tensor& g, const Tensor& y, int64_t axis, bool log) {
  const int k = normalize_axis("softmax_gradient", axis, y.rank());
  if (y.shape()[k] > kLongestRow) return softmax_gradient_composite(g, y, axis, log);
  return make_node(OpKind::SoftmaxGradient, graph::SoftmaxParams{k, log}, {g, y});
}

Tensor softmax_gradient_composite(const Tensor& g, const Tensor& y, int64_t axis, bool log) {
  const Tensor slope = wide(g), value = wide(y);
  const Tensor result =
      log ? slope - exp(value) * sum(slope, axis, true) : (slope - sum(slope * value, axis, true)) * value;
  return convert("softmax_gradient", result, y.dtype());
}

}  // namespace nngpu::ops
