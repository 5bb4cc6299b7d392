#include "ops/convert.h"

#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "ops/autocast.h"

namespace nngpu::ops {
namespace {

bool integer_fits(int64_t value, DType dtype) {
  if (dtype == DType::U8) return value >= 0 && value <= 255;
  if (dtype == DType::I32)
    return value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max();
  return true;
}

// The dtype of a number written in an expression, when no tensor decides.
DType weak_dtype(DType dtype) {
  if (is_floating(dtype)) return DType::F32;
  return is_integer(dtype) ? DType::I64 : DType::Bool;
}

// The constant behind a weak number, made anew in another dtype. Floating numbers keep all bits of their double.
Tensor strengthen(const char* operation, const Tensor& x, DType dtype, Device device) {
  const auto& params = x.node()->params.as<graph::ConstantParams>();
  if (is_floating(x.dtype())) return scalar(operation, graph::constant_as_double(params), dtype, device);
  return scalar_int(operation, params.bits, dtype, device);
}

Tensor cast_node(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return make_node(OpKind::Elementwise, graph::ElementwiseParams{Elementwise::Cast, static_cast<int64_t>(dtype)},
                   {x});
}

Tensor convert_to(const char* operation, const Tensor& x, DType dtype, Device device) {
  return graph::is_weak(x) ? strengthen(operation, x, dtype, device) : cast_node(x, dtype);
}

Device common_device(std::span<const Tensor> operands) {
  for (const Tensor& x : operands)
    if (!graph::is_weak(x)) return x.device();
  return operands[0].device();
}

DType operand_dtype(DTypeRule rule, DType common) {
  switch (rule) {
    case DTypeRule::Float:
    case DTypeRule::Test:
      return float_dtype(common);
    case DTypeRule::Arith:
      return common == DType::Bool ? DType::I64 : common;
    case DTypeRule::Compare:
    case DTypeRule::Bits:
    case DTypeRule::Integer:
    case DTypeRule::Select:
    case DTypeRule::Cast:
      return common;
  }
  return common;
}

}  // namespace

Tensor scalar(const char* operation, double value, DType dtype, Device device) {
  if (is_floating(dtype)) return graph::make_constant(value, dtype, false, device);
  if (dtype == DType::Bool) return graph::make_constant_int(value != 0, dtype, false, device);
  // The comparison is false for NaN; 2^63 itself is out of range.
  const bool whole = value >= -0x1p63 && value < 0x1p63 && std::trunc(value) == value;
  if (!whole) fail<ValueError>(operation, "value does not fit ", dtype, ": ", value);
  return scalar_int(operation, static_cast<int64_t>(value), dtype, device);
}

Tensor scalar_int(const char* operation, int64_t value, DType dtype, Device device) {
  if (!integer_fits(value, dtype)) fail<ValueError>(operation, "value does not fit ", dtype, ": ", value);
  return graph::make_constant_int(value, dtype, false, device);
}

Tensor scalar_like(const Tensor& x, int64_t value) {
  return graph::make_constant_int(value, x.dtype(), false, x.device());
}

DType common_dtype(std::span<const Tensor> operands) {
  std::optional<DType> strong;
  DType weak = DType::Bool;
  for (const Tensor& x : operands) {
    if (graph::is_weak(x))
      weak = promote(weak, weak_dtype(x.dtype()));
    else
      strong = strong ? promote(*strong, x.dtype()) : x.dtype();
  }
  if (!strong) return weak;
  // A weak number counts only if its category is higher.
  return weak_dtype(*strong) >= weak ? *strong : weak;
}

Tensor convert(const char* operation, const Tensor& x, DType dtype) {
  require_defined(operation, x);
  return convert_to(operation, x, dtype, x.device());
}

Tensor as_bool(const char* operation, const Tensor& x) { return convert(operation, x, DType::Bool); }

Tensor as_number(const char* operation, const Tensor& x) {
  require_defined(operation, x);
  return convert(operation, x, x.dtype() == DType::Bool ? DType::I64 : x.dtype());
}

Tensor as_wide(const char* operation, const Tensor& x) {
  require_defined(operation, x);
  return convert(operation, x, is_floating(x.dtype()) ? x.dtype() : DType::I64);
}

Tensor as_floating(const char* operation, const Tensor& x) {
  require_defined(operation, x);
  return convert(operation, x, float_dtype(x.dtype()));
}

Tensor as_index(const char* operation, const Tensor& x) {
  require_defined(operation, x);
  if (!is_integer(x.dtype())) fail<DTypeError>(operation, "indices must be integers: ", x.dtype());
  return convert(operation, x, DType::I64);
}

Tensor as_accumulator(const char* operation, const Tensor& x) {
  require_defined(operation, x);
  return convert(operation, x, promote(float_dtype(x.dtype()), DType::F32));
}

Tensor elementwise(const char* operation, Elementwise code, std::initializer_list<Tensor> list) {
  const std::span<const Tensor> operands(list.begin(), list.size());
  for (const Tensor& x : operands) require_defined(operation, x);
  const bool select = code == Elementwise::Select;  // its condition takes no part in promotion
  const std::span<const Tensor> values = select ? operands.subspan(1) : operands;
  DType dtype = operand_dtype(elementwise_info(code).rule, common_dtype(values));
  const bool half = dtype == DType::F16 || dtype == DType::BF16;
  if (half && autocast_dtype() && is_wide_in_autocast(code)) dtype = DType::F32;
  const Device device = common_device(operands);
  std::array<Tensor, 3> converted;
  for (size_t i = 0; i < operands.size(); ++i)
    converted[i] = convert_to(operation, operands[i], select && i == 0 ? DType::Bool : dtype, device);
  return make_node(OpKind::Elementwise, graph::ElementwiseParams{code, 0},
                   std::span<const Tensor>(converted.data(), operands.size()));
}

std::vector<Tensor> promoted(const char* operation, std::span<const Tensor> operands) {
  for (const Tensor& x : operands) require_defined(operation, x);
  std::vector<Tensor> result;
  if (operands.empty()) return result;
  const DType dtype = common_dtype(operands);
  const Device device = common_device(operands);
  for (const Tensor& x : operands) result.push_back(convert_to(operation, x, dtype, device));
  return result;
}

}  // namespace nngpu::ops
