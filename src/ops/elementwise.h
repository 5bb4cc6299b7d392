// Codes and properties of the elementwise primitives, from elementwise.def.
#ifndef NNGPU_OPS_ELEMENTWISE_H_
#define NNGPU_OPS_ELEMENTWISE_H_

#include "nngpu/dtype.h"

namespace nngpu {

enum class Elementwise : int64_t {
#define NNGPU_ELEMENTWISE(code, arity, rule, expression) code,
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
};
inline constexpr int kElementwiseCount = static_cast<int>(Elementwise::Cast) + 1;

enum class DTypeRule { Float, Arith, Compare, Bits, Integer, Test, Select, Cast };

struct ElementwiseInfo {
  const char* name;
  int arity;
  DTypeRule rule;
};
const ElementwiseInfo& elementwise_info(Elementwise code);

// The type a chain computes in for a value of `dtype`: half types in F32, bool as U8, others as they are.
constexpr DType compute_dtype(DType dtype) {
  if (dtype == DType::F16 || dtype == DType::BF16) return DType::F32;
  return dtype == DType::Bool ? DType::U8 : dtype;
}

}  // namespace nngpu

#endif  // NNGPU_OPS_ELEMENTWISE_H_
