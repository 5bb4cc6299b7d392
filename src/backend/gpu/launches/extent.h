// How far offsets reach, and indices as arguments of kernels.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_EXTENT_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_EXTENT_H_

#include <cstdlib>
#include <limits>
#include <vector>

#include "backend/gpu/runtime.h"
#include "graph/launch.h"

namespace nngpu::gpu {

// The largest distance of an element from the first, in elements.
inline int64_t reach(const Shape& shape, const Dims& strides) {
  int64_t total = 0;
  for (int k = 0; k < strides.size(); ++k) total += (std::max<int64_t>(1, shape[k]) - 1) * std::abs(strides[k]);
  return total;
}

// Whether a loop over the operands needs 64-bit offsets. Kernels count in steps of a whole grid: hence the margin.
inline bool needs_wide_offsets(const Shape& shape, const std::vector<graph::Operand>& inputs,
                               const std::vector<graph::Operand>& outputs) {
  constexpr int64_t kLimit = std::numeric_limits<int32_t>::max() - (int64_t{1} << 24);
  if (numel(shape) > kLimit) return true;
  for (const auto* list : {&inputs, &outputs})
    for (const graph::Operand& operand : *list)
      if (reach(shape, operand.strides) > kLimit) return true;
  return false;
}

inline void add_index(Arguments& arguments, int64_t value, bool wide) {
  if (wide)
    arguments.value(value);
  else
    arguments.value(static_cast<int32_t>(value));
}

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_EXTENT_H_
