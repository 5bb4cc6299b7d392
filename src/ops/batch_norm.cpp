#include "ops/batch_norm.h"

#include <algorithm>
#include <memory>

#include "graph/gradient_record.h"
#include "graph/node.h"
#include "nngpu/autograd.h"
#include "ops/convert.h"

namespace nngpu::ops {
namespace {

constexpr const char* kName = "batch_norm";

// Gradients by x, weight and bias from that by y: with u = x - mean, r = 1 / sqrt(var + epsilon) and n elements a
// channel, dx = (g - sum(g) / n - u r^2 sum(g u) / n) r weight. What several passes read is computed anew for
// each, as part of it: shared, it would be stored.
std::vector<Tensor> batch_norm_gradients(const BatchNormCall& call, const Tensor& g) {
  const Tensor& x = call.x;
  const DType dtype = compute_dtype(x.dtype());
  const auto wide = [&](const Tensor& t) { return convert(kName, t, dtype); };
  const auto centred = [&] { return wide(x) - along_channels(wide(call.mean), x); };
  Dims axes = {0};
  for (int64_t k = 2; k < x.rank(); ++k) axes.push_back(k);
  const auto count = static_cast<double>(std::max<int64_t>(1, x.numel() / std::max<int64_t>(1, x.size(1))));
  const auto variance = [&] { return wide(call.var) + call.epsilon; };
  const Tensor sum_g = sum(wide(g), axes), sum_gu = sum(wide(g) * centred(), axes);
  const Tensor mean_g = along_channels(sum_g, x) * (1 / count),
               mean_gu = along_channels(sum_gu / (variance() * count), x), scale = rsqrt(variance()),
               factor = call.weight.defined() ? scale * wide(call.weight) : scale;
  const Tensor slope = (wide(g) - mean_g - centred() * mean_gu) * along_channels(factor, x);
  std::vector<Tensor> results = {convert(kName, slope, x.dtype())};
  if (call.weight.defined()) results.push_back(convert(kName, sum_gu * rsqrt(variance()), call.weight.dtype()));
  if (call.bias.defined()) results.push_back(convert(kName, sum_g, call.bias.dtype()));
  return results;
}

}  // namespace

Tensor along_channels(const Tensor& t, const Tensor& x) {
  Shape shape = Dims::filled(x.rank() - 1, 1);
  shape[0] = x.shape()[1];
  return reshape(t, shape);
}

Tensor with_batch_norm_gradient(const BatchNormCall& call, const std::function<Tensor()>& forward) {
  auto record = std::make_unique<graph::GradientRecord>();
  for (const Tensor* input : {&call.x, &call.weight, &call.bias})
    if (input->defined()) record->inputs.push_back(*input);
  const auto& inputs = record->inputs;
  if (!graph::gradients_enabled() || std::none_of(inputs.begin(), inputs.end(), graph::is_tracked))
    return forward();
  for (const Tensor& input : inputs)
    record->released = record->released || (input.node()->gradient && input.node()->gradient->released);
  record->rule = [call](const std::vector<Tensor>& gradients) { return batch_norm_gradients(call, gradients[0]); };
  const NoGrad untracked;
  const Tensor y = forward();
  graph::set_record(*y.node(), std::move(record));
  return y;
}

}  // namespace nngpu::ops
