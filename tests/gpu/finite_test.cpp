// Matrices that hold NaN or infinity, small and large: the kernels differ.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/gpu/launches/decompose.h"
#include "backend/sim/runtime.h"

namespace nngpu::gpu {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class NonFinite : public ::testing::TestWithParam<int64_t> {
 protected:
  Stack stack(int64_t entries, int64_t rows, int64_t columns, DType dtype) {
    Stack result;
    result.dtype = dtype;
    result.rows = rows;
    result.columns = columns;
    result.entries = result.item_entries = entries;
    result.holder = gpu_.pool().allocate(static_cast<size_t>(result.bytes()));
    result.data = result.holder->data;
    return result;
  }
  // Three matrices of twos.
  Stack twos(int64_t rows, int64_t columns) {
    const Stack result = stack(3, rows, columns, DType::F64);
    std::fill_n(numbers(result), 3 * rows * columns, 2.0);
    return result;
  }
  static double* numbers(const Stack& s) { return reinterpret_cast<double*>(s.data); }
  std::vector<int32_t> replace(const Stack& a, bool lower) {
    const Stack status = stack(3, 1, 1, DType::I32);
    auto* words = reinterpret_cast<int32_t*>(status.data);
    std::fill_n(words, 3, 77);
    replace_non_finite(gpu_, a, lower, status, a.columns);
    return {words, words + 3};
  }
  // Whether an entry holds twos, or the identity.
  static bool is_kept(const Stack& a, int64_t entry, bool kept) {
    for (int64_t j = 0; j < a.columns; ++j)
      for (int64_t i = 0; i < a.rows; ++i)
        if (numbers(a)[(entry * a.columns + j) * a.rows + i] != (kept ? 2.0 : i == j ? 1.0 : 0.0)) return false;
    return true;
  }
  GpuBackend gpu_{Device{DeviceType::Sim, 0}, sim::make_runtime()};
};

TEST_P(NonFinite, MatricesBecomeTheIdentity) {
  const int64_t n = GetParam(), m = n + 3;
  const Stack a = twos(m, n);
  numbers(a)[0] = kInfinity;
  numbers(a)[3 * m * n - 1] = kNan;
  EXPECT_EQ(replace(a, false), (std::vector<int32_t>{int32_t(n) + 1, 0, int32_t(n) + 1}));
  EXPECT_TRUE(is_kept(a, 0, false));
  EXPECT_TRUE(is_kept(a, 1, true));
  EXPECT_TRUE(is_kept(a, 2, false));
}

TEST_P(NonFinite, OfTheLowerTriangleAlone) {
  const int64_t n = GetParam();
  const Stack a = twos(n, n);
  numbers(a)[n * n - 2] = kNan;            // entry 0, above the diagonal
  numbers(a)[n * n + n - 1] = -kInfinity;  // entry 1, the lower left corner
  numbers(a)[3 * n * n - 1] = kNan;        // entry 2, the last of the diagonal
  EXPECT_EQ(replace(a, true), (std::vector<int32_t>{0, int32_t(n) + 1, int32_t(n) + 1}));
  EXPECT_TRUE(std::isnan(numbers(a)[n * n - 2]));
  EXPECT_TRUE(is_kept(a, 1, false));
  EXPECT_TRUE(is_kept(a, 2, false));
}

INSTANTIATE_TEST_SUITE_P(Sides, NonFinite, ::testing::Values(5, 40, 127, 130, 300));

}  // namespace
}  // namespace nngpu::gpu
