// The oracle itself, by hand on cases small enough to see.
#include <gtest/gtest.h>

#include <cmath>

#include "oracle/compare.h"

namespace nngpu::oracle {
namespace {

TEST(Oracle, IndexesRowMajorAndBroadcasts) {
  const Array a{{2, 3}, {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(a.at({1, 0}), 4);
  EXPECT_EQ((Array{{1, 3}, {7, 8, 9}}.at({5, 2})), 9);
  EXPECT_EQ((Array{{3}, {7, 8, 9}}.at({1, 2})), 9);
  EXPECT_EQ((Array{{}, {4}}.at({1, 2})), 4);
}

TEST(Oracle, MapsWithBroadcasting) {
  const Array column{{2, 1}, {10, 20}}, row{{3}, {1, 2, 3}};
  const Array sum = map(column, row, [](double x, double y) { return x + y; });
  EXPECT_EQ(sum.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(sum.data, (std::vector<double>{11, 12, 13, 21, 22, 23}));
}

TEST(Oracle, Reduces) {
  const Array a{{2, 3}, {1, 2, 3, 4, 5, 6}};
  const auto last = [](const std::vector<double>& v) { return v.back(); };
  EXPECT_EQ(reduce(a, {0}, false, last).data, (std::vector<double>{4, 5, 6}));
  EXPECT_EQ(reduce(a, {1}, true, last).shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(reduce(a, {1}, true, last).data, (std::vector<double>{3, 6}));
  EXPECT_EQ(reduce(a, {}, false, last).data, (std::vector<double>{6}));
}

TEST(Oracle, MultipliesAndPermutes) {
  const Array a{{2, 2}, {1, 2, 3, 4}}, b{{2, 1}, {5, 6}};
  EXPECT_EQ(matmul(a, b).data, (std::vector<double>{17, 39}));
  EXPECT_EQ(permute(a, {1, 0}).data, (std::vector<double>{1, 3, 2, 4}));
  const Array cube{{1, 2, 3}, {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(permute(cube, {2, 0, 1}).data, (std::vector<double>{1, 4, 2, 5, 3, 6}));
}

TEST(Oracle, ComparisonsCanFail) {
  const Tensor x = to_tensor({{2}, {1, 2}}, DType::F32);
  EXPECT_TRUE(matches(x, {{2}, {1, 2}}, DType::F32, Accuracy::Exact));
  EXPECT_FALSE(matches(x, {{2}, {1, 2.001}}, DType::F32, Accuracy::Function));
  EXPECT_FALSE(matches(x, {{2}, {1, 2.00001}}, DType::F32, Accuracy::Rounded));
  EXPECT_FALSE(matches(x, {{2, 1}, {1, 2}}, DType::F32, Accuracy::Exact));
  EXPECT_FALSE(matches(x, {{2}, {1, 2}}, DType::F64, Accuracy::Exact));
  EXPECT_FALSE(matches(x, {{2}, {1, NAN}}, DType::F32, Accuracy::Exact));
}

}  // namespace
}  // namespace nngpu::oracle
