// Matrix products against the oracle.
#include <cmath>

#include "nngpu/ops.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;

struct Sizes {
  Dimensions a, b;
};

const Sizes kSizes[] = {
    {{1, 1}, {1, 1}},           {{31, 33}, {33, 32}},       {{64, 64}, {64, 64}},   {{7, 1}, {1, 5}},
    {{1, 300}, {300, 1}},       {{3, 0}, {0, 4}},           {{0, 4}, {4, 3}},       {{130, 67}, {67, 97}},
    {{5, 8, 8}, {5, 8, 8}},     {{5, 8, 9}, {9, 4}},        {{3, 4}, {6, 4, 2}},    {{2, 1, 3, 4}, {1, 5, 4, 2}},
    {{100, 4, 4}, {100, 4, 4}}, {{2, 33, 17}, {2, 17, 40}}, {{257, 129}, {129, 1}}, {{33, 300}, {300, 21}}};

TEST(ProductSuite, MatmulOfEveryDtypeAndLayout) {
  for (DType dtype : {DType::U8, DType::I32, DType::I64, DType::F16, DType::BF16, DType::F32, DType::F64}) {
    for (const Sizes& sizes : kSizes) {
      const Array a = oracle::random_array(sizes.a, dtype, 0, dtype == DType::U8 ? 3 : 2);
      const Array b = oracle::random_array(sizes.b, dtype, 0, dtype == DType::U8 ? 2 : 2);
      for (oracle::Layout layout : oracle::kLayouts) {
        const Tensor x = oracle::with_layout(a, dtype, layout),
                     y = oracle::with_layout(b, dtype, oracle::kLayouts[oracle::generator()() % 4]);
        Array expected = oracle::matmul(a, b);
        if (dtype == DType::U8)
          expected = oracle::map(expected, [](double v) { return double(static_cast<uint8_t>(int64_t(v))); });
        const double scale = 4.0 * double(std::max<int64_t>(1, sizes.a.back()));
        EXPECT_TRUE(oracle::matches(matmul(x, y), expected, dtype, Accuracy::Accumulated, scale))
            << dtype_name(dtype) << " " << to_string(Shape(sizes.a)) << " x " << to_string(Shape(sizes.b));
      }
    }
  }
}

TEST(ProductSuite, VectorsAreRowsAndColumns) {
  const Array a = oracle::random_array({5, 7}, DType::F64, -1, 1),
              v = oracle::random_array({7}, DType::F64, -1, 1);
  Array column = v, row = v;
  column.shape = {7, 1};
  row.shape = {1, 7};
  Array expected = oracle::matmul(a, column);
  expected.shape = {5};
  const Tensor ta = oracle::to_tensor(a, DType::F64), tv = oracle::to_tensor(v, DType::F64);
  EXPECT_TRUE(oracle::matches(matmul(ta, tv), expected, DType::F64, Accuracy::Accumulated, 7));
  EXPECT_TRUE(oracle::matches(matmul(tv, transpose(ta)), expected, DType::F64, Accuracy::Accumulated, 7));
  Array inner = oracle::matmul(row, column);
  inner.shape = {};
  EXPECT_TRUE(oracle::matches(matmul(tv, tv), inner, DType::F64, Accuracy::Accumulated, 7));
  EXPECT_TRUE(oracle::matches(dot(tv, tv), inner, DType::F64, Accuracy::Accumulated, 7));
  EXPECT_TRUE(oracle::matches(outer(tv, tv), oracle::matmul(column, row), DType::F64, Accuracy::Accumulated, 1));
}

TEST(ProductSuite, Einsum) {
  const Array a = oracle::random_array({4, 5, 6}, DType::F64, -1, 1),
              b = oracle::random_array({4, 6, 3}, DType::F64, -1, 1);
  const Tensor x = oracle::to_tensor(a, DType::F64), y = oracle::to_tensor(b, DType::F64);
  EXPECT_TRUE(
      oracle::matches(einsum("bij,bjk->bik", {x, y}), oracle::matmul(a, b), DType::F64, Accuracy::Accumulated, 6));
  EXPECT_TRUE(
      oracle::matches(einsum("...ij,...jk", {x, y}), oracle::matmul(a, b), DType::F64, Accuracy::Accumulated, 6));
  EXPECT_TRUE(
      oracle::matches(einsum("ijk->kij", {x}), oracle::permute(a, {2, 0, 1}), DType::F64, Accuracy::Exact));
  double total = 0;
  for (double v : a.data) total += v * v;
  EXPECT_NEAR(einsum("ijk,ijk->", {x, x}).item<double>(), total, 1e-12);
  const Array square = oracle::random_array({6, 6}, DType::F64, -1, 1);
  double trace = 0;
  for (int64_t i = 0; i < 6; ++i) trace += square.at({i, i});
  EXPECT_NEAR(einsum("ii->", {oracle::to_tensor(square, DType::F64)}).item<double>(), trace, 1e-14);
}

TEST(ProductSuite, IntegersWrap) {
  const Tensor a = full_int({2, 2}, int64_t{1} << 40, DType::I64);
  EXPECT_EQ(matmul(a, a).to_vector<int64_t>()[0], 0);  // 2^80 + 2^80 modulo 2^64
}

}  // namespace
}  // namespace nngpu::suite
