#include "oracle/compare.h"

#include <cmath>

namespace nngpu::oracle {

Tolerance tolerance(Accuracy accuracy, DType dtype) {
  if (accuracy == Accuracy::Exact || !is_floating(dtype)) return {0, 0};
  double epsilon = 0, tiny = 0;  // of rounding, and the smallest subnormal
  switch (dtype) {
    case DType::F16:
      epsilon = 0x1p-11, tiny = 0x1p-24;
      break;
    case DType::BF16:
      epsilon = 0x1p-8, tiny = 0x1p-133;
      break;
    case DType::F32:
      epsilon = 0x1p-24, tiny = 0x1p-149;
      break;
    default:
      epsilon = 0x1p-53, tiny = 0x1p-1074;
      break;
  }
  switch (accuracy) {
    case Accuracy::Exact:
      return {0, 0};
    case Accuracy::Rounded:
      return {1.01 * epsilon, tiny};
    case Accuracy::Function:
      return {8 * epsilon, 2 * tiny};
    case Accuracy::Accumulated:
      return {8 * epsilon, 16 * epsilon};  // absolute: times the scale
  }
  return {0, 0};
}

::testing::AssertionResult matches(const Tensor& actual, const Array& expected, DType dtype, Accuracy accuracy,
                                   double scale) {
  if (actual.dtype() != dtype) {
    return ::testing::AssertionFailure()
           << "dtype " << dtype_name(actual.dtype()) << ", expected " << dtype_name(dtype);
  }
  if (!(actual.shape() == Shape(expected.shape))) {
    return ::testing::AssertionFailure()
           << "shape " << to_string(actual.shape()) << ", expected " << to_string(Shape(expected.shape));
  }
  const std::vector<double> values = actual.to_vector<double>();
  const Tolerance t = tolerance(accuracy, dtype);
  const double absolute = accuracy == Accuracy::Accumulated ? t.absolute * scale : t.absolute;
  for (size_t i = 0; i < values.size(); ++i) {
    const double want = expected.data[i], got = values[i];
    if (std::isnan(want) && std::isnan(got)) continue;
    if (want == got) continue;
    if (std::isfinite(want) && std::abs(got - want) <= t.relative * std::abs(want) + absolute) continue;
    return ::testing::AssertionFailure()
           << "element " << i << " is " << got << ", expected " << want << " (off by " << got - want
           << ", allowed " << t.relative * std::abs(want) + absolute << ")";
  }
  return ::testing::AssertionSuccess();
}

}  // namespace nngpu::oracle
