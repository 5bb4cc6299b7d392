#include "nngpu/random.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "nngpu/ops.h"
#include "ops/expect_error.h"
#include "ops/generator.h"

namespace nngpu {
namespace {

TEST(Generator, OffsetsAdvanceByBlocks) {
  Generator g(3);
  EXPECT_EQ(g.seed(), 3u);
  rand({5}, DType::F32, g);
  EXPECT_EQ(g.offset(), 2u);
  randn({5}, DType::F64, g);
  EXPECT_EQ(g.offset(), 5u);
  bernoulli({4}, 0.5, g);
  EXPECT_EQ(g.offset(), 6u);
  rand({0}, DType::F32, g);
  EXPECT_EQ(g.offset(), 6u);
  Generator copy = g;  // shares the state
  copy.seed(9);
  EXPECT_EQ(g.seed(), 9u);
  EXPECT_EQ(g.offset(), 0u);
}

TEST(Generator, SameStateSameNumbers) {
  Generator g(1);
  const auto first = rand({7}, DType::F32, g).to_vector<float>(),
             second = rand({7}, DType::F32, g).to_vector<float>();
  EXPECT_NE(first, second);
  g.set_offset(0);
  EXPECT_EQ(rand({7}, DType::F32, g).to_vector<float>(), first);
  EXPECT_NE(rand({7}, DType::F32, Generator(2)).to_vector<float>(), first);
}

TEST(Random, Ranges) {
  Generator g(5);
  for (DType dtype : {DType::F16, DType::BF16, DType::F32, DType::F64}) {
    for (double v : uniform({1000}, -2, 3, dtype, g).to_vector<double>()) EXPECT_TRUE(v >= -2 && v < 3) << v;
    EXPECT_NEAR(mean(cast(randn({4000}, dtype, g), DType::F64)).item<double>(), 0, 0.1);
    EXPECT_EQ(uniform({3}, 2, 2, dtype, g).to_vector<double>(), std::vector<double>(3, 2));
  }
  for (DType dtype : {DType::U8, DType::I32, DType::I64}) {
    std::vector<int64_t> drawn = randint(3, 8, {200}, dtype, g).to_vector<int64_t>();
    EXPECT_EQ(*std::min_element(drawn.begin(), drawn.end()), 3);
    EXPECT_EQ(*std::max_element(drawn.begin(), drawn.end()), 7);
  }
  EXPECT_EQ(sum(bernoulli({50}, 1, g)).item<int>(), 50);
  EXPECT_EQ(sum(bernoulli({50}, 0, g)).item<int>(), 0);
}

TEST(Random, Permutation) {
  std::vector<int64_t> p = permutation(100, Generator(4)).to_vector<int64_t>();
  EXPECT_FALSE(std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(p[static_cast<size_t>(i)], i);
  EXPECT_EQ(permutation(0).numel(), 0);
}

TEST(Random, Arguments) {
  EXPECT_ERROR(DTypeError, rand({2}, DType::I32), "[rand] needs a floating dtype: i32");
  EXPECT_ERROR(DTypeError, randint(0, 2, {2}, DType::F32), "[randint] needs an integer dtype: f32");
  EXPECT_ERROR(ValueError, randint(2, 2, {2}), "[randint] no integers: low 2, high 2");
  EXPECT_ERROR(ValueError, randint(0, 300, {2}, DType::U8), "[randint] value does not fit u8: 299");
  EXPECT_ERROR(ValueError, randint(0, INT64_MAX, {2}), "[randint] beyond 2^53: low 0, high 9223372036854775807");
  EXPECT_ERROR(ValueError, uniform({2}, 1, 0), "[uniform] no interval: low 1, high 0");
  EXPECT_ERROR(ValueError, uniform({2}, 0, INFINITY), "[uniform] no interval: low 0, high inf");
  EXPECT_ERROR(ValueError, normal({2}, 0, -1), "[normal] no distribution: mean 0, stddev -1");
  EXPECT_ERROR(ValueError, bernoulli({2}, 1.5), "[bernoulli] no probability: 1.5");
  EXPECT_ERROR(ValueError, permutation(-1), "[permutation] negative count: -1");
  EXPECT_ERROR(ShapeError, rand({-1}), "[shape] negative size: (-1,)");
}

}  // namespace
}  // namespace nngpu
