// Clipping gradients.
#include <cmath>

#include "core/fail.h"
#include "nngpu/autograd.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"
#include "ops/convert.h"

namespace nngpu::optim {
namespace {

// The sum (order infinity: the maximum) of what the norm is the root of.
Tensor part_of_norm(const Tensor& gradient, double order, DType dtype) {
  const Tensor g = cast(gradient, dtype);
  if (std::isinf(order)) return max(abs(g));
  if (order == 2) return sum(square(g));
  return sum(order == 1 ? abs(g) : pow(abs(g), order));
}

Tensor root_of_parts(const std::vector<Tensor>& parts, double order) {
  const Tensor all = stack(parts);
  if (std::isinf(order)) return max(all);
  const Tensor total = sum(all);
  if (order == 1) return total;
  return order == 2 ? sqrt(total) : pow(total, 1 / order);
}

}  // namespace

Tensor clip_grad_norm_(const std::vector<Variable>& parameters, double max_norm, double norm_type) {
  if (!(norm_type > 0)) fail<ValueError>("clip_grad_norm_", "norm_type must be positive: ", norm_type);
  if (!(max_norm >= 0)) fail<ValueError>("clip_grad_norm_", "max_norm must not be negative: ", max_norm);
  const NoGrad none;
  DType dtype = DType::F32;
  for (const Variable& parameter : parameters)
    if (parameter.dtype() == DType::F64) dtype = DType::F64;
  std::vector<Tensor> parts;
  for (const Variable& parameter : parameters) {
    const Tensor g = parameter.grad();
    if (g.defined() && g.numel() > 0) parts.push_back(part_of_norm(g, norm_type, dtype));
  }
  if (parts.empty()) return zeros({}, dtype);
  for (const Tensor& part : parts) {
    if (part.device() == parts[0].device()) continue;
    fail<DeviceError>("clip_grad_norm_", "gradients are on ", parts[0].device(), " and ", part.device());
  }
  const Tensor total = root_of_parts(parts, norm_type);
  const Device device = total.device();
  const auto number = [&](double value) { return ops::scalar("clip_grad_norm_", value, dtype, device); };
  const Tensor scale = minimum(number(max_norm) / (total + number(1e-6)), number(1));
  for (const Variable& parameter : parameters) {
    const Tensor g = parameter.grad();
    if (g.defined()) parameter.set_grad(cast(cast(g, dtype) * scale, g.dtype()));
  }
  return total;
}

void clip_grad_value_(const std::vector<Variable>& parameters, double clip_value) {
  if (!(clip_value >= 0)) fail<ValueError>("clip_grad_value_", "clip_value must not be negative: ", clip_value);
  const NoGrad none;
  for (const Variable& parameter : parameters) {
    const Tensor g = parameter.grad();
    if (!g.defined()) continue;
    const Tensor high = ops::scalar("clip_grad_value_", clip_value, g.dtype(), g.device());
    const Tensor low = ops::scalar("clip_grad_value_", -clip_value, g.dtype(), g.device());
    parameter.set_grad(minimum(maximum(g, low), high));
  }
}

}  // namespace nngpu::optim
