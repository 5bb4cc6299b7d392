#include "nngpu/shape.h"
#include "ops/expect_error.h"

namespace nngpu {
namespace {

TEST(Dims, InsertAndErase) {
  Dims dims = {2, 3};
  dims.insert(0, 7);
  dims.insert(3, 9);
  EXPECT_EQ(dims, (Dims{7, 2, 3, 9}));
  dims.erase(1);
  EXPECT_EQ(dims, (Dims{7, 3, 9}));
  dims.erase(2);
  EXPECT_EQ(dims, (Dims{7, 3}));
  for (int i = 2; i < kMaxRank; ++i) EXPECT_EQ(dims.data()[i], 0);  // equal lists are equal bytes
}

TEST(Dims, AtMostEight) {
  Dims dims = Dims::filled(kMaxRank, 1);
  EXPECT_ERROR(ShapeError, dims.push_back(1), "[shape] more than 8 dimensions: 9");
  EXPECT_ERROR(ShapeError, dims.insert(0, 1), "[shape] more than 8 dimensions: 9");
  EXPECT_EQ(dims.size(), kMaxRank);
}

TEST(Shape, Text) {
  EXPECT_EQ(to_string(Dims{}), "()");
  EXPECT_EQ(to_string(Dims{5}), "(5,)");
  EXPECT_EQ(to_string(Dims{3, -4}), "(3, -4)");
}

TEST(Shape, NumberOfElements) {
  constexpr int64_t big = int64_t{1} << 40;
  EXPECT_EQ(numel({}), 1);
  EXPECT_EQ(numel({3, 4}), 12);
  EXPECT_EQ(numel({big, big, 0}), 0);
  EXPECT_ERROR(ShapeError, numel({big, big}), "[shape] too many elements: (1099511627776, 1099511627776)");
  EXPECT_ERROR(ShapeError, numel({2, -1}), "[shape] negative size: (2, -1)");
  EXPECT_ERROR(ShapeError, numel({0, -1}), "[shape] negative size: (0, -1)");
}

TEST(Shape, Strides) {
  EXPECT_EQ(row_major_strides({2, 3, 4}), (Dims{12, 4, 1}));
  EXPECT_EQ(row_major_strides({}), Dims{});
  EXPECT_EQ(row_major_strides({0, int64_t{1} << 40, int64_t{1} << 40}).size(), 3);  // defined, though meaningless
}

TEST(Shape, Axes) {
  EXPECT_EQ(normalize_axis("f", -1, 3), 2);
  EXPECT_EQ(normalize_axis("f", 2, 3), 2);
  EXPECT_ERROR(IndexError, normalize_axis("sum", 3, 3), "[sum] axis out of range: 3 of 3 dimensions");
  EXPECT_ERROR(IndexError, normalize_axis("sum", -4, 3), "[sum] axis out of range: -4 of 3 dimensions");
  EXPECT_ERROR(IndexError, normalize_axis("sum", 0, 0), "[sum] axis out of range: 0 of 0 dimensions");
}

TEST(Shape, Broadcast) {
  EXPECT_EQ(broadcast_shapes("f", {3, 1}, {4}), (Shape{3, 4}));
  EXPECT_EQ(broadcast_shapes("f", {}, {2, 0}), (Shape{2, 0}));
  EXPECT_EQ(broadcast_shapes("f", {1}, {0}), (Shape{0}));
  EXPECT_ERROR(ShapeError, broadcast_shapes("add", {3, 4}, {3}), "[add] shapes do not broadcast: (3, 4) and (3,)");
  EXPECT_ERROR(ShapeError, broadcast_shapes("add", {2}, {0}), "[add] shapes do not broadcast: (2,) and (0,)");
}

}  // namespace
}  // namespace nngpu
