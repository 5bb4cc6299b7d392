// Compile-time properties of the elementwise codes, for the kernels' templates.
#ifndef NNGPU_BACKEND_CPU_ELEMENTWISE_CODES_H_
#define NNGPU_BACKEND_CPU_ELEMENTWISE_CODES_H_

#include "ops/elementwise.h"

namespace nngpu::cpu {

template <Elementwise C>
struct Code {};

constexpr int arity_of(Elementwise code) {
  switch (code) {
#define NNGPU_ELEMENTWISE(name, arity, rule, expression) \
  case Elementwise::name:                                \
    return arity;
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
  }
  return 0;
}

// Cheap binary primitives take a repeated operand as it is; for the others filling a tile costs nothing beside
// them.
constexpr bool has_scalar_forms(Elementwise code) {
  switch (code) {
    case Elementwise::Add:
    case Elementwise::Subtract:
    case Elementwise::Multiply:
    case Elementwise::Divide:
    case Elementwise::Maximum:
    case Elementwise::Minimum:
    case Elementwise::Equal:
    case Elementwise::NotEqual:
    case Elementwise::Less:
    case Elementwise::LessEqual:
      return true;
    default:
      return false;
  }
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_ELEMENTWISE_CODES_H_
