// The dtypes of results: tensors, and numbers mixed with tensors.
#include <vector>

#include "nngpu/ops.h"
#include "ops/expect_error.h"

namespace nngpu {
namespace {

const std::vector<DType> kAll = {DType::Bool, DType::U8,   DType::I32, DType::I64,
                                 DType::F16,  DType::BF16, DType::F32, DType::F64};
Tensor of(DType dtype) { return zeros({2}, dtype); }

TEST(Promotion, ArithmeticOfTensors) {
  for (DType a : kAll) {
    for (DType b : kAll) {
      const DType common = promote(a, b);
      const DType arithmetic = common == DType::Bool ? DType::I64 : common;
      EXPECT_EQ((of(a) + of(b)).dtype(), arithmetic);
      EXPECT_EQ(maximum(of(a), of(b)).dtype(), arithmetic);
      EXPECT_EQ((of(a) / of(b)).dtype(), float_dtype(common));
      EXPECT_EQ((of(a) < of(b)).dtype(), DType::Bool);
      EXPECT_EQ((of(a) && of(b)).dtype(), DType::Bool);
      EXPECT_EQ(where(of(DType::Bool), of(a), of(b)).dtype(), common);
      EXPECT_EQ(concatenate({of(a), of(b)}).dtype(), common);
      EXPECT_EQ(matmul(of(a), of(b)).dtype(), arithmetic);
    }
  }
}

TEST(Promotion, NumbersTakeTheTensorsDType) {
  for (DType dtype : kAll) {
    const DType integer = dtype == DType::Bool ? DType::I64 : dtype;
    EXPECT_EQ((of(dtype) * 2).dtype(), integer);
    EXPECT_EQ((2 - of(dtype)).dtype(), integer);
    EXPECT_EQ((of(dtype) * 2.5).dtype(), float_dtype(dtype));
    EXPECT_EQ((of(dtype) * 2.5f).dtype(), float_dtype(dtype));
    EXPECT_EQ(where(of(dtype) == 0, of(dtype), true).dtype(), dtype);
  }
  EXPECT_EQ((Tensor(1) + Tensor(2)).dtype(), DType::I64);
  EXPECT_EQ((Tensor(1) + Tensor(2.0)).dtype(), DType::F32);
  EXPECT_EQ((Tensor(true) | Tensor(false)).dtype(), DType::Bool);
  EXPECT_EQ(where(of(DType::Bool), 1, 2).dtype(), DType::I64);
}

TEST(Promotion, NumbersMustFit) {
  EXPECT_ERROR(ValueError, of(DType::U8) + 300, "[add] value does not fit u8: 300");
  EXPECT_ERROR(ValueError, of(DType::U8) < -1, "[less] value does not fit u8: -1");
  EXPECT_ERROR(ValueError, of(DType::I32) * (int64_t{1} << 40),
               "[multiply] value does not fit i32: 1099511627776");
  EXPECT_EQ(cast(Tensor(300), DType::U8).dtype(), DType::U8);  // a cast wraps
}

TEST(Promotion, Functions) {
  for (DType dtype : kAll) {
    const Tensor x = of(dtype);
    const DType integer = dtype == DType::Bool ? DType::I64 : dtype;
    for (const Tensor& y : {exp(x), sqrt(x), sigmoid(x), gelu(x), gelu_tanh(x), silu(x), softplus(x), mean(x),
                            var(x), stddev(x), norm(x), logsumexp(x), softmax(x), log_softmax(x), logaddexp(x, x)})
      EXPECT_EQ(y.dtype(), float_dtype(dtype));
    for (const Tensor& y : {abs(x), square(x), floor(x), relu(x), clip(x, 0, 1), pow(x, x), x % x})
      EXPECT_EQ(y.dtype(), integer);
    for (const Tensor& y : {isnan(x), isfinite(x), !x, any(x), all(x), isclose(x, x), x != x})
      EXPECT_EQ(y.dtype(), DType::Bool);
    for (const Tensor& y :
         {max(x, 0), sort(x), topk(x, 1).values, flip(x), x, pad(x, {{1, 1}}), take(x, of(DType::I32))})
      EXPECT_EQ(y.dtype(), dtype);
    for (const Tensor& y : {argmax(x), argsort(x), topk(x, 1).indices}) EXPECT_EQ(y.dtype(), DType::I64);
    for (const Tensor& y : {sum(x), prod(x), cumsum(x, 0), cumprod(x, 0)})
      EXPECT_EQ(y.dtype(), is_floating(dtype) ? dtype : DType::I64);
    EXPECT_EQ(einsum("i->", {x}).dtype(), integer);
  }
}

TEST(Promotion, WhatHasNoMeaning) {
  const Tensor f = of(DType::F32), b = of(DType::Bool);
  EXPECT_ERROR(DTypeError, f & f, "[bitwise_and] needs bool or integers: f32");
  EXPECT_ERROR(DTypeError, ~f, "[bitwise_not] needs bool or integers: f32");
  EXPECT_ERROR(DTypeError, f << 1, "[shift_left] needs integers: f32");
  EXPECT_ERROR(DTypeError, b >> b, "[shift_right] needs integers: bool");
  EXPECT_ERROR(DTypeError, take(f, f), "[take] indices must be integers: f32");
  EXPECT_ERROR(DTypeError, gather(f, b, 0), "[gather] indices must be integers: bool");
  EXPECT_ERROR(DTypeError, one_hot(f, 3), "[one_hot] indices must be integers: f32");
  EXPECT_ERROR(DTypeError, arange(0, 2, 1, DType::Bool), "[arange] no ranges of bool");
  EXPECT_ERROR(DTypeError, linspace(0, 2, 3, DType::I32), "[linspace] needs a floating dtype: i32");
}

}  // namespace
}  // namespace nngpu
