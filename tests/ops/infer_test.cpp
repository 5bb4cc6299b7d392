// The rules of nodes themselves: they convert nothing, and only elementwise operations broadcast.
#include "graph/infer.h"

#include <vector>

#include "nngpu/ops.h"
#include "ops/expect_error.h"

namespace nngpu::graph {
namespace {

Tensor of(const Shape& shape, DType dtype = DType::F32) { return zeros(shape, dtype); }

std::vector<Output> rule(OpKind kind, const Params& params, const std::vector<Tensor>& inputs) {
  return infer(kind, params, inputs);
}
Params elementwise(Elementwise code, DType dtype = DType::Bool) {
  return ElementwiseParams{code, static_cast<int64_t>(dtype)};
}

TEST(Infer, Elementwise) {
  const auto sum = rule(OpKind::Elementwise, elementwise(Elementwise::Add), {of({3, 1}), of({4})});
  ASSERT_EQ(sum.size(), 1u);
  EXPECT_EQ(sum[0].shape, (Shape{3, 4}));
  EXPECT_EQ(sum[0].dtype, DType::F32);
  EXPECT_EQ(rule(OpKind::Elementwise, elementwise(Elementwise::Cast, DType::F16), {of({2})})[0].dtype, DType::F16);
  EXPECT_EQ(rule(OpKind::Elementwise, elementwise(Elementwise::Less), {of({2}), of({2})})[0].dtype, DType::Bool);
  const Tensor whole = of({2}, DType::I32), flag = of({2}, DType::Bool);
  EXPECT_ERROR(DTypeError, rule(OpKind::Elementwise, elementwise(Elementwise::Add), {of({2}), whole}),
               "[add] dtypes differ: f32 and i32");
  EXPECT_ERROR(DTypeError, rule(OpKind::Elementwise, elementwise(Elementwise::Exp), {whole}),
               "[exp] needs a floating dtype: i32");
  EXPECT_ERROR(DTypeError, rule(OpKind::Elementwise, elementwise(Elementwise::Add), {flag, flag}),
               "[add] needs numbers: bool");
  EXPECT_ERROR(DTypeError, rule(OpKind::Elementwise, elementwise(Elementwise::Select), {whole, whole, whole}),
               "[select] needs bool: i32");
  EXPECT_ERROR(ValueError, rule(OpKind::Elementwise, elementwise(Elementwise::Add), {whole}),
               "[add] takes 2 operands: 1");
}

TEST(Infer, NamesAreThePublicFunctions) {
  EXPECT_STREQ(elementwise_info(Elementwise::FloorDivide).name, "floor_divide");
  EXPECT_STREQ(elementwise_info(Elementwise::IsFinite).name, "isfinite");
  EXPECT_STREQ(elementwise_info(Elementwise::Log1p).name, "log1p");
  EXPECT_EQ(elementwise_info(Elementwise::Select).arity, 3);
  EXPECT_EQ(elementwise_info(Elementwise::Cast).rule, DTypeRule::Cast);
}

TEST(Infer, Reductions) {
  const ReduceParams over_middle{Reduction::Sum, 0b010, 0}, kept{Reduction::Sum, 0b101, 1};
  EXPECT_EQ(rule(OpKind::Reduce, over_middle, {of({2, 3, 4})})[0].shape, (Shape{2, 4}));
  EXPECT_EQ(rule(OpKind::Reduce, kept, {of({2, 3, 4})})[0].shape, (Shape{1, 3, 1}));
  EXPECT_ERROR(DTypeError, rule(OpKind::Reduce, over_middle, {of({2, 3, 4}, DType::I32)}),
               "[sum] needs i64 or a floating dtype: i32");
  EXPECT_ERROR(IndexError, rule(OpKind::Reduce, over_middle, {of({2})}),
               "[sum] axes out of range: mask 2 for (2,)");
  EXPECT_ERROR(DTypeError, rule(OpKind::Reduce, ReduceParams{Reduction::Any, 1, 0}, {of({2})}),
               "[any] needs bool: f32");
}

TEST(Infer, Matmul) {
  EXPECT_EQ(rule(OpKind::Matmul, Params(), {of({5, 2, 3}), of({5, 3, 4})})[0].shape, (Shape{5, 2, 4}));
  EXPECT_ERROR(ShapeError, rule(OpKind::Matmul, Params(), {of({5, 2, 3}), of({3, 4})}),
               "[matmul] batches differ: (5, 2, 3) x (3, 4)");
  EXPECT_ERROR(DTypeError, rule(OpKind::Matmul, Params(), {of({2, 2}), of({2, 2}, DType::F64)}),
               "[matmul] dtypes differ: f32 and f64");
}

TEST(Infer, SlicesStayInside) {
  const auto slice = [](int64_t start, int64_t size, int64_t step) {
    return rule(OpKind::Slice, SliceParams{{start}, {size}, {step}}, {of({5})})[0].shape;
  };
  EXPECT_EQ(slice(0, 3, 2), (Shape{3}));
  EXPECT_EQ(slice(4, 5, -1), (Shape{5}));
  EXPECT_EQ(slice(4, 1, INT64_MIN), (Shape{1}));
  EXPECT_ERROR(IndexError, slice(0, 4, 2), "[slice] range out of axis 0 of (5,): start 0, size 4, step 2");
  EXPECT_ERROR(IndexError, slice(3, 5, -1), "[slice] range out of axis 0 of (5,): start 3, size 5, step -1");
  EXPECT_ERROR(IndexError, slice(5, 1, 1), "[slice] range out of axis 0 of (5,): start 5, size 1, step 1");
  EXPECT_ERROR(IndexError, slice(0, INT64_MAX, INT64_MAX),
               "[slice] range out of axis 0 of (5,): start 0, size 9223372036854775807, step 9223372036854775807");
}

TEST(Infer, Decompositions) {
  const auto lu = rule(OpKind::LuFactor, LinalgParams{}, {of({7, 3, 5})});
  ASSERT_EQ(lu.size(), 4u);
  EXPECT_EQ(lu[1].shape, (Shape{7, 3}));
  EXPECT_EQ(lu[1].dtype, DType::I32);
  EXPECT_EQ(lu[2].shape, (Shape{7}));
  EXPECT_EQ(lu[3].shape, (Shape{7, 3}));
  EXPECT_EQ(lu[3].dtype, DType::I64);
  const auto svd = rule(OpKind::Svd, LinalgParams{.vectors = 0}, {of({7, 3, 5})});
  ASSERT_EQ(svd.size(), 4u);
  EXPECT_EQ(svd[0].shape, (Shape{0}));
  EXPECT_EQ(svd[1].shape, (Shape{7, 3}));
  EXPECT_EQ(svd[2].shape, (Shape{0}));
  EXPECT_EQ(rule(OpKind::Eigh, LinalgParams{.vectors = 0}, {of({3, 3})})[1].shape, (Shape{0}));
  EXPECT_EQ(rule(OpKind::Qr, LinalgParams{.full = 1}, {of({5, 3})})[0].shape, (Shape{5, 5}));
  EXPECT_EQ(rule(OpKind::Qr, LinalgParams{.full = 1}, {of({5, 3})})[1].shape, (Shape{5, 3}));
  EXPECT_ERROR(ShapeError, rule(OpKind::Solve, LinalgParams{}, {of({2, 3, 3}), of({3, 1})}),
               "[solve] batches differ: (2, 3, 3) and (3, 1)");
}

TEST(Infer, Random) {
  const auto draw = [](Distribution distribution, DType dtype) {
    const Tensor seed = of({}, DType::I64), p = of({}, DType::F64);
    return rule(OpKind::Random, RandomParams{distribution, static_cast<int64_t>(dtype), {2}}, {seed, seed, p, p});
  };
  EXPECT_EQ(draw(Distribution::Normal, DType::F16)[0].dtype, DType::F16);
  EXPECT_EQ(draw(Distribution::Bernoulli, DType::Bool)[0].shape, (Shape{2}));
  EXPECT_ERROR(DTypeError, draw(Distribution::Normal, DType::I32), "[random] no such distribution of i32");
}

}  // namespace
}  // namespace nngpu::graph
