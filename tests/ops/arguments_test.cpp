// What every operation says about arguments it cannot take.
#include <cmath>
#include <vector>

#include "nngpu/ops.h"
#include "ops/expect_error.h"

namespace nngpu {
namespace {

Tensor f32(const Shape& shape) { return zeros(shape); }
Tensor i64(const Shape& shape) { return zeros(shape, DType::I64); }
const Tensor kUndefined;

TEST(Arguments, UndefinedTensors) {
  const Tensor x = f32({2, 2});
  EXPECT_ERROR(ValueError, kUndefined + x, "[add] tensor is undefined");
  EXPECT_ERROR(ValueError, x > kUndefined, "[greater] tensor is undefined");
  EXPECT_ERROR(ValueError, exp(kUndefined), "[exp] tensor is undefined");
  EXPECT_ERROR(ValueError, where(x, x, kUndefined), "[where] tensor is undefined");
  EXPECT_ERROR(ValueError, gelu(kUndefined), "[gelu] tensor is undefined");
  EXPECT_ERROR(ValueError, cast(kUndefined, DType::F32), "[cast] tensor is undefined");
  EXPECT_ERROR(ValueError, lerp(x, x, kUndefined), "[lerp] tensor is undefined");
  EXPECT_ERROR(ValueError, zeros_like(kUndefined), "[zeros_like] tensor is undefined");
  EXPECT_ERROR(ValueError, tril(kUndefined), "[tril] tensor is undefined");
  EXPECT_ERROR(ValueError, sum(kUndefined), "[sum] tensor is undefined");
  EXPECT_ERROR(ValueError, max(kUndefined), "[max] tensor is undefined");
  EXPECT_ERROR(ValueError, var(kUndefined), "[var] tensor is undefined");
  EXPECT_ERROR(ValueError, argmax(kUndefined), "[argmax] tensor is undefined");
  EXPECT_ERROR(ValueError, softmax(kUndefined), "[softmax] tensor is undefined");
  EXPECT_ERROR(ValueError, matmul(x, kUndefined), "[matmul] tensor is undefined");
  EXPECT_ERROR(ValueError, dot(kUndefined, x), "[dot] tensor is undefined");
  EXPECT_ERROR(ValueError, einsum("ij->", {kUndefined}), "[einsum] tensor is undefined");
  EXPECT_ERROR(ValueError, reshape(kUndefined, {4}), "[reshape] tensor is undefined");
  EXPECT_ERROR(ValueError, slice(kUndefined, 0, 0), "[slice] tensor is undefined");
  EXPECT_ERROR(ValueError, concatenate({x, kUndefined}), "[concatenate] tensor is undefined");
  EXPECT_ERROR(ValueError, take(x, kUndefined), "[take] tensor is undefined");
  EXPECT_ERROR(ValueError, sort(kUndefined), "[sort] tensor is undefined");
  EXPECT_ERROR(ValueError, nonzero(kUndefined), "[nonzero] tensor is undefined");
  EXPECT_ERROR(ValueError, unique(kUndefined), "[unique] tensor is undefined");
}

TEST(Arguments, Elementwise) {
  EXPECT_ERROR(ShapeError, f32({3, 4}) + f32({3}), "[add] shapes do not broadcast: (3, 4) and (3,)");
  EXPECT_ERROR(ShapeError, f32({3}) >= f32({2}), "[greater_equal] shapes do not broadcast: (3,) and (2,)");
  EXPECT_ERROR(ShapeError, fma(f32({3}), f32({3}), f32({2})), "[fma] shapes do not broadcast: (3,) and (2,)");
  EXPECT_ERROR(ValueError, isclose(f32({}), f32({}), -1), "[isclose] negative tolerance: rtol -1, atol 1e-08");
  EXPECT_ERROR(ValueError, clip(i64({}), NAN, 1), "[clip] bound of integers is NaN");
}

TEST(Arguments, Creation) {
  EXPECT_ERROR(ShapeError, zeros({2, -3}), "[shape] negative size: (2, -3)");
  EXPECT_ERROR(ValueError, full({2}, 0.5, DType::I32), "[full] value does not fit i32: 0.5");
  EXPECT_ERROR(ValueError, full({2}, NAN, DType::I64), "[full] value does not fit i64: nan");
  EXPECT_ERROR(ValueError, full_int({2}, 256, DType::U8), "[full_int] value does not fit u8: 256");
  EXPECT_ERROR(ValueError, arange(0, 1, 0), "[arange] step is zero");
  EXPECT_ERROR(ValueError, arange(0, NAN, 1), "[arange] no finite range: start 0, stop nan, step 1");
  EXPECT_ERROR(ValueError, arange(0, INFINITY, 1), "[arange] no finite range: start 0, stop inf, step 1");
  EXPECT_ERROR(ValueError, arange(0, 300, 1, DType::U8), "[arange] value does not fit u8: 299");
  EXPECT_ERROR(ValueError, arange(0, 1, 0.5, DType::I32), "[arange] value does not fit i32: 0.5");
  EXPECT_ERROR(ValueError, arange_int(0, 5, 0), "[arange_int] step is zero");
  EXPECT_ERROR(ValueError, arange_int(0, -5, -1, DType::U8), "[arange_int] value does not fit u8: -4");
  EXPECT_ERROR(ValueError, arange_int(INT64_MIN, INT64_MAX),
               "[arange_int] too many elements: start -9223372036854775808, stop 9223372036854775807");
  EXPECT_ERROR(ValueError, linspace(0, 1, -1), "[linspace] negative count: -1");
  EXPECT_ERROR(ValueError, linspace(0, INFINITY, 3), "[linspace] ends must be finite: 0, inf");
  EXPECT_ERROR(ValueError, eye(-1), "[eye] negative count: -1");
  EXPECT_ERROR(ShapeError, triu(f32({3})), "[triu] needs at least two dimensions: (3,)");
}

TEST(Arguments, Reductions) {
  const Tensor x = f32({2, 0, 3});
  EXPECT_ERROR(IndexError, sum(x, 3), "[sum] axis out of range: 3 of 3 dimensions");
  EXPECT_ERROR(ValueError, mean(x, {0, -3}), "[mean] axis given twice: -3 in (0, -3)");
  EXPECT_ERROR(ValueError, max(x, 1), "[max] of no elements: axis 1 of (2, 0, 3)");
  EXPECT_ERROR(ValueError, min(x), "[min] of no elements: axis 1 of (2, 0, 3)");
  EXPECT_ERROR(ValueError, max(zeros({0}, DType::Bool)), "[max] of no elements: (0,)");
  EXPECT_ERROR(ValueError, argmin(x, 1), "[argmin] of no elements: axis 1 of (2, 0, 3)");
  EXPECT_ERROR(ValueError, argmax(x), "[argmax] of no elements: axis 0 of (0,)");
  EXPECT_ERROR(ValueError, logsumexp(x, 1), "[logsumexp] of no elements: (2, 0, 3)");
  EXPECT_ERROR(ValueError, norm(x, NAN), "[norm] order is NaN");
  EXPECT_ERROR(IndexError, cumsum(f32({}), 0), "[cumsum] axis out of range: 0 of 0 dimensions");
  EXPECT_ERROR(IndexError, log_softmax(x, 5), "[log_softmax] axis out of range: 5 of 3 dimensions");
  EXPECT_EQ(max(x, 0).shape(), (Shape{0, 3}));  // no element is missing
}

TEST(Arguments, Products) {
  EXPECT_ERROR(ShapeError, matmul(f32({3, 4}), f32({5, 6})), "[matmul] inner dimensions differ: (3, 4) x (5, 6)");
  EXPECT_ERROR(ShapeError, matmul(f32({3}), f32({4, 5})), "[matmul] inner dimensions differ: (3,) x (4, 5)");
  EXPECT_ERROR(ShapeError, matmul(f32({2, 3, 4}), f32({5})), "[matmul] inner dimensions differ: (2, 3, 4) x (5,)");
  EXPECT_ERROR(ShapeError, matmul(f32({}), f32({5})), "[matmul] needs at least one dimension: () x (5,)");
  EXPECT_ERROR(ShapeError, matmul(f32({2, 3, 4}), f32({3, 4, 5})),
               "[matmul] shapes do not broadcast: (2,) and (3,)");
  EXPECT_ERROR(ShapeError, dot(f32({2}), f32({3})), "[dot] sizes differ: (2,) and (3,)");
  EXPECT_ERROR(ShapeError, outer(f32({2}), f32({3, 1})), "[outer] needs vectors: (2,) and (3, 1)");
}

TEST(Arguments, Einsum) {
  const Tensor m = f32({2, 3});
  EXPECT_ERROR(ValueError, einsum("ij", {}), "[einsum] needs at least one operand");
  EXPECT_ERROR(ValueError, einsum("ij,jk", {m}), "[einsum] number of operands differs: 2 in \"ij,jk\", 1 given");
  EXPECT_ERROR(ValueError, einsum("i1", {m}), "[einsum] subscripts are letters and at most one \"...\": \"i1\"");
  EXPECT_ERROR(ValueError, einsum("i..", {m}), "[einsum] subscripts are letters and at most one \"...\": \"i..\"");
  EXPECT_ERROR(ValueError, einsum("......", {m}),
               "[einsum] subscripts are letters and at most one \"...\": \"......\"");
  EXPECT_ERROR(ValueError, einsum("ij->ii", {m}), "[einsum] an output subscript occurs twice: \"ij->ii\"");
  EXPECT_ERROR(ValueError, einsum("ij->k", {m}), "[einsum] an output subscript is in no operand: \"ij->k\"");
  EXPECT_ERROR(ValueError, einsum("...j->j", {m}),
               "[einsum] the output must name the broadcast axes with \"...\": \"...j->j\"");
  EXPECT_ERROR(ShapeError, einsum("ijk", {m}),
               "[einsum] operand 0 has the wrong number of dimensions: (2, 3) for 3 subscripts");
  EXPECT_ERROR(ShapeError, einsum("i", {m}),
               "[einsum] operand 0 has the wrong number of dimensions: (2, 3) for 1 subscripts");
  EXPECT_ERROR(ShapeError, einsum("ij,jk", {m, m}), "[einsum] sizes of subscript 'j' differ: 3 and 2");
  EXPECT_ERROR(ShapeError, einsum("...i,...i", {m, f32({4, 3})}), "[einsum] sizes of \"...\" differ: 2 and 4");
  EXPECT_ERROR(ShapeError, einsum("ii", {m}), "[einsum] sizes of subscript 'i' differ: (2, 3)");
}

TEST(Arguments, Shapes) {
  const Tensor x = f32({2, 3});
  EXPECT_ERROR(ShapeError, reshape(x, {4}), "[reshape] number of elements differs: (2, 3) to (4,)");
  EXPECT_ERROR(ShapeError, reshape(x, {-1, -1}), "[reshape] more than one size is -1: (-1, -1)");
  EXPECT_ERROR(ShapeError, reshape(x, {4, -1}), "[reshape] number of elements does not divide: (2, 3) to (4, -1)");
  EXPECT_ERROR(ShapeError, reshape(f32({0}), {0, -1}),
               "[reshape] number of elements does not divide: (0,) to (0, -1)");
  EXPECT_ERROR(ShapeError, reshape(x, {-2, 3}), "[shape] negative size: (-2, 3)");
  EXPECT_ERROR(ValueError, flatten(x, 1, 0), "[flatten] first axis after the last: 1 and 0");
  EXPECT_ERROR(ShapeError, squeeze(x, 0), "[squeeze] axes not of size 1: (0,) of (2, 3)");
  EXPECT_ERROR(IndexError, expand_dims(x, 4), "[expand_dims] axis out of range: 4 of 3 dimensions");
  EXPECT_ERROR(ValueError, permute(x, {0, 0}), "[permute] not a permutation of the axes: (0, 0) of (2, 3)");
  EXPECT_ERROR(ValueError, permute(x, {0}), "[permute] not a permutation of the axes: (0,) of (2, 3)");
  EXPECT_ERROR(IndexError, permute(x, {0, 2}), "[permute] axis out of range: 2 of 2 dimensions");
  EXPECT_ERROR(ShapeError, transpose(f32({3})), "[transpose] needs at least two dimensions: (3,)");
  EXPECT_ERROR(ShapeError, broadcast_to(x, {3}), "[broadcast_to] shape does not broadcast: (2, 3) to (3,)");
  EXPECT_ERROR(ShapeError, broadcast_to(x, {2, 1}), "[broadcast_to] shape does not broadcast: (2, 3) to (2, 1)");
  EXPECT_ERROR(ValueError, slice(x, 0, 0, 2, 0), "[slice] step is zero");
  EXPECT_ERROR(IndexError, index(x, 1, 3), "[index] index out of range: 3 for axis 1 of (2, 3)");
  EXPECT_ERROR(IndexError, index(x, 1, -4), "[index] index out of range: -4 for axis 1 of (2, 3)");
  EXPECT_ERROR(ShapeError, diagonal(f32({3})), "[diagonal] needs at least two dimensions: (3,)");
  EXPECT_ERROR(ValueError, split(x, 2, 1), "[split] no equal parts: 2 of axis 1 of (2, 3)");
  EXPECT_ERROR(ValueError, split(x, 0), "[split] no equal parts: 0 of axis 0 of (2, 3)");
}

TEST(Arguments, Joining) {
  const Tensor x = f32({2, 3});
  EXPECT_ERROR(ValueError, concatenate({}), "[concatenate] needs at least one tensor");
  EXPECT_ERROR(IndexError, concatenate({f32({}), f32({})}), "[concatenate] axis out of range: 0 of 0 dimensions");
  EXPECT_ERROR(ShapeError, concatenate({x, f32({2, 4})}),
               "[concatenate] shapes must agree but for axis 0: (2, 3) and (2, 4)");
  EXPECT_ERROR(ShapeError, stack({x, f32({3, 3})}), "[stack] shapes differ: (2, 3) and (3, 3)");
  EXPECT_ERROR(ValueError, pad(x, {{1, 1}}), "[pad] needs one (before, after) pair an axis: 1 for (2, 3)");
  EXPECT_ERROR(ValueError, pad(x, {{1, -1}, {0, 0}}), "[pad] negative width: (1, -1)");
  EXPECT_ERROR(ValueError, pad(x, {{2, 0}, {0, 0}}, PadMode::Reflect),
               "[pad] reflection is wider than axis 0 of (2, 3): (2, 0)");
  EXPECT_ERROR(ValueError, pad(f32({0}), {{1, 0}}, PadMode::Replicate),
               "[pad] no edge to replicate: axis 0 of (0,)");
  EXPECT_ERROR(ValueError, pad(i64({1}), {{1, 0}}, PadMode::Constant, 0.5), "[pad] value does not fit i64: 0.5");
  EXPECT_ERROR(ValueError, tile(x, {-1}), "[tile] negative repeats: -1");
  EXPECT_ERROR(ValueError, repeat(x, -1, 0), "[repeat] negative repeats: -1");
  EXPECT_ERROR(ValueError, repeat(x, INT64_MAX, 0), "[repeat] too many repeats: 9223372036854775807");
}

TEST(Arguments, Indexing) {
  const Tensor x = f32({2, 3}), none = i64({0});
  EXPECT_ERROR(IndexError, take(x, none, 2), "[take] axis out of range: 2 of 2 dimensions");
  EXPECT_ERROR(IndexError, take(f32({0}), i64({1})), "[take] nothing to take from: axis 0 of (0,)");
  EXPECT_ERROR(ShapeError, gather(x, i64({2, 2}), 0),
               "[gather] shapes must agree but for axis 0: (2, 3) and (2, 2)");
  EXPECT_ERROR(ShapeError, scatter_add(x, i64({1, 3}), f32({3}), 0),
               "[scatter_add] indices and updates differ in shape: (1, 3) and (3,)");
  EXPECT_ERROR(ShapeError, scatter_add(x, i64({3}), f32({3}), 0),
               "[scatter_add] shapes must agree but for axis 0: (2, 3) and (3,)");
  EXPECT_ERROR(IndexError, sort(f32({})), "[sort] axis out of range: -1 of 0 dimensions");
  EXPECT_ERROR(ValueError, topk(x, 4), "[topk] k out of range: 4 for axis 1 of (2, 3)");
  EXPECT_ERROR(ValueError, topk(x, -1), "[topk] k out of range: -1 for axis 1 of (2, 3)");
  EXPECT_ERROR(ValueError, one_hot(none, -1), "[one_hot] negative number of classes: -1");
}

}  // namespace
}  // namespace nngpu
