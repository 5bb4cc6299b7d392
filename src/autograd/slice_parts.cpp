#include "autograd/slice_parts.h"

#include <algorithm>

#include "autograd/rules.h"

namespace nngpu::autograd {
namespace {

// The one axis along which a slice is less than x, without gaps of its own; x's rank where there is none such.
int cut_axis(const Shape& shape, const graph::SliceParams& where) {
  int found = shape.size();
  for (int axis = 0; axis < shape.size(); ++axis) {
    const bool whole = where.start[axis] == 0 && where.step[axis] == 1 && where.size[axis] == shape[axis];
    if (whole) continue;
    if (found < shape.size() || where.step[axis] != 1) return shape.size();
    found = axis;
  }
  return found;
}

// Sorts the parts along the axis in which they are cut, and returns it, or x's rank where they are not side by
// side.
int side_by_side(const Shape& shape, std::vector<SlicePart>& parts) {
  const int axis = cut_axis(shape, parts[0].where);
  if (axis == shape.size()) return axis;
  for (const SlicePart& part : parts)
    if (cut_axis(shape, part.where) != axis) return shape.size();
  const auto start = [axis](const SlicePart& part) { return part.where.start[axis]; };
  std::stable_sort(parts.begin(), parts.end(),
                   [&](const SlicePart& a, const SlicePart& b) { return start(a) < start(b); });
  for (size_t i = 1; i < parts.size(); ++i)
    if (start(parts[i]) < start(parts[i - 1]) + parts[i - 1].where.size[axis]) return shape.size();
  return axis;
}

Tensor joined(const Tensor& x, const std::vector<SlicePart>& parts, int axis) {
  std::vector<Tensor> pieces;
  int64_t end = 0;
  const auto fill = [&](int64_t until) {
    if (until == end) return;
    Shape gap = x.shape();
    gap[axis] = until - end;
    pieces.push_back(zeros(gap, x.dtype(), x.device()));
  };
  for (const SlicePart& part : parts) {
    fill(part.where.start[axis]);
    pieces.push_back(part.gradient);
    end = part.where.start[axis] + part.where.size[axis];
  }
  fill(x.shape()[axis]);
  return concatenate(pieces, axis);
}

}  // namespace

Tensor gradient_of_slices(const Tensor& x, std::vector<SlicePart> parts) {
  if (parts.size() > 1) {
    const int axis = side_by_side(x.shape(), parts);
    if (axis < x.rank()) return joined(x, parts, axis);
  }
  Tensor sum;
  for (const SlicePart& part : parts) {
    const Tensor padded = slice_gradient(x, part.where, part.gradient);
    sum = sum.defined() ? sum + padded : padded;
  }
  return sum;
}

}  // namespace nngpu::autograd
