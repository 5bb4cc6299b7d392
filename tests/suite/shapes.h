// Shapes around the edges of blocks and tiles, and the dtypes of the suite.
#ifndef NNGPU_TESTS_SUITE_SHAPES_H_
#define NNGPU_TESTS_SUITE_SHAPES_H_

#include <vector>

#include "oracle/compare.h"
#include "oracle/random_array.h"

namespace nngpu::suite {

using Dimensions = std::vector<int64_t>;

inline const std::vector<Dimensions>& shapes() {
  static const std::vector<Dimensions> list = {
      {},        {0},          {1},    {31},   {32},    {33},      {1023},   {1024},   {1025},     {7, 13},
      {3, 1, 5}, {2, 3, 4, 5}, {0, 4}, {5, 0}, {1, 37}, {257, 67}, {300, 2}, {2, 300}, {4, 256, 3}};
  return list;
}

inline const std::vector<DType>& all_dtypes() {
  static const std::vector<DType> list = {DType::Bool, DType::U8,   DType::I32, DType::I64,
                                          DType::F16,  DType::BF16, DType::F32, DType::F64};
  return list;
}

inline const std::vector<DType>& floating_dtypes() {
  static const std::vector<DType> list = {DType::F16, DType::BF16, DType::F32, DType::F64};
  return list;
}

}  // namespace nngpu::suite

#endif  // NNGPU_TESTS_SUITE_SHAPES_H_
