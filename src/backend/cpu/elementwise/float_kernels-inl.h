// Tile kernels of f32 and f64: the elementwise table's expressions over vectors. Included once a target.
#if defined(NNGPU_FLOAT_KERNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_FLOAT_KERNELS_INL_H_
#undef NNGPU_FLOAT_KERNELS_INL_H_
#else
#define NNGPU_FLOAT_KERNELS_INL_H_
#endif

#include <hwy/highway.h>

#include "backend/cpu/elementwise/codes.h"
#include "backend/cpu/elementwise/kernels.h"
#include "backend/cpu/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The functions that elementwise.def is written in, on vectors.
template <class D>
struct VectorPrimitives {
  using V = hn::Vec<D>;
  D d;

  HWY_INLINE V one() const { return hn::Set(d, 1); }
  HWY_INLINE V neg(V a) const { return hn::Neg(a); }
  HWY_INLINE V abs(V a) const { return hn::Abs(a); }
  HWY_INLINE V sign(V a) const {
    const V unit = hn::CopySign(one(), a);
    return hn::IfThenElse(hn::And(hn::Eq(a, a), hn::Ne(a, hn::Zero(d))), unit, a);
  }
  HWY_INLINE V add(V a, V b) const { return hn::Add(a, b); }
  HWY_INLINE V sub(V a, V b) const { return hn::Sub(a, b); }
  HWY_INLINE V mul(V a, V b) const { return hn::Mul(a, b); }
  HWY_INLINE V div(V a, V b) const { return hn::Div(a, b); }
  HWY_INLINE V fma(V a, V b, V c) const { return detail::Fma(d, a, b, c); }
  HWY_INLINE V max(V a, V b) const { return either_nan(a, b, hn::Max(a, b)); }
  HWY_INLINE V min(V a, V b) const { return either_nan(a, b, hn::Min(a, b)); }
  HWY_INLINE V either_nan(V a, V b, V other) const {
    const auto numbers = hn::And(hn::Eq(a, a), hn::Eq(b, b));
    return hn::IfThenElse(numbers, other, hn::Add(a, b));
  }
  HWY_INLINE V floor(V a) const { return hn::Floor(a); }
  HWY_INLINE V ceil(V a) const { return hn::Ceil(a); }
  HWY_INLINE V round(V a) const { return hn::Round(a); }
  HWY_INLINE V trunc(V a) const { return hn::Trunc(a); }
  HWY_INLINE V sqrt(V a) const { return hn::Sqrt(a); }
  HWY_INLINE V rsqrt(V a) const { return Rsqrt(d, a); }
  HWY_INLINE V cbrt(V a) const { return Cbrt(d, a); }
  HWY_INLINE V exp(V a) const { return Exp(d, a); }
  HWY_INLINE V exp2(V a) const { return Exp2(d, a); }
  HWY_INLINE V expm1(V a) const { return Expm1(d, a); }
  HWY_INLINE V log(V a) const { return Log(d, a); }
  HWY_INLINE V log2(V a) const { return Log2(d, a); }
  HWY_INLINE V log10(V a) const { return Log10(d, a); }
  HWY_INLINE V log1p(V a) const { return Log1p(d, a); }
  HWY_INLINE V sin(V a) const { return Sin(d, a); }
  HWY_INLINE V cos(V a) const { return Cos(d, a); }
  HWY_INLINE V tan(V a) const { return Tan(d, a); }
  HWY_INLINE V asin(V a) const { return Asin(d, a); }
  HWY_INLINE V acos(V a) const { return Acos(d, a); }
  HWY_INLINE V atan(V a) const { return Atan(d, a); }
  HWY_INLINE V atan2(V a, V b) const { return Atan2(d, a, b); }
  HWY_INLINE V sinh(V a) const { return Sinh(d, a); }
  HWY_INLINE V cosh(V a) const { return Cosh(d, a); }
  HWY_INLINE V tanh(V a) const { return Tanh(d, a); }
  HWY_INLINE V asinh(V a) const { return Asinh(d, a); }
  HWY_INLINE V acosh(V a) const { return Acosh(d, a); }
  HWY_INLINE V atanh(V a) const { return Atanh(d, a); }
  HWY_INLINE V erf(V a) const { return Erf(d, a); }
  HWY_INLINE V erfc(V a) const { return Erfc(d, a); }
  HWY_INLINE V lgamma(V a) const { return Lgamma(d, a); }
  HWY_INLINE V sigmoid(V a) const { return Sigmoid(d, a); }
  HWY_INLINE V pow(V a, V b) const { return Pow(d, a, b); }
  HWY_INLINE V hypot(V a, V b) const { return Hypot(d, a, b); }
  HWY_INLINE V copysign(V a, V b) const { return hn::CopySign(a, b); }
  HWY_INLINE V fmod(V a, V b) const { return Fmod(d, a, b); }
  HWY_INLINE V remainder(V a, V b) const { return FloorMod(d, a, b); }
  // The quotient rounded down, from the exact remainder, so that a == floor_div * b + remainder holds as nearly as
  // it can (Python's divmod).
  HWY_INLINE V floor_div(V a, V b) const {
    const V quotient = hn::Div(a, b);
    const V whole = hn::Round(hn::Div(hn::Sub(a, FloorMod(d, a, b)), b));
    const auto regular = hn::And(hn::Eq(whole, whole), hn::Ne(b, hn::Zero(d)));
    return hn::IfThenElse(regular, whole, hn::Floor(quotient));
  }

  // apply(Code<C>, a, b, c) is the table's expression of C.
#define NNGPU_ROW_Float(code, expression)                                                                       \
  HWY_INLINE V apply(Code<Elementwise::code>, [[maybe_unused]] V a, [[maybe_unused]] V b, [[maybe_unused]] V c) \
      const {                                                                                                   \
    return expression;                                                                                          \
  }
#define NNGPU_ROW_Arith(code, expression) NNGPU_ROW_Float(code, expression)
#define NNGPU_ROW_Bits(code, expression)
#define NNGPU_ROW_Integer(code, expression)
#define NNGPU_ROW_Test(code, expression)
#define NNGPU_ROW_Compare(code, expression)
#define NNGPU_ROW_Select(code, expression)
#define NNGPU_ROW_Cast(code, expression)
#define NNGPU_ELEMENTWISE(code, arity, rule, expression) NNGPU_ROW_##rule(code, expression)
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
#undef NNGPU_ROW_Arith
#undef NNGPU_ROW_Float
};

template <Elementwise C, int kForm, class T>
void vector_step(void* out, const void* a, const void* b, const void* c, size_t n) {
  const hn::ScalableTag<T> d;
  const VectorPrimitives<hn::ScalableTag<T>> p{d};
  using V = hn::Vec<decltype(d)>;
  constexpr int kArity = arity_of(C);
  T* to = static_cast<T*>(out);
  const T* x = static_cast<const T*>(a);
  const T* y = kArity > 1 ? static_cast<const T*>(b) : x;
  const T* z = kArity > 2 ? static_cast<const T*>(c) : x;
  const V repeated_a = hn::Set(d, (kForm & 1) != 0 ? *x : T{0});
  const V repeated_b = hn::Set(d, (kForm & 2) != 0 ? *y : T{0});
  const size_t lanes = hn::Lanes(d);
  const auto at = [&](size_t i) HWY_ATTR {
    const V va = (kForm & 1) != 0 ? repeated_a : hn::LoadU(d, x + i);
    const V vb = (kForm & 2) != 0 ? repeated_b : (kArity > 1 ? hn::LoadU(d, y + i) : va);
    const V vc = kArity > 2 ? hn::LoadU(d, z + i) : va;
    hn::StoreU(p.apply(Code<C>(), va, vb, vc), d, to + i);
  };
  size_t i = 0;
  // A cheap step is as fast as its loop is short.
  if constexpr (has_scalar_forms(C)) {
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
      at(i);
      at(i + lanes);
      at(i + 2 * lanes);
      at(i + 3 * lanes);
    }
  }
  for (; i + lanes <= n; i += lanes) at(i);
  if (i == n) return;
  const auto mask = hn::FirstN(d, n - i);
  const V va = (kForm & 1) != 0 ? repeated_a : hn::MaskedLoad(mask, d, x + i);
  const V vb = (kForm & 2) != 0 ? repeated_b : (kArity > 1 ? hn::MaskedLoad(mask, d, y + i) : va);
  const V vc = kArity > 2 ? hn::MaskedLoad(mask, d, z + i) : va;
  hn::BlendedStore(p.apply(Code<C>(), va, vb, vc), mask, d, to + i);
}

template <Elementwise C, class T>
void add_vector_step(StepKernels& kernels) {
  StepKernel* forms = kernels.table[static_cast<int>(C)][static_cast<int>(dtype_of<T>())];
  forms[0] = vector_step<C, 0, T>;
  if constexpr (has_scalar_forms(C)) {
    forms[1] = vector_step<C, 1, T>;
    forms[2] = vector_step<C, 2, T>;
    forms[3] = vector_step<C, 3, T>;
  }
}

template <class T>
void add_vector_steps(StepKernels& kernels) {
#define NNGPU_ROW_Float(code) add_vector_step<Elementwise::code, T>(kernels);
#define NNGPU_ROW_Arith(code) add_vector_step<Elementwise::code, T>(kernels);
#undef NNGPU_ROW_Bits
#undef NNGPU_ROW_Integer
#undef NNGPU_ROW_Test
#undef NNGPU_ROW_Compare
#undef NNGPU_ROW_Select
#undef NNGPU_ROW_Cast
#define NNGPU_ROW_Bits(code)
#define NNGPU_ROW_Integer(code)
#define NNGPU_ROW_Test(code)
#define NNGPU_ROW_Compare(code)
#define NNGPU_ROW_Select(code)
#define NNGPU_ROW_Cast(code)
#define NNGPU_ELEMENTWISE(code, arity, rule, expression) NNGPU_ROW_##rule(code)
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
#undef NNGPU_ROW_Float
#undef NNGPU_ROW_Arith
#undef NNGPU_ROW_Bits
#undef NNGPU_ROW_Integer
#undef NNGPU_ROW_Test
#undef NNGPU_ROW_Compare
#undef NNGPU_ROW_Select
#undef NNGPU_ROW_Cast
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
