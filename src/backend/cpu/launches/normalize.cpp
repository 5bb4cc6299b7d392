// Layer and RMS normalization of rows, and its gradient: a row is read from memory once and then lies in the
// cache.
#include <cmath>

#include "backend/cpu/elementwise/reduce_kernels.h"
#include "backend/cpu/launches/rows.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

using graph::NormalizeParams;

struct Rows {
  int64_t count = 1, length = 1;
  Rows(const Shape& shape, int64_t axes) {
    for (int k = 0; k < shape.size(); ++k) (k < shape.size() - axes ? count : length) *= shape[k];
  }
  // Buffers of a row that a thread needs.
  int64_t grain() const { return line_grain(length, 8192); }
};

template <class C>
RowStatistics statistics(const NormalizeParams& params, const C* x, int64_t n) {
  const double epsilon = std::bit_cast<double>(params.epsilon);
  if (params.rms != 0) return {0, 1 / std::sqrt(sum_of_squares(x, n) / static_cast<double>(n) + epsilon)};
  Partial partial;
  reduce_kernels(graph::Reduction::Moments, std::is_same_v<C, double> ? DType::F64 : DType::F32)
      .run(partial, x, static_cast<size_t>(n));
  return {partial.shift + partial.real, 1 / std::sqrt(partial.error / static_cast<double>(n) + epsilon)};
}

// A weight or bias in the compute type, or null.
template <class T>
const Compute<T>* factor(const graph::Operand& operand, const RunContext& context, ScratchFrame& scratch) {
  using C = Compute<T>;
  if (operand.dtype == (std::is_same_v<C, double> ? DType::F64 : DType::F32))
    return contiguous_elements<C>(operand, context, scratch);
  const int64_t n = numel(operand.shape);
  return widened(contiguous_elements<T>(operand, context, scratch), n, scratch.get<C>(n));
}

template <class T>
void normalize_item(const Item& item, const NormalizeParams& params, const RunContext& context) {
  using C = Compute<T>;
  ScratchFrame scratch;
  const Rows rows(item.inputs[0].shape, params.axes);
  const int64_t n = rows.length;
  const T* x = contiguous_elements<T>(item.inputs[0], context, scratch);
  const C* weight = params.weight != 0 ? factor<T>(item.inputs[1], context, scratch) : nullptr;
  const C* bias = params.bias != 0 ? factor<T>(item.inputs[1 + params.weight], context, scratch) : nullptr;
  T* y = context.at<T>(item.outputs[0]);
  C* mean = params.rms != 0 ? nullptr : context.at<C>(item.outputs[1]);
  C* scale = context.at<C>(item.outputs[2]);
  const PerThread<C> buffers(scratch, std::is_same_v<T, C> ? 1 : n, rows.count);
  parallel_for(rows.count, rows.grain(), [&](int64_t begin, int64_t end) {
    C* buffer = buffers.mine();
    for (int64_t r = begin; r < end; ++r) {
      const C* row = widened(x + r * n, n, buffer);
      const RowStatistics s = statistics(params, row, n);
      if (mean != nullptr) mean[r] = static_cast<C>(s.mean);
      scale[r] = static_cast<C>(s.scale);
      if constexpr (std::is_same_v<T, C>) {
        normalize_row(s, n, row, weight, bias, y + r * n);
      } else {
        normalize_row(s, n, row, weight, bias, buffer);
        narrow_row(buffer, n, y + r * n);
      }
    }
  });
}

template <class T>
void gradient_item(const Item& item, const NormalizeParams& params, const RunContext& context) {
  using C = Compute<T>;
  ScratchFrame scratch;
  const Rows rows(item.inputs[1].shape, params.axes);
  const int64_t n = rows.length;
  const T* g = contiguous_elements<T>(item.inputs[0], context, scratch);
  const T* x = contiguous_elements<T>(item.inputs[1], context, scratch);
  const C* mean = params.rms != 0 ? nullptr : contiguous_elements<C>(item.inputs[2], context, scratch);
  const C* scale = contiguous_elements<C>(item.inputs[3], context, scratch);
  const C* weight = params.weight != 0 ? factor<T>(item.inputs[4], context, scratch) : nullptr;
  T* dx = context.at<T>(item.outputs[0]);
  const PerThread<C> buffers(scratch, std::is_same_v<T, C> ? 1 : 2 * n, rows.count);
  parallel_for(rows.count, rows.grain(), [&](int64_t begin, int64_t end) {
    C* buffer = buffers.mine();
    for (int64_t r = begin; r < end; ++r) {
      const RowStatistics s{mean != nullptr ? static_cast<double>(mean[r]) : 0.0, static_cast<double>(scale[r])};
      const C* gradient = widened(g + r * n, n, buffer);
      const C* row = widened(x + r * n, n, buffer + n);
      if constexpr (std::is_same_v<T, C>) {
        normalize_row_gradient(s, mean != nullptr, n, gradient, row, weight, dx + r * n);
      } else {
        normalize_row_gradient(s, mean != nullptr, n, gradient, row, weight, buffer);
        narrow_row(buffer, n, dx + r * n);
      }
    }
  });
}

}  // namespace

void run_normalize(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<NormalizeParams>();
  for_items(launch, [&](const Item& item) {
    if (element_count(item.inputs[0].shape) == 0) return;
    visit_dtype(item.inputs[0].dtype, [&]<class T>() {
      if constexpr (is_floating_type<T>) normalize_item<T>(item, params, context);
    });
  });
}

void run_normalize_gradient(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<NormalizeParams>();
  for_items(launch, [&](const Item& item) {
    if (element_count(item.inputs[1].shape) == 0) return;
    visit_dtype(item.inputs[1].dtype, [&]<class T>() {
      if constexpr (is_floating_type<T>) gradient_item<T>(item, params, context);
    });
  });
}

}  // namespace nngpu::cpu
