#include "graph/infer_rules.h"

namespace nngpu::graph {
namespace {

void require_rule(const char* operation, DTypeRule rule, const Tensor& x) {
  const DType dtype = x.dtype();
  switch (rule) {
    case DTypeRule::Float:
    case DTypeRule::Test:
      return require_floating(operation, x);
    case DTypeRule::Arith:
      return require_number(operation, x);
    case DTypeRule::Bits:
      if (is_floating(dtype)) fail<DTypeError>(operation, "needs bool or integers: ", dtype);
      return;
    case DTypeRule::Integer:
      if (!is_integer(dtype)) fail<DTypeError>(operation, "needs integers: ", dtype);
      return;
    case DTypeRule::Compare:
    case DTypeRule::Select:
    case DTypeRule::Cast:
      return;
  }
}

}  // namespace

Outputs infer_elementwise(const ElementwiseParams& params, Inputs inputs) {
  const ElementwiseInfo& info = elementwise_info(params.code);
  if (static_cast<int>(inputs.size()) != info.arity)
    fail<ValueError>(info.name, "takes ", info.arity, " operands: ", inputs.size());
  // Select's first operand is the condition; the dtype rule is for the others.
  const size_t first = info.rule == DTypeRule::Select ? 1 : 0;
  if (first == 1) require_dtype(info.name, inputs[0], DType::Bool);
  require_rule(info.name, info.rule, inputs[first]);
  for (size_t i = first + 1; i < inputs.size(); ++i) require_same_dtype(info.name, inputs[first], inputs[i]);

  Shape shape = inputs[0].shape();
  for (size_t i = 1; i < inputs.size(); ++i) shape = broadcast_shapes(info.name, shape, inputs[i].shape());
  if (info.rule == DTypeRule::Cast) return one(shape, static_cast<DType>(params.dtype));
  const bool gives_bool = info.rule == DTypeRule::Compare || info.rule == DTypeRule::Test;
  return one(shape, gives_bool ? DType::Bool : inputs[first].dtype());
}

}  // namespace nngpu::graph
