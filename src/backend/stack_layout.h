// How stacks lie in memory, on every device: matrices (column-major), vectors or numbers one after another without
// gaps.
#ifndef NNGPU_BACKEND_STACK_LAYOUT_H_
#define NNGPU_BACKEND_STACK_LAYOUT_H_

#include "graph/launch.h"

namespace nngpu::stacks {

// How many of an operand's last axes belong to one entry.
enum class Entry { Number = 0, Vector = 1, Matrix = 2 };

// The strides an operand of this shape has as (a part of) a stack.
inline Dims stack_strides(const Shape& shape, Entry kind) {
  Dims strides = shape;
  int64_t step = 1;
  int axis = shape.size() - 1;
  if (kind == Entry::Matrix) {
    strides[axis - 1] = 1;
    strides[axis] = shape[axis - 1];
    step = shape[axis - 1] * shape[axis];
    axis -= 2;
  }
  for (; axis >= 0; --axis) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

inline bool is_stacked(const graph::Operand& x, Entry kind) {
  const Dims strides = stack_strides(x.shape, kind);
  for (int i = 0; i < x.shape.size(); ++i)
    if (x.shape[i] != 1 && x.strides[i] != strides[i]) return false;
  return true;
}

}  // namespace nngpu::stacks

#endif  // NNGPU_BACKEND_STACK_LAYOUT_H_
