// Bringing operands to the dtype and device an operation takes. Used by every public operation.
#ifndef NNGPU_OPS_CONVERT_H_
#define NNGPU_OPS_CONVERT_H_

#include <initializer_list>
#include <span>

#include "core/fail.h"
#include "graph/node.h"
#include "nngpu/ops.h"

namespace nngpu::ops {

using graph::make_node;
using graph::OpKind;
using graph::require_defined;

// Rank-0 constants. ValueError if `dtype` does not hold the value (300 as u8, 0.5 as i32).
Tensor scalar(const char* operation, double value, DType dtype, Device device);
Tensor scalar_int(const char* operation, int64_t value, DType dtype, Device device);
// A whole number that every dtype but bool holds.
Tensor scalar_like(const Tensor& x, int64_t value);

// The dtype promotion gives, weak numbers included.
DType common_dtype(std::span<const Tensor> operands);

// x in that dtype: x itself, a Cast node, or for a weak number the constant made anew, from its exact value.
Tensor convert(const char* operation, const Tensor& x, DType dtype);
Tensor as_bool(const char* operation, const Tensor& x);      // x != 0
Tensor as_number(const char* operation, const Tensor& x);    // bool becomes i64
Tensor as_wide(const char* operation, const Tensor& x);      // bool and narrow integers become i64
Tensor as_floating(const char* operation, const Tensor& x);  // bool and integers become f32
// DTypeError unless x holds integers; gives i64.
Tensor as_index(const char* operation, const Tensor& x);

// The accumulating form of composites: half types in f32, others as as_floating leaves them.
Tensor as_accumulator(const char* operation, const Tensor& x);

// formula(x) for composites with constants: half types are computed in f32, where the constants are exact enough,
// and rounded once.
template <class Formula>
Tensor accumulated(const char* operation, const Tensor& x, Formula formula) {
  const Tensor wide = as_accumulator(operation, x);
  return convert(operation, formula(wide), float_dtype(x.dtype()));
}

// The node of an elementwise operation on operands promoted to what its dtype rule takes.
Tensor elementwise(const char* operation, Elementwise code, std::initializer_list<Tensor> operands);
inline Tensor elementwise(Elementwise code, std::initializer_list<Tensor> operands) {
  return elementwise(elementwise_info(code).name, code, operands);
}

// All operands in their common dtype (bool stays bool).
std::vector<Tensor> promoted(const char* operation, std::span<const Tensor> operands);

}  // namespace nngpu::ops

#endif  // NNGPU_OPS_CONVERT_H_
