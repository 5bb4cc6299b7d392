#include "ops/autocast.h"

#include "core/fail.h"

namespace nngpu {
namespace {

std::optional<DType>& current() {
  thread_local std::optional<DType> dtype;
  return dtype;
}

bool is_half(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16; }

}  // namespace

Autocast::Autocast(DType dtype, bool enabled) : before_(current()) {
  if (!is_half(dtype)) fail<DTypeError>("Autocast", "needs f16 or bf16: ", dtype);
  current() = enabled ? std::optional(dtype) : std::nullopt;
}
Autocast::~Autocast() { current() = before_; }

std::optional<DType> autocast_dtype() { return current(); }

namespace ops {

std::vector<Tensor> promoted_for_product(const char* operation, std::span<const Tensor> operands) {
  const std::optional<DType> dtype = current();
  if (!dtype) return promoted(operation, operands);
  for (const Tensor& x : operands) require_defined(operation, x);
  const DType common = common_dtype(operands);
  if (common != DType::F32 && !is_half(common)) return promoted(operation, operands);
  std::vector<Tensor> result;
  for (const Tensor& x : operands) result.push_back(convert(operation, x, *dtype));
  return result;
}

Tensor autocast_wide(const Tensor& x) {
  if (!current() || !x.defined() || graph::is_weak(x) || !is_half(x.dtype())) return x;
  return convert("autocast", x, DType::F32);
}

bool is_wide_in_autocast(Elementwise code) {
  switch (code) {
    case Elementwise::Reciprocal:
    case Elementwise::Rsqrt:
    case Elementwise::Exp:
    case Elementwise::Exp2:
    case Elementwise::Expm1:
    case Elementwise::Log:
    case Elementwise::Log2:
    case Elementwise::Log10:
    case Elementwise::Log1p:
    case Elementwise::Tan:
    case Elementwise::Asin:
    case Elementwise::Acos:
    case Elementwise::Sinh:
    case Elementwise::Cosh:
    case Elementwise::Asinh:
    case Elementwise::Acosh:
    case Elementwise::Atanh:
    case Elementwise::Erf:
    case Elementwise::Erfc:
    case Elementwise::Lgamma:
    case Elementwise::Pow:
      return true;
    default:
      return false;
  }
}

}  // namespace ops
}  // namespace nngpu
