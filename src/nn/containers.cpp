#include "nngpu/nn/containers.h"

#include "core/fail.h"
#include "nngpu/ops.h"

namespace nngpu::nn {

Tensor Sequential::forward(const Tensor& x) const {
  Tensor y = x;
  for (const auto& [name, module] : children()) y = (*module)(y);
  return y;
}

Tensor ModuleList::forward(const Tensor&) const {
  fail<ValueError>("ModuleList", "a list is not called: call its modules");
}

Tensor Residual::forward(const Tensor& x) const { return x + child("inner")(x); }

Lambda::Lambda(std::function<Tensor(const Tensor&)> function) : function_(std::move(function)) {
  if (!function_) fail<ValueError>("Lambda", "there is no function");
}

Tensor Lambda::forward(const Tensor& x) const { return function_(x); }

}  // namespace nngpu::nn
