// Random inputs for the suite: fresh numbers each run, the seed printed so that a failure can be repeated
// (NNGPU_TEST_SEED).
#ifndef NNGPU_TESTS_ORACLE_RANDOM_ARRAY_H_
#define NNGPU_TESTS_ORACLE_RANDOM_ARRAY_H_

#include <random>

#include "oracle/array.h"

namespace nngpu::oracle {

std::mt19937_64& generator();

// Values in [low, high), rounded to `dtype`.
Array random_array(const std::vector<int64_t>& shape, DType dtype, double low, double high);

// The same values in a tensor whose memory is not row-major: cut out of a larger one, transposed, or reversed.
enum class Layout { RowMajor, Transposed, Sliced, Reversed };
inline constexpr Layout kLayouts[] = {Layout::RowMajor, Layout::Transposed, Layout::Sliced, Layout::Reversed};
Tensor with_layout(const Array& array, DType dtype, Layout layout);

}  // namespace nngpu::oracle

#endif  // NNGPU_TESTS_ORACLE_RANDOM_ARRAY_H_
