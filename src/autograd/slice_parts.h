// Gradients of slices that meet at what they were cut from.
#ifndef NNGPU_AUTOGRAD_SLICE_PARTS_H_
#define NNGPU_AUTOGRAD_SLICE_PARTS_H_

#include <vector>

#include "graph/node.h"
#include "nngpu/ops.h"

namespace nngpu::autograd {

// A slice, and the gradient by its result.
struct SlicePart {
  graph::SliceParams where;
  Tensor gradient;
};

// The gradient by x of slices of it. Pieces that lie side by side along one axis, as those of split(), are joined,
// with zeros where there is none; others are padded with zeros and added.
Tensor gradient_of_slices(const Tensor& x, std::vector<SlicePart> parts);

}  // namespace nngpu::autograd

#endif  // NNGPU_AUTOGRAD_SLICE_PARTS_H_
