// Operations on rows: contiguous lines along the last axes, in the type they compute in.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_ROWS_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_ROWS_H_

#include <cstdint>

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "graph/layout.h"

namespace nngpu::cpu {

// What normalises a row: (x - mean) * scale, the mean in two parts.
struct RowStatistics {
  double mean, scale;
};

// row_kernels.cpp. Of T float and double; n > 0. Pointers to weight and bias may be null.
template <class T>
double sum_of_squares(const T* x, int64_t n);
template <class T>
void normalize_row(const RowStatistics& s, int64_t n, const T* x, const T* weight, const T* bias, T* y);
// The gradient of normalize_row with respect to x, `centered` if the mean was taken off.
template <class T>
void normalize_row_gradient(const RowStatistics& s, bool centered, int64_t n, const T* g, const T* x,
                            const T* weight, T* dx);
template <class T>
void softmax_row_gradient(bool log, int64_t n, const T* g, const T* y, T* dx);
// Of a row of attention: scores become weights, exp(score - lse), and `slope`, the weights' gradient, becomes the
// scores', weight * (slope - delta).
template <class T>
void attention_row_gradient(int64_t n, T lse, T delta, T* scores, T* slope);

// The operand's elements in row-major order: in place, or a copy that `scratch` keeps.
template <class T>
const T* contiguous_elements(const graph::Operand& operand, const RunContext& context, ScratchFrame& scratch) {
  const T* data = context.at<T>(operand);
  if (graph::is_row_major(operand.shape, operand.strides)) return data;
  T* copy = scratch.get<T>(numel(operand.shape));
  copy_strided(sizeof(T), operand.shape, reinterpret_cast<const char*>(data), operand.strides,
               reinterpret_cast<char*>(copy), row_major_strides(operand.shape));
  return copy;
}

// A row as it computes: itself, or widened into `buffer`.
template <class T, class C>
const C* widened(const T* row, int64_t n, C* buffer) {
  if constexpr (std::is_same_v<T, C>) {
    return row;
  } else {
    for (int64_t i = 0; i < n; ++i) buffer[i] = widen(row[i]);
    return buffer;
  }
}
template <class T, class C>
void narrow_row(const C* row, int64_t n, T* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = narrow<T>(row[i]);
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_ROWS_H_
