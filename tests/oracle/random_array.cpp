#include "oracle/random_array.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "nngpu/ops.h"

namespace nngpu::oracle {

std::mt19937_64& generator() {
  static std::mt19937_64 instance = [] {
    const char* text = std::getenv("NNGPU_TEST_SEED");
    const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
    std::printf("NNGPU_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return std::mt19937_64(seed);
  }();
  return instance;
}

Array random_array(const std::vector<int64_t>& shape, DType dtype, double low, double high) {
  if (dtype == DType::U8) high = std::min(high, 256.0);
  std::uniform_real_distribution<double> uniform(low, high);
  Array a = filled(shape, 0);
  for (double& v : a.data) v = is_floating(dtype) ? uniform(generator()) : std::floor(uniform(generator()));
  if (dtype == DType::Bool) {
    for (double& v : a.data) v = generator()() % 2;
  }
  return rounded(a, dtype);
}

Tensor with_layout(const Array& array, DType dtype, Layout layout) {
  const auto rank = static_cast<int64_t>(array.shape.size());
  if (rank == 0 || layout == Layout::RowMajor) return to_tensor(array, dtype);
  if (layout == Layout::Transposed) {
    std::vector<int64_t> reversed(static_cast<size_t>(rank));
    std::iota(reversed.rbegin(), reversed.rend(), 0);
    return nngpu::permute(to_tensor(permute(array, reversed), dtype).eval(), Dims(reversed)).eval();
  }
  const Tensor dense = to_tensor(array, dtype);
  if (layout == Layout::Reversed) return flip(flip(dense).eval()).eval();
  // Every second element of a tensor with a margin.
  Tensor sparse = stack({dense, dense}, rank);
  Shape merged = dense.shape();
  merged.back() *= 2;
  sparse = reshape(sparse, merged).eval();
  return slice(sparse, -1, 0, kEnd, 2).eval();
}

}  // namespace nngpu::oracle
