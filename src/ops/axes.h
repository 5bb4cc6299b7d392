// Lists of axes as bit masks.
#ifndef NNGPU_OPS_AXES_H_
#define NNGPU_OPS_AXES_H_

#include "ops/convert.h"

namespace nngpu::ops {

// The axes of the list; an empty list means all of them. IndexError out of range, ValueError for one given twice.
int64_t axes_mask(const char* operation, const Axes& axes, int rank);

// The number of elements of `shape` along the axes of the mask.
int64_t masked_count(const Shape& shape, int64_t mask);

// x without the axes of the mask, all of size 1.
Tensor drop_axes(const Tensor& x, int64_t mask);

}  // namespace nngpu::ops

#endif  // NNGPU_OPS_AXES_H_
