// Packs: neighbouring elements along the innermost axis that a thread reads or writes at once.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_PACKS_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_PACKS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "graph/launch.h"

namespace nngpu::gpu {

// Constants and operands that repeat one element are read one at a time.
inline bool is_packed(const graph::Operand& operand) {
  const int rank = operand.strides.size();
  return !operand.constant && rank > 0 && operand.strides[rank - 1] != 0;
}

// How many neighbours fit 16 bytes of the widest operand; more than 8 pay for no type.
inline int pack_width(const std::vector<graph::Operand>& inputs, const std::vector<graph::Operand>& outputs) {
  size_t widest = 1;
  for (const graph::Operand& input : inputs)
    if (is_packed(input)) widest = std::max(widest, dtype_size(input.dtype));
  for (const graph::Operand& output : outputs) widest = std::max(widest, dtype_size(output.dtype));
  return static_cast<int>(std::min<size_t>(8, 16 / widest));
}

// Whether packs of `width` elements start at multiples of their size.
inline bool packs_are_aligned(const std::vector<graph::Operand>& operands, const graph::RunContext& context,
                              int width) {
  return std::all_of(operands.begin(), operands.end(), [&](const graph::Operand& operand) {
    const size_t bytes = dtype_size(operand.dtype) * static_cast<size_t>(width);
    return !is_packed(operand) || reinterpret_cast<uintptr_t>(context.at(operand)) % bytes == 0;
  });
}

inline bool packs_are_aligned(const graph::Launch& launch, const graph::RunContext& context, int width) {
  return packs_are_aligned(launch.inputs, context, width) && packs_are_aligned(launch.outputs, context, width);
}

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_PACKS_H_
