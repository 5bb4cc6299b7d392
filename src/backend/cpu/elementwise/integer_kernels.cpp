// Tile kernels of integers, comparisons and tests: plain loops that the compiler vectorises for each target.
#include <cmath>
#include <limits>

#include "backend/cpu/elementwise/codes.h"
#include "backend/cpu/elementwise/kernels.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise/integer_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {

// The functions that elementwise.def is written in, on integers; arithmetic wraps.
template <class T>
struct IntegerPrimitives {
  using U = std::make_unsigned_t<T>;
  static constexpr int kBits = static_cast<int>(sizeof(T)) * 8;
  HWY_INLINE T neg(T a) const { return static_cast<T>(U{0} - static_cast<U>(a)); }
  HWY_INLINE T abs(T a) const { return a < 0 ? neg(a) : a; }
  HWY_INLINE T sign(T a) const { return static_cast<T>((a > 0) - (a < 0)); }
  HWY_INLINE T add(T a, T b) const { return static_cast<T>(static_cast<U>(a) + static_cast<U>(b)); }
  HWY_INLINE T sub(T a, T b) const { return static_cast<T>(static_cast<U>(a) - static_cast<U>(b)); }
  HWY_INLINE T mul(T a, T b) const { return static_cast<T>(static_cast<U>(a) * static_cast<U>(b)); }
  HWY_INLINE T max(T a, T b) const { return a > b ? a : b; }
  HWY_INLINE T min(T a, T b) const { return a < b ? a : b; }
  HWY_INLINE T floor(T a) const { return a; }
  HWY_INLINE T ceil(T a) const { return a; }
  HWY_INLINE T round(T a) const { return a; }
  HWY_INLINE T trunc(T a) const { return a; }
  // Division by zero gives 0; the one overflow, MIN / -1, wraps (and leaves no remainder).
  HWY_INLINE T fmod(T a, T b) const {
    if (b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1))) return 0;
    return static_cast<T>(a % b);
  }
  HWY_INLINE T remainder(T a, T b) const {
    const T rest = fmod(a, b);
    return rest != 0 && ((rest < 0) != (b < 0)) ? static_cast<T>(rest + b) : rest;
  }
  HWY_INLINE T floor_div(T a, T b) const {
    if (b == 0) return 0;
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return neg(a);
    const T quotient = static_cast<T>(a / b);
    return a % b != 0 && ((a < 0) != (b < 0)) ? static_cast<T>(quotient - 1) : quotient;
  }
  HWY_INLINE T pow(T a, T b) const {
    if (b < 0) return a == 1 ? T{1} : a == static_cast<T>(-1) ? static_cast<T>((b & 1) != 0 ? -1 : 1) : T{0};
    T result = 1;
    for (T left = b; left != 0; left = static_cast<T>(left >> 1)) {
      if ((left & 1) != 0) result = mul(result, a);
      a = mul(a, a);
    }
    return result;
  }
  HWY_INLINE T bit_not(T a) const { return static_cast<T>(~a); }
  HWY_INLINE T bit_and(T a, T b) const { return static_cast<T>(a & b); }
  HWY_INLINE T bit_or(T a, T b) const { return static_cast<T>(a | b); }
  HWY_INLINE T bit_xor(T a, T b) const { return static_cast<T>(a ^ b); }
  // Shifts by the width or more, or by a negative count, give what shifting on and on would: 0, or the sign.
  HWY_INLINE T shift_left(T a, T b) const {
    return b < 0 || b >= kBits ? T{0} : static_cast<T>(static_cast<U>(a) << b);
  }
  HWY_INLINE T shift_right(T a, T b) const {
    const bool beyond = b < 0 || b >= kBits;
    return beyond ? static_cast<T>(a < 0 ? -1 : 0) : static_cast<T>(a >> b);
  }

#define NNGPU_ROW_Arith(code, expression)                                                         \
  HWY_INLINE T apply(Code<Elementwise::code>, [[maybe_unused]] T a, [[maybe_unused]] T b) const { \
    return expression;                                                                            \
  }
#define NNGPU_ROW_Bits(code, expression) NNGPU_ROW_Arith(code, expression)
#define NNGPU_ROW_Integer(code, expression) NNGPU_ROW_Arith(code, expression)
#define NNGPU_ROW_Float(code, expression)
#define NNGPU_ROW_Test(code, expression)
#define NNGPU_ROW_Compare(code, expression)
#define NNGPU_ROW_Select(code, expression)
#define NNGPU_ROW_Cast(code, expression)
#define NNGPU_ELEMENTWISE(code, arity, rule, expression) NNGPU_ROW_##rule(code, expression)
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
};

// Comparisons of one type's values, and tests of floating ones.
template <class T>
struct Predicates {
  HWY_INLINE bool eq(T a, T b) const { return a == b; }
  HWY_INLINE bool ne(T a, T b) const { return a != b; }
  HWY_INLINE bool lt(T a, T b) const { return a < b; }
  HWY_INLINE bool le(T a, T b) const { return a <= b; }
  HWY_INLINE bool is_nan(T a) const { return a != a; }
  HWY_INLINE bool is_inf(T a) const { return std::abs(a) == std::numeric_limits<T>::infinity(); }
  HWY_INLINE bool is_finite(T a) const { return std::abs(a) <= std::numeric_limits<T>::max(); }
#undef NNGPU_ROW_Arith
#undef NNGPU_ROW_Bits
#undef NNGPU_ROW_Integer
#undef NNGPU_ROW_Test
#undef NNGPU_ROW_Compare
#define NNGPU_ROW_Arith(code, expression)
#define NNGPU_ROW_Bits(code, expression)
#define NNGPU_ROW_Integer(code, expression)
#define NNGPU_ROW_Compare(code, expression) \
  HWY_INLINE bool apply(Code<Elementwise::code>, T a, [[maybe_unused]] T b) const { return expression; }
#define NNGPU_ROW_Test(code, expression) NNGPU_ROW_Compare(code, expression)
#define NNGPU_ELEMENTWISE(code, arity, rule, expression) NNGPU_ROW_##rule(code, expression)
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
};

template <class Primitives, Elementwise C, int kForm, class T, class Out>
void loop_step(void* out, const void* a, const void* b, const void*, size_t n) {
  const Primitives p{};
  const T* x = static_cast<const T*>(a);
  const T* y = arity_of(C) > 1 ? static_cast<const T*>(b) : x;
  Out* to = static_cast<Out*>(out);
  for (size_t i = 0; i < n; ++i) {
    to[i] = static_cast<Out>(p.apply(Code<C>(), x[(kForm & 1) != 0 ? 0 : i], y[(kForm & 2) != 0 ? 0 : i]));
  }
}

template <class Primitives, Elementwise C, class T, class Out>
void add_loop_step(StepKernels& kernels) {
  StepKernel* forms = kernels.table[static_cast<int>(C)][static_cast<int>(dtype_of<T>())];
  forms[0] = loop_step<Primitives, C, 0, T, Out>;
  if constexpr (has_scalar_forms(C)) {
    forms[1] = loop_step<Primitives, C, 1, T, Out>;
    forms[2] = loop_step<Primitives, C, 2, T, Out>;
    forms[3] = loop_step<Primitives, C, 3, T, Out>;
  }
}

#undef NNGPU_ROW_Arith
#undef NNGPU_ROW_Bits
#undef NNGPU_ROW_Integer
#undef NNGPU_ROW_Float
#undef NNGPU_ROW_Test
#undef NNGPU_ROW_Compare
#undef NNGPU_ROW_Select
#undef NNGPU_ROW_Cast
#define NNGPU_ROW_Arith(code) \
  if constexpr (kInteger) add_loop_step<IntegerPrimitives<T>, Elementwise::code, T, T>(kernels);
#define NNGPU_ROW_Bits(code) NNGPU_ROW_Arith(code)
#define NNGPU_ROW_Integer(code) NNGPU_ROW_Arith(code)
#define NNGPU_ROW_Float(code)
#define NNGPU_ROW_Compare(code) add_loop_step<Predicates<T>, Elementwise::code, T, uint8_t>(kernels);
#define NNGPU_ROW_Test(code) \
  if constexpr (!kInteger) add_loop_step<Predicates<T>, Elementwise::code, T, uint8_t>(kernels);
#define NNGPU_ROW_Select(code)
#define NNGPU_ROW_Cast(code)

template <class T>
void add_loop_steps(StepKernels& kernels) {
  constexpr bool kInteger = std::is_integral_v<T>;
#define NNGPU_ELEMENTWISE(code, arity, rule, expression) NNGPU_ROW_##rule(code)
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
}

void add_integer_kernels(StepKernels& kernels) {
  add_loop_steps<uint8_t>(kernels);
  add_loop_steps<int32_t>(kernels);
  add_loop_steps<int64_t>(kernels);
  add_loop_steps<float>(kernels);
  add_loop_steps<double>(kernels);
}

#undef NNGPU_ROW_Arith
#undef NNGPU_ROW_Bits
#undef NNGPU_ROW_Integer
#undef NNGPU_ROW_Float
#undef NNGPU_ROW_Test
#undef NNGPU_ROW_Compare
#undef NNGPU_ROW_Select
#undef NNGPU_ROW_Cast

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
HWY_EXPORT(add_integer_kernels);
namespace detail {
void add_integer_kernels(StepKernels& kernels) { HWY_DYNAMIC_DISPATCH(add_integer_kernels)(kernels); }
}  // namespace detail
}  // namespace nngpu::cpu
#endif
