// Launches made by hand: operands in any layout, results read back as doubles in row-major order.
#ifndef NNGPU_TESTS_KERNELS_LAUNCH_FIXTURE_H_
#define NNGPU_TESTS_KERNELS_LAUNCH_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/launches.h"
#include "backend/cpu/parallel.h"
#include "nngpu/error.h"

namespace nngpu::cpu {

using graph::Operand;

inline double get_element(DType dtype, const char* at) {
  const auto value = [&]<class T>(T out) {
    std::memcpy(&out, at, sizeof(T));
    return out;
  };
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return value(uint8_t{});
    case DType::I32:
      return value(int32_t{});
    case DType::I64:
      return static_cast<double>(value(int64_t{}));
    case DType::F16:
      return static_cast<float>(value(Half{}));
    case DType::BF16:
      return static_cast<float>(value(BFloat16{}));
    case DType::F32:
      return value(float{});
    case DType::F64:
      return value(double{});
  }
  return 0;
}

inline void put_element(DType dtype, double x, char* at) {
  const auto store = [&](auto value) { std::memcpy(at, &value, sizeof(value)); };
  switch (dtype) {
    case DType::Bool:
      return store(static_cast<uint8_t>(x != 0));
    case DType::U8:
      return store(static_cast<uint8_t>(x));
    case DType::I32:
      return store(static_cast<int32_t>(x));
    case DType::I64:
      return store(static_cast<int64_t>(x));
    case DType::F16:
      return store(Half(static_cast<float>(x)));
    case DType::BF16:
      return store(BFloat16(static_cast<float>(x)));
    case DType::F32:
      return store(static_cast<float>(x));
    case DType::F64:
      return store(x);
  }
}

// A tensor's values in row-major order.
struct Array {
  Shape shape;
  std::vector<double> values;
};

inline Array random_array(const Shape& shape, DType dtype, std::mt19937& random, int range = 5) {
  Array out{shape, std::vector<double>(numel(shape))};
  std::uniform_real_distribution<double> uniform(-range, range);
  for (double& x : out.values) {
    x = uniform(random);
    if (!is_floating(dtype)) x = std::floor(dtype >= DType::I32 ? x : std::abs(x));
    char bytes[8];
    put_element(dtype, x, bytes);  // as the dtype rounds it
    x = get_element(dtype, bytes);
  }
  return out;
}

enum class Layout { RowMajor, ColumnMajor, Reversed, Spread, Outer };  // Outer: the first axis moves fastest
inline constexpr Layout kLayouts[] = {Layout::RowMajor, Layout::ColumnMajor, Layout::Reversed, Layout::Spread,
                                      Layout::Outer};

inline Dims layout_strides(const Shape& shape, Layout layout) {
  Dims strides = row_major_strides(shape);
  const int rank = shape.size();
  if (layout == Layout::ColumnMajor && rank >= 2) {
    strides[rank - 2] = 1;
    strides[rank - 1] = std::max<int64_t>(1, shape[rank - 2]);
  }
  if (layout == Layout::Outer)
    for (int64_t i = 0, step = 1; i < rank; step *= std::max<int64_t>(1, shape[static_cast<int>(i)]), ++i)
      strides[static_cast<int>(i)] = step;
  for (int i = 0; i < rank; ++i) {
    if (layout == Layout::Spread) strides[i] *= 3;
    if (layout == Layout::Reversed) strides[i] = -strides[i];
  }
  return strides;
}

using Kernel = void (*)(const Launch&, const RunContext&);

class Runner {
 public:
  template <class P>
  explicit Runner(const P& params) {
    launch.params = graph::Params(params);
  }
  Runner() = default;

  // Strides of zero stand for broadcast axes: their elements must be equal.
  void input(DType dtype, const Array& array, const Dims& strides) {
    launch.inputs.push_back(operand(dtype, array.shape, strides));
    const Operand& x = launch.inputs.back();
    each(x, [&](int64_t i, char* at) { put_element(dtype, array.values[i], at); });
  }
  void input(DType dtype, const Array& array, Layout layout = Layout::RowMajor) {
    input(dtype, array, layout_strides(array.shape, layout));
  }
  void output(DType dtype, const Shape& shape, Layout layout = Layout::RowMajor) {
    launch.outputs.push_back(operand(dtype, shape, layout_strides(shape, layout)));
  }
  void run(Kernel kernel, int items = 1) {
    launch.items = items;
    for (auto& buffer : buffers) slots.push_back(buffer.data());
    const RunContext context{slots.data(), &failures, nullptr};
    kernel(launch, context);
  }
  Array result(int output = 0) {
    const Operand& x = launch.outputs[output];
    Array out{x.shape, std::vector<double>(numel(x.shape))};
    each(x, [&](int64_t i, char* at) { out.values[i] = get_element(x.dtype, at); });
    return out;
  }
  template <class E>
  E failure(int index = 0) {
    if (index >= static_cast<int>(failures.size())) {
      ADD_FAILURE() << "no failure was reported";
    } else {
      try {
        std::rethrow_exception(failures[index].error);
      } catch (const E& error) {
        return error;
      }
    }
    throw std::runtime_error("unexpected");
  }

  Launch launch;
  std::vector<std::vector<char>> buffers;
  std::vector<char*> slots;
  std::vector<graph::Failure> failures;

 private:
  Operand operand(DType dtype, const Shape& shape, const Dims& strides) {
    int64_t low = 0, high = 0;
    for (int i = 0; i < shape.size(); ++i)
      (strides[i] < 0 ? low : high) += strides[i] * std::max<int64_t>(0, shape[i] - 1);
    const int64_t margin = 5;
    buffers.emplace_back((high - low + 1 + 2 * margin) * dtype_size(dtype), char(0x5a));
    return {static_cast<int32_t>(buffers.size()) - 1, dtype, margin - low, shape, strides};
  }
  template <class F>
  void each(const Operand& x, const F& f) {
    const int64_t count = numel(x.shape);
    for (int64_t i = 0; i < count; ++i) {
      int64_t at = x.offset, rest = i;
      for (int axis = x.shape.size() - 1; axis >= 0; --axis) {
        at += rest % x.shape[axis] * x.strides[axis];
        rest /= x.shape[axis];
      }
      f(i, buffers[x.slot].data() + at * static_cast<int64_t>(dtype_size(x.dtype)));
    }
  }
};

// A row-major position split around an axis: outer, the axis, inner.
struct AxisSplit {
  int64_t outer = 1, n = 1, inner = 1;
  AxisSplit(const Shape& shape, int axis) : n(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  }
  int64_t at(int64_t o, int64_t i, int64_t k) const { return (o * n + i) * inner + k; }
};

inline double tolerance(DType dtype) {
  switch (dtype) {
    case DType::F16:
      return 1e-3;
    case DType::BF16:
      return 8e-3;
    case DType::F32:
      return 2e-6;
    case DType::F64:
      return 1e-14;
    default:
      return 0;
  }
}

inline void expect_near(const Array& got, const Array& wanted, double relative) {
  ASSERT_EQ(got.values.size(), wanted.values.size());
  for (size_t i = 0; i < got.values.size(); ++i) {
    if (std::isnan(wanted.values[i]) && std::isnan(got.values[i])) continue;
    if (wanted.values[i] == got.values[i]) continue;
    ASSERT_LE(std::abs(got.values[i] - wanted.values[i]), relative * (1 + std::abs(wanted.values[i])))
        << "at " << i << " of " << to_string(got.shape) << ": " << got.values[i] << " instead of "
        << wanted.values[i];
  }
}

inline constexpr DType kAllDTypes[] = {DType::Bool, DType::U8,   DType::I32, DType::I64,
                                       DType::F16,  DType::BF16, DType::F32, DType::F64};

}  // namespace nngpu::cpu

#endif  // NNGPU_TESTS_KERNELS_LAUNCH_FIXTURE_H_
