// Gradients of the elementwise primitives, written in public operations. In each, a, b, c are the operands, y the
// result and g its gradient.
#include <cmath>

#include "autograd/rules.h"
#include "nngpu/special.h"

namespace nngpu::autograd {
namespace {

// 1 where the first operand alone is chosen, 0 where the second is; equal tensors share, and a constant gets
// nothing.
Tensor share_of(const Call& call, size_t mine, bool largest) {
  const Tensor x = call.input(mine), other = call.input(1 - mine);
  if (!call.wants(1 - mine)) {
    // The result says it as well as x does, which then need not be kept: relu fuses with what made x.
    const Tensor y = call.output();
    return cast(largest ? y > other : y < other, x.dtype());
  }
  const Tensor chosen = largest ? x > other : x < other;
  return where(chosen, 1.0, where(x == other, 0.5, cast(0.0, x.dtype())));
}

Tensor extreme(const Call& call, size_t i, bool largest) {
  return call.wants(i) ? call.gradient() * share_of(call, i, largest) : Tensor();
}

Tensor pow_base(const Tensor& g, const Tensor& a, const Tensor& b) {
  // 0^(b - 1) is infinite for b = 0, whose power is constant.
  return where(b == 0, zeros_like(a), g * b * pow(a, where(b == 0, ones_like(b), b - 1)));
}

Tensor pow_exponent(const Tensor& g, const Tensor& a, const Tensor& y) {
  return where(a == 0, zeros_like(y), g * y * log(where(a == 0, ones_like(a), a)));
}

Gradients unary(const Call& call) {
  using E = Elementwise;
  const Tensor a = call.input(0), y = call.output(), g = call.gradient();
  switch (call.params<graph::ElementwiseParams>().code) {
    case E::Negative:
      return {-g};
    case E::Abs:
      return {g * sign(a)};
    case E::Square:
      return {g * a * 2};
    case E::Reciprocal:
      return {-g * square(y)};
    case E::Sqrt:
      return {g * 0.5 / y};
    case E::Rsqrt:
      return {g * -0.5 * y * square(y)};
    case E::Cbrt:
      return {g / (square(y) * 3)};
    case E::Exp:
      return {g * y};
    case E::Exp2:
      return {g * y * M_LN2};
    case E::Expm1:
      return {g * (y + 1)};
    case E::Log:
      return {g / a};
    case E::Log2:
      return {g / (a * M_LN2)};
    case E::Log10:
      return {g / (a * M_LN10)};
    case E::Log1p:
      return {g / (a + 1)};
    case E::Sin:
      return {g * cos(a)};
    case E::Cos:
      return {-g * sin(a)};
    case E::Tan:
      return {g * (square(y) + 1)};
    case E::Asin:
      return {g * rsqrt((1 - a) * (1 + a))};
    case E::Acos:
      return {-g * rsqrt((1 - a) * (1 + a))};
    case E::Atan:
      return {g / (square(a) + 1)};
    case E::Sinh:
      return {g * cosh(a)};
    case E::Cosh:
      return {g * sinh(a)};
    case E::Tanh:
      return {g * (1 - square(y))};
    case E::Asinh:
      return {g * rsqrt(square(a) + 1)};
    case E::Acosh:
      return {g * rsqrt((a - 1) * (a + 1))};
    case E::Atanh:
      return {g / ((1 - a) * (1 + a))};
    case E::Erf:
      return {g * exp(-square(a)) * M_2_SQRTPI};
    case E::Erfc:
      return {g * exp(-square(a)) * -M_2_SQRTPI};
    case E::Lgamma:
      return {g * digamma(a)};
    case E::Sigmoid:
      return {g * y * (1 - y)};
    case E::Cast:
      return {cast(g, a.dtype())};
    default:
      return {Tensor()};  // never: elementwise_gradients sends the others elsewhere
  }
}

Gradients several(const Call& call) {
  using E = Elementwise;
  const Tensor a = call.input(0), b = call.input(1), y = call.output(), g = call.gradient();
  switch (call.params<graph::ElementwiseParams>().code) {
    case E::Add:
      return {g, g};
    case E::Subtract:
      return {g, -g};
    case E::Multiply:
      return {g * b, g * a};
    case E::Divide:
      return {g / b, -g * y / b};
    case E::Remainder:
      return {g, -g * floor_divide(a, b)};
    case E::Fmod:
      return {g, -g * trunc(a / b)};
    case E::Maximum:
      return {extreme(call, 0, true), extreme(call, 1, true)};
    case E::Minimum:
      return {extreme(call, 0, false), extreme(call, 1, false)};
    case E::Pow:
      return {call.wants(0) ? pow_base(g, a, b) : Tensor(), call.wants(1) ? pow_exponent(g, a, y) : Tensor()};
    case E::Atan2: {
      const Tensor scaled = g / (square(a) + square(b));
      return {scaled * b, -scaled * a};
    }
    case E::Hypot: {
      const Tensor scaled = g / where(y == 0, ones_like(y), y);  // 0 at the origin
      return {scaled * a, scaled * b};
    }
    case E::Copysign:
      return {g * copysign(ones_like(a), a) * copysign(ones_like(b), b), Tensor()};
    case E::Fma:
      return {g * b, g * a, g};
    case E::Select:
      return {Tensor(), where(a, g, zeros_like(g)), where(a, zeros_like(g), g)};
    default:
      return {Tensor(), Tensor()};  // never, as above
  }
}

}  // namespace

// A switch without a default: a new primitive does not compile before it has its place.
Gradients elementwise_gradients(const Call& call) {
  using E = Elementwise;
  Gradients results;
  switch (call.params<graph::ElementwiseParams>().code) {
    case E::Negative:
    case E::Abs:
    case E::Square:
    case E::Reciprocal:
    case E::Sqrt:
    case E::Rsqrt:
    case E::Cbrt:
    case E::Exp:
    case E::Exp2:
    case E::Expm1:
    case E::Log:
    case E::Log2:
    case E::Log10:
    case E::Log1p:
    case E::Sin:
    case E::Cos:
    case E::Tan:
    case E::Asin:
    case E::Acos:
    case E::Atan:
    case E::Sinh:
    case E::Cosh:
    case E::Tanh:
    case E::Asinh:
    case E::Acosh:
    case E::Atanh:
    case E::Erf:
    case E::Erfc:
    case E::Lgamma:
    case E::Sigmoid:
    case E::Cast:
      results = unary(call);
      break;
    case E::Add:
    case E::Subtract:
    case E::Multiply:
    case E::Divide:
    case E::Remainder:
    case E::Fmod:
    case E::Maximum:
    case E::Minimum:
    case E::Pow:
    case E::Atan2:
    case E::Hypot:
    case E::Copysign:
    case E::Fma:
    case E::Select:
      results = several(call);
      break;
    // Constant between steps.
    case E::Sign:
    case E::Floor:
    case E::Ceil:
    case E::Round:
    case E::Trunc:
    case E::FloorDivide:
    // Their results are no floating numbers, so nothing tracks them.
    case E::BitwiseNot:
    case E::IsNan:
    case E::IsInf:
    case E::IsFinite:
    case E::BitwiseAnd:
    case E::BitwiseOr:
    case E::BitwiseXor:
    case E::ShiftLeft:
    case E::ShiftRight:
    case E::Equal:
    case E::NotEqual:
    case E::Less:
    case E::LessEqual:
      return Gradients(call.input_count());
  }
  for (size_t i = 0; i < results.size(); ++i)
    results[i] = results[i].defined() && call.wants(i) ? sum_to(results[i], call.input(i).shape()) : Tensor();
  return results;
}

}  // namespace nngpu::autograd
