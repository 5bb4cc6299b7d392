// Comparing the library's results with the oracle's; every tolerance of the suite is in tolerance().
#ifndef NNGPU_TESTS_ORACLE_COMPARE_H_
#define NNGPU_TESTS_ORACLE_COMPARE_H_

#include <gtest/gtest.h>

#include "oracle/array.h"

namespace nngpu::oracle {

// How a result may differ from the exact one.
enum class Accuracy {
  Exact,        // moves, comparisons, integers
  Rounded,      // one correctly rounded operation: + - * / sqrt
  Function,     // an elementary function or short chain: 4 ulp
  Accumulated,  // a sum or product of many terms: relative to the sum of their magnitudes
};

struct Tolerance {
  double relative, absolute;
};
Tolerance tolerance(Accuracy accuracy, DType dtype);

// Checks shape, dtype and every element; `scale` bounds what an accumulated element's terms add up to in
// magnitude.
::testing::AssertionResult matches(const Tensor& actual, const Array& expected, DType dtype, Accuracy accuracy,
                                   double scale = 1);

}  // namespace nngpu::oracle

#endif  // NNGPU_TESTS_ORACLE_COMPARE_H_
