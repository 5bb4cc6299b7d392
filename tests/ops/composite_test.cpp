// Operations made of others: that the pieces are put together right, on small values.
#include <cmath>
#include <limits>
#include <vector>

#include "nngpu/ops.h"
#include "ops/expect_error.h"

namespace nngpu {
namespace {

using Values = std::vector<double>;
Values values(const Tensor& x) { return x.to_vector<double>(); }
Tensor range(const Shape& shape) { return reshape(arange_int(0, numel(shape)), shape); }
constexpr double kInf = std::numeric_limits<double>::infinity();

// Python's slice, written as Python documents it.
Values python_slice(int64_t n, int64_t start, int64_t stop, int64_t step) {
  const auto cut = [&](int64_t bound) {
    if (bound < 0) bound += n;
    return step > 0 ? std::min(std::max<int64_t>(bound, 0), n) : std::min(std::max<int64_t>(bound, -1), n - 1);
  };
  Values result;
  for (int64_t i = cut(start), end = cut(stop); step > 0 ? i < end : i > end; i += step)
    result.push_back(static_cast<double>(i));
  return result;
}

TEST(Slice, AsPython) {
  for (int64_t n : {0, 1, 2, 5}) {
    const Tensor x = arange_int(0, n);
    for (int64_t start = -7; start <= 7; ++start)
      for (int64_t stop = -7; stop <= 7; ++stop)
        for (int64_t step : {1, 2, 3, 9, -1, -2, -9})
          ASSERT_EQ(values(slice(x, 0, start, stop, step)), python_slice(n, start, stop, step))
              << n << ": " << start << ':' << stop << ':' << step;
  }
}

TEST(Slice, Ends) {
  const Tensor x = arange_int(0, 5);
  EXPECT_EQ(values(slice(x, 0, 1)), (Values{1, 2, 3, 4}));
  EXPECT_EQ(values(slice(x, 0, kEnd, kEnd, -1)), (Values{4, 3, 2, 1, 0}));
  EXPECT_EQ(values(slice(x, 0, 3, kEnd, -2)), (Values{3, 1}));
  EXPECT_EQ(values(slice(x, 0, INT64_MIN, INT64_MAX, INT64_MAX)), (Values{0}));
  EXPECT_EQ(values(slice(x, 0, 4, INT64_MIN, INT64_MIN)), (Values{4}));
  EXPECT_EQ(slice(x, 0, -9, 9).node().get(), x.node().get());  // all of it is x itself
  EXPECT_EQ(values(index(x, 0, -2)), (Values{3}));
  EXPECT_EQ(index(range({2, 3}), 1, 0).shape(), (Shape{2}));
}

TEST(Views, IdenticalViewsAreTheTensor) {
  const Tensor x = range({2, 3});
  for (const Tensor& y : {reshape(x, {2, -1}), permute(x, {0, 1}), broadcast_to(x, {2, 3}), swapaxes(x, 1, 1),
                          squeeze(x), roll(x, 4, 0), flip(reshape(x, {2, 3}), Axes{}), repeat(x, 1, 0),
                          tile(x, {1}), pad(x, {{0, 0}, {0, 0}}), cast(x, DType::I64), concatenate({x})}) {
    if (y.node().get() != x.node().get()) {
      EXPECT_EQ(values(y), (Values{5, 4, 3, 2, 1, 0}));  // but for the flip
    }
  }
}

TEST(Views, Shapes) {
  const Tensor x = range({2, 3, 4});
  EXPECT_EQ(reshape(x, {-1, 6}).shape(), (Shape{4, 6}));
  EXPECT_EQ(reshape(zeros({0, 3}), {-1, 3}).shape(), (Shape{0, 3}));
  EXPECT_EQ(flatten(x).shape(), (Shape{24}));
  EXPECT_EQ(flatten(x, 1).shape(), (Shape{2, 12}));
  EXPECT_EQ(flatten(x, 0, -2).shape(), (Shape{6, 4}));
  EXPECT_EQ(flatten(Tensor(1)).shape(), (Shape{1}));
  EXPECT_EQ(squeeze(range({1, 3, 1})).shape(), (Shape{3}));
  EXPECT_EQ(squeeze(range({1, 3, 1}), -1).shape(), (Shape{1, 3}));
  EXPECT_EQ(expand_dims(x, -1).shape(), (Shape{2, 3, 4, 1}));
  EXPECT_EQ(expand_dims(x, 0).shape(), (Shape{1, 2, 3, 4}));
  EXPECT_EQ(permute(x, {-1, 0, 1}).shape(), (Shape{4, 2, 3}));
  EXPECT_EQ(transpose(x).shape(), (Shape{2, 4, 3}));
  EXPECT_EQ(diagonal(x, 1).shape(), (Shape{2, 3}));
  EXPECT_EQ(diagonal(x, -1).shape(), (Shape{2, 2}));
  EXPECT_EQ(diagonal(x, 4).shape(), (Shape{2, 0}));
  EXPECT_EQ(diagonal(x, INT64_MIN).shape(), (Shape{2, 0}));
  EXPECT_EQ(values(diagonal(range({2, 3}), 1)), (Values{1, 5}));
}

TEST(Creation, Ranges) {
  EXPECT_EQ(values(arange(0, 1, 0.25)), (Values{0, 0.25, 0.5, 0.75}));
  EXPECT_EQ(values(arange(3, 0, -1, DType::U8)), (Values{3, 2, 1}));
  EXPECT_EQ(values(arange(3, 0)), (Values{}));
  EXPECT_EQ(values(arange(0, 5, 2, DType::BF16)), (Values{0, 2, 4}));
  EXPECT_EQ(values(arange_int(5, -2, -3)), (Values{5, 2, -1}));
  EXPECT_EQ(arange_int(INT64_MAX - 2, INT64_MAX).to_vector<int64_t>(),
            (std::vector<int64_t>{INT64_MAX - 2, INT64_MAX - 1}));
  EXPECT_EQ(values(linspace(0, 1, 5)), (Values{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(values(linspace(2, 7, 1)), (Values{2}));
  EXPECT_EQ(values(linspace(2, 7, 0)), (Values{}));
  EXPECT_EQ(values(linspace(0, 0.1, 4, DType::F64)).back(), 0.1);
}

TEST(Creation, Masks) {
  EXPECT_EQ(values(eye(2, 3)), (Values{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(values(eye(2, 3, 1)), (Values{0, 1, 0, 0, 0, 1}));
  EXPECT_EQ(values(eye(3, 2, -1)), (Values{0, 0, 1, 0, 0, 1}));
  EXPECT_EQ(values(tri(2, 3, 1, DType::Bool)), (Values{1, 1, 0, 1, 1, 1}));
  EXPECT_EQ(values(tril(range({2, 3}) + 1)), (Values{1, 0, 0, 4, 5, 0}));
  EXPECT_EQ(values(triu(range({2, 3}) + 1, 1)), (Values{0, 2, 3, 0, 0, 6}));
  EXPECT_EQ(tril(zeros({2, 2}, DType::Bool)).dtype(), DType::Bool);
  EXPECT_EQ(values(full({2}, 0.5)), (Values{0.5, 0.5}));
  EXPECT_EQ(full_like(range({2}), 7).dtype(), DType::I64);
}

TEST(Joining, Pieces) {
  const Tensor x = range({2, 3});
  EXPECT_EQ(values(concatenate({x, x + 6}, 1)), (Values{0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11}));
  EXPECT_EQ(values(stack({index(x, 0, 0), index(x, 0, 1)}, 1)), (Values{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(values(stack({Tensor(1), Tensor(2.5)})), (Values{1, 2.5}));
  const std::vector<Tensor> parts = split(x, 3, 1);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(values(parts[2]), (Values{2, 5}));
  const std::vector<Tensor> cut = split_at(arange_int(0, 5), {1, 3, 9});
  ASSERT_EQ(cut.size(), 4u);
  EXPECT_EQ(values(cut[1]), (Values{1, 2}));
  EXPECT_EQ(values(cut[2]), (Values{3, 4}));
  EXPECT_EQ(cut[3].numel(), 0);
  EXPECT_EQ(values(roll(arange_int(0, 5), 2, 0)), (Values{3, 4, 0, 1, 2}));
  EXPECT_EQ(values(roll(arange_int(0, 5), -7, 0)), (Values{2, 3, 4, 0, 1}));
  EXPECT_EQ(values(flip(x, 0)), (Values{3, 4, 5, 0, 1, 2}));
  EXPECT_EQ(values(repeat(x, 2, 1)), (Values{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5}));
  EXPECT_EQ(values(tile(arange_int(0, 2), {2, 2})), (Values{0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(values(tile(range({2, 2}), {2})), (Values{0, 1, 0, 1, 2, 3, 2, 3}));
  EXPECT_EQ(tile(zeros(Dims::filled(8, 1)), Dims::filled(8, 2)).numel(), 256);
  EXPECT_EQ(tile(x, {0, 1}).shape(), (Shape{0, 3}));
  EXPECT_EQ(values(pad(arange_int(1, 4), {{2, 1}}, PadMode::Reflect)), (Values{3, 2, 1, 2, 3, 2}));
  EXPECT_EQ(values(pad(arange_int(1, 4), {{2, 1}}, PadMode::Replicate)), (Values{1, 1, 1, 2, 3, 3}));
  EXPECT_EQ(values(pad(arange_int(1, 3), {{1, 2}}, PadMode::Constant, 9)), (Values{9, 1, 2, 9, 9}));
}

TEST(Reductions, Composites) {
  const Tensor x = cast(range({2, 3}), DType::F64);
  EXPECT_EQ(values(mean(x, 1)), (Values{1, 4}));
  EXPECT_EQ(values(var(x, 1)), (Values{2.0 / 3, 2.0 / 3}));
  EXPECT_EQ(values(var(x, 1, 1)), (Values{1, 1}));
  EXPECT_EQ(var(x, {0, 1}, 1, true).shape(), (Shape{1, 1}));
  EXPECT_EQ(mean(full({70000}, 2, DType::F16)).item<float>(), 2.0f);  // the sum is beyond f16
  EXPECT_TRUE(std::isnan(mean(zeros({0})).item<float>()));
  EXPECT_EQ(sum(x, {}).item<double>(), 15);
  EXPECT_EQ(sum(Tensor(3)).item<int>(), 3);
  EXPECT_EQ(sum(zeros({0}, DType::Bool)).item<int>(), 0);
  EXPECT_EQ(norm(x - 1, 1).item<double>(), 11);
  EXPECT_EQ(norm(x - 1, kInf, 0).to_vector<double>(), (Values{2, 3, 4}));
  EXPECT_EQ(norm(x - 1, -kInf).item<double>(), 0);
  EXPECT_EQ(norm(x - 1, 0).item<double>(), 5);
  EXPECT_NEAR(norm(x, 3).item<double>(), std::cbrt(225), 1e-12);
  EXPECT_EQ(argmax(x).item<int>(), 5);
  EXPECT_EQ(argmin(x, std::nullopt, true).shape(), (Shape{1, 1}));
  EXPECT_TRUE(max(Tensor::from_vector(std::vector<bool>{false, true}, {2})).item<bool>());
}

TEST(Reductions, LogSumExpOfInfinities) {
  const Tensor x = Tensor::from_vector(Values{-kInf, -kInf, 0, kInf, 1000, 1000, NAN, 0}, {4, 2});
  const Values result = values(logsumexp(x, 1));
  EXPECT_EQ(result[0], -kInf);
  EXPECT_EQ(result[1], kInf);
  EXPECT_NEAR(result[2], 1000 + std::log(2), 1e-9);
  EXPECT_TRUE(std::isnan(result[3]));
}

TEST(Elementwise, Composites) {
  const Tensor x = Tensor::from_vector(Values{kInf, kInf, -kInf, NAN, 1}, {5});
  const Tensor y = Tensor::from_vector(Values{kInf, 1, -kInf, NAN, 1 + 1e-7}, {5});
  EXPECT_EQ(values(isclose(x, y)), (Values{1, 0, 1, 0, 1}));
  EXPECT_EQ(values(isclose(1, arange_int(0, 3))), (Values{0, 1, 0}));
  EXPECT_EQ(logaddexp(-kInf, Tensor(-kInf)).item<double>(), -kInf);
  EXPECT_EQ(values(clip(arange_int(-2, 3), -0.5, 1.5)), (Values{0, 0, 0, 1, 1}));
  EXPECT_EQ(values(clip(arange_int(0, 3, 1, DType::U8), -7, 900)), (Values{0, 1, 2}));
  EXPECT_EQ(values(clip(arange_int(0, 3), std::nullopt, kInf)), (Values{0, 1, 2}));
  EXPECT_EQ(values(clip(arange(0, 3), 0.5, std::nullopt)), (Values{0.5, 1, 2}));
  EXPECT_EQ(values(lerp(0, 4, Tensor(0.25))), (Values{1}));
  EXPECT_EQ(values(where(Tensor(2), 1, 0.5)), (Values{1}));
  EXPECT_EQ(values(cast(Tensor(300), DType::U8)), (Values{44}));
  EXPECT_EQ(values(cast(Tensor(-1.7), DType::I32)), (Values{-1}));
  EXPECT_EQ(values(Tensor(0.1) + zeros({1}, DType::F64)), (Values{0.1}));  // the number keeps its digits
  EXPECT_EQ(values(arange_int(0, 4) > 2), (Values{0, 0, 0, 1}));
  EXPECT_EQ(values(arange_int(0, 3) && true), (Values{0, 1, 1}));
}

TEST(Indexing, Composites) {
  EXPECT_EQ(values(one_hot(Tensor::from_vector<int>({2, 0, 5}, {3}), 3)), (Values{0, 0, 1, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(values(nonzero(eye(2))), (Values{0, 0, 1, 1}));
  EXPECT_EQ(nonzero(Tensor(1)).shape(), (Shape{1, 0}));
  EXPECT_EQ(nonzero(zeros({0, 3})).shape(), (Shape{0, 2}));
  const Tensor x = Tensor::from_vector(Values{3, NAN, 1, 3, NAN, 1}, {2, 3});
  const Unique u = unique(x);
  EXPECT_EQ(u.values.numel(), 3);
  EXPECT_EQ(values(u.counts), (Values{2, 2, 2}));
  EXPECT_EQ(values(u.inverse), (Values{1, 2, 0, 1, 2, 0}));
  EXPECT_EQ(u.inverse.shape(), x.shape());
  EXPECT_EQ(unique(zeros({0})).counts.shape(), (Shape{0}));
  EXPECT_EQ(values(unique(Tensor::from_vector<bool>({true, false, true}, {3})).values), (Values{0, 1}));
  EXPECT_EQ(take(range({2, 3}), Tensor(1), 1).shape(), (Shape{2}));
}

}  // namespace
}  // namespace nngpu
