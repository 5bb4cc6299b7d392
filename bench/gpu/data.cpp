#include "data.h"

#include <algorithm>
#include <vector>

namespace nngpu::bench {
namespace {

// A bijection of 32 bits that leaves no visible order.
uint32_t mix(uint32_t x) {
  x *= 0x9E3779B1u;
  x ^= x >> 15;
  x *= 0x85EBCA77u;
  x ^= x >> 13;
  x *= 0xC2B2AE3Du;
  x ^= x >> 16;
  return x;
}

double element(int64_t index, uint32_t seed) {
  return static_cast<double>(mix(static_cast<uint32_t>(index) + seed) >> 8) * 0x1p-23 - 1;
}

double value_at(int64_t i, int64_t n, Fill fill, uint32_t seed) {
  if (fill == Fill::Uniform) return element(i, seed);
  const int64_t column = i % n, row = i / n % n, matrix = i / (n * n);
  const auto [low, high] = std::minmax(row, column);
  const double value = element((matrix * n + low) * n + high, seed);
  return fill == Fill::Positive && row == column ? value + static_cast<double>(n) : value;
}

template <class T>
Tensor filled(const Input& input, uint32_t seed, Device device) {
  const int64_t count = numel(input.shape), n = input.shape[input.shape.size() - 1];
  std::vector<T> values(static_cast<size_t>(count));
#pragma omp parallel for
  for (int64_t i = 0; i < count; ++i) {
    const double value = value_at(i, n, input.fill, seed);
    if constexpr (sizeof(T) == 2)
      values[static_cast<size_t>(i)] = T(static_cast<float>(value));
    else
      values[static_cast<size_t>(i)] = static_cast<T>(value);
  }
  return Tensor::from_data(values.data(), input.shape, device);
}

}  // namespace

Tensor make_input(const GpuCase& c, size_t input, int64_t set, Device device) {
  const uint32_t seed = static_cast<uint32_t>(set * 16 + static_cast<int64_t>(input) + 1) * 0x3C6EF372u;
  switch (c.dtype) {
    case DType::F16:
      return filled<Half>(c.inputs[input], seed, device);
    case DType::BF16:
      return filled<BFloat16>(c.inputs[input], seed, device);
    case DType::F64:
      return filled<double>(c.inputs[input], seed, device);
    default:
      return filled<float>(c.inputs[input], seed, device);
  }
}

}  // namespace nngpu::bench
