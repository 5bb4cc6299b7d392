// Reductions along columns by packs of results, on the simulated device: sizes around a block's rows and columns,
// and columns that start where packs cannot.
#include <gtest/gtest.h>

#include <cmath>

#include "nngpu/nngpu.h"
#include "oracle/compare.h"
#include "oracle/random_array.h"

namespace nngpu {
namespace {

using oracle::Array;

const Device kSim{DeviceType::Sim, 0};

Array column_sums(const Array& a, int64_t first) {
  const int64_t rows = a.shape[0], columns = a.shape[1];
  Array sums = oracle::filled({columns - first}, 0);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = first; j < columns; ++j) sums.ref({j - first}) += a.at({i, j});
  return sums;
}

TEST(TileReduce, SumsColumns) {
  for (const DType dtype : {DType::F32, DType::F64, DType::BF16, DType::I32})
    for (const int64_t columns : {8, 24, 64, 520})
      for (const int64_t rows : {16, 17, 255, 1500}) {
        const Array a = oracle::random_array({rows, columns}, dtype, -1, 1);
        const Tensor x = oracle::to_tensor(a, dtype).to(kSim);
        const DType result = dtype == DType::I32 ? DType::I64 : dtype;
        EXPECT_TRUE(oracle::matches(sum(x, 0), column_sums(a, 0), result, oracle::Accuracy::Accumulated,
                                    static_cast<double>(rows)))
            << rows << " rows of " << columns << " " << dtype_name(dtype);
        EXPECT_TRUE(oracle::matches(sum(slice(x, 1, 1), 0), column_sums(a, 1), result,
                                    oracle::Accuracy::Accumulated, static_cast<double>(rows)))
            << rows << " rows of " << columns << " " << dtype_name(dtype) << " but the first column";
      }
}

// As the gradient of batch normalization: two sums of one loop, one of a product with a row that all rows share.
TEST(TileReduce, SumsSeveralValuesAtOnce) {
  const Array a = oracle::random_array({700, 48}, DType::F32, -1, 1),
              b = oracle::random_array({700, 48}, DType::F32, -1, 1),
              m = oracle::random_array({48}, DType::F32, -1, 1);
  Array product = oracle::filled({700, 48}, 0);
  for (int64_t i = 0; i < 700; ++i)
    for (int64_t j = 0; j < 48; ++j) product.ref({i, j}) = a.at({i, j}) * (b.at({i, j}) - m.at({j}));
  const auto on_sim = [](const Array& x) { return oracle::to_tensor(x, DType::F32).to(kSim); };
  const Tensor x = on_sim(a), y = on_sim(b), mean = on_sim(m);
  const Tensor first = sum(x, 0), second = sum(x * (y - mean), 0);
  eval({first, second});
  EXPECT_TRUE(oracle::matches(first, column_sums(a, 0), DType::F32, oracle::Accuracy::Accumulated, 700));
  EXPECT_TRUE(oracle::matches(second, column_sums(product, 0), DType::F32, oracle::Accuracy::Accumulated, 1400));
}

// Beside a mean that is large the variance keeps its digits.
TEST(TileReduce, MomentsOfColumns) {
  Array a = oracle::random_array({1000, 40}, DType::F32, -1, 1);
  for (double& v : a.data) v = static_cast<float>(v + 1000);
  const Moments got = moments(oracle::to_tensor(a, DType::F32).to(kSim), 0);
  Array means = column_sums(a, 0), squares = oracle::filled({40}, 0);
  for (double& v : means.data) v /= 1000;
  for (int64_t i = 0; i < 1000; ++i)
    for (int64_t j = 0; j < 40; ++j) squares.ref({j}) += std::pow(a.at({i, j}) - means.at({j}), 2) / 1000;
  EXPECT_TRUE(oracle::matches(got.mean, means, DType::F32, oracle::Accuracy::Function));
  const std::vector<float> variance = got.var.to_vector<float>();
  for (size_t j = 0; j < variance.size(); ++j)
    EXPECT_NEAR(variance[j], squares.data[j], 1e-5 * squares.data[j]) << j;
}

}  // namespace
}  // namespace nngpu
