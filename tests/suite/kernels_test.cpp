// Sizes at which operations go to kernels that smaller ones do not reach (scripts/gpu_check.sh runs these).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nngpu/nngpu.h"
#include "oracle/random_array.h"

namespace nngpu::suite {
namespace {

// Whole numbers with many equal ones.
std::vector<float> whole_numbers(int64_t count, int64_t largest) {
  std::vector<float> values(static_cast<size_t>(count));
  auto& generator = oracle::generator();
  for (float& value : values)
    value =
        static_cast<float>(static_cast<int64_t>(generator() % static_cast<uint64_t>(2 * largest + 1)) - largest);
  return values;
}

TEST(KernelsSuite, LongLinesAreSortedStably) {
  constexpr int64_t kLines = 2, kLength = 5003;
  const std::vector<float> values = whole_numbers(kLines * kLength, 300);
  const Tensor x = Tensor::from_vector(values, {kLines, kLength});
  const auto sorted = sort(x, 1).to_vector<float>();
  const auto order = argsort(x, 1).to_vector<int64_t>();
  for (int64_t line = 0; line < kLines; ++line) {
    const float* row = values.data() + line * kLength;
    std::vector<int64_t> expected(kLength);
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](int64_t a, int64_t b) { return row[a] < row[b]; });
    for (int64_t i = 0; i < kLength; ++i) {
      ASSERT_EQ(order[static_cast<size_t>(line * kLength + i)], expected[static_cast<size_t>(i)])
          << line << ' ' << i;
      ASSERT_EQ(sorted[static_cast<size_t>(line * kLength + i)], row[expected[static_cast<size_t>(i)]]);
    }
  }
}

TEST(KernelsSuite, TheLargestOfLongLines) {
  constexpr int64_t kLength = 30011, kCount = 20;
  std::vector<float> values = whole_numbers(kLength, 1 << 20);
  const TopK top = topk(Tensor::from_vector(values, {1, kLength}), kCount, 1);
  const auto found = top.values.to_vector<float>();
  const auto at = top.indices.to_vector<int64_t>();
  for (size_t i = 0; i < kCount; ++i) EXPECT_EQ(values[static_cast<size_t>(at[i])], found[i]);
  std::sort(values.begin(), values.end(), std::greater<>());
  values.resize(kCount);
  EXPECT_EQ(found, values);
}

TEST(KernelsSuite, ManyUpdatesAreScatteredToFewPlaces) {
  constexpr int64_t kPlaces = 37, kUpdates = 5000;
  const std::vector<float> updates = whole_numbers(kUpdates, 50), start = whole_numbers(kPlaces, 9);
  std::vector<float> expected = start;
  std::vector<int64_t> at(kUpdates);
  for (size_t i = 0; i < kUpdates; ++i) {
    at[i] = static_cast<int64_t>(oracle::generator()() % kPlaces);
    expected[static_cast<size_t>(at[i])] += updates[i];
  }
  const Tensor sum = scatter_add(Tensor::from_vector(start, {kPlaces}), Tensor::from_vector(at, {kUpdates}),
                                 Tensor::from_vector(updates, {kUpdates}), 0);
  EXPECT_EQ(sum.to_vector<float>(), expected);
}

TEST(KernelsSuite, LongSumsOfSmallProductsAreExactForWholeNumbers) {
  constexpr int64_t kRows = 40, kInner = 9000, kColumns = 33;
  const std::vector<float> a = whole_numbers(kRows * kInner, 2), b = whole_numbers(kInner * kColumns, 2);
  const auto product = matmul(Tensor::from_vector(a, {kRows, kInner}), Tensor::from_vector(b, {kInner, kColumns}))
                           .to_vector<float>();
  for (int64_t i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < kColumns; ++j) {
      int64_t expected = 0;
      for (int64_t k = 0; k < kInner; ++k)
        expected += static_cast<int64_t>(a[static_cast<size_t>(i * kInner + k)]) *
                    static_cast<int64_t>(b[static_cast<size_t>(k * kColumns + j)]);
      ASSERT_EQ(product[static_cast<size_t>(i * kColumns + j)], static_cast<float>(expected)) << i << ' ' << j;
    }
  }
}

// The gradient of sum(weights * layer_norm(x)) by x, as the formula says.
TEST(KernelsSuite, TheGradientOfNormalizedRows) {
  constexpr int64_t kRows = 6, kColumns = 150;
  constexpr double kEpsilon = 1e-5;
  const std::vector<float> x = whole_numbers(kRows * kColumns, 20), weights = whole_numbers(kRows * kColumns, 4);
  const Tensor g = Tensor::from_vector(weights, {kRows, kColumns});
  const auto function = [&](const Tensor& input) { return sum(layer_norm(input, 1) * g); };
  const auto found = grad(function)(Tensor::from_vector(x, {kRows, kColumns})).to_vector<float>();
  for (int64_t r = 0; r < kRows; ++r) {
    const float *row = x.data() + r * kColumns, *w = weights.data() + r * kColumns;
    double mean = 0, variance = 0, mean_w = 0, mean_wy = 0;
    for (int64_t k = 0; k < kColumns; ++k) mean += row[k] / double(kColumns), mean_w += w[k] / double(kColumns);
    for (int64_t k = 0; k < kColumns; ++k) variance += (row[k] - mean) * (row[k] - mean) / double(kColumns);
    const double scale = 1 / std::sqrt(variance + kEpsilon);
    for (int64_t k = 0; k < kColumns; ++k) mean_wy += w[k] * (row[k] - mean) * scale / double(kColumns);
    for (int64_t k = 0; k < kColumns; ++k) {
      const double expected = scale * (w[k] - mean_w - (row[k] - mean) * scale * mean_wy);
      EXPECT_NEAR(found[static_cast<size_t>(r * kColumns + k)], expected, 1e-5) << r << ' ' << k;
    }
  }
}

// Matrices beyond a block's side: so many of them that a GPU's vendor is not asked, then one.
void eigenvectors_are_right(int64_t count, int64_t n) {
  const Tensor a = Tensor::from_vector(whole_numbers(count * n * n, 3), {count, n, n});
  const Tensor symmetric = a + transpose(a);
  const linalg::Eigh result = linalg::eigh(symmetric);
  const Tensor residual = matmul(symmetric, result.v) - result.v * expand_dims(result.w, 1);
  const Tensor product = matmul(transpose(result.v), result.v) - eye(n);
  const double largest = max(abs(result.w)).item<float>();
  EXPECT_LE(max(abs(residual)).item<float>(), 2e-5 * largest);
  EXPECT_LE(max(abs(product)).item<float>(), 1e-4);
}

TEST(KernelsSuite, EigenvectorsOfManyLargeMatrices) {
  eigenvectors_are_right(default_device().type == DeviceType::CUDA ? 48 : 1, 130);
}

TEST(KernelsSuite, FactorsOfOneLargeMatrix) {
  constexpr int64_t kSide = 300;
  const Tensor a = Tensor::from_vector(whole_numbers(kSide * kSide, 5), {kSide, kSide}) + eye(kSide) * 200;
  const Tensor x = Tensor::from_vector(whole_numbers(kSide, 9), {kSide, 1});
  const Tensor solved = linalg::lu_solve(linalg::lu_factor(a), matmul(a, x));
  EXPECT_LE(max(abs(solved - x)).item<float>(), 1e-2);
  const linalg::Qr qr = linalg::qr(a);
  EXPECT_LE(max(abs(matmul(qr.q, qr.r) - a)).item<float>(), 1e-3);
}

}  // namespace
}  // namespace nngpu::suite
