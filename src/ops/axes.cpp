#include "ops/axes.h"

namespace nngpu::ops {

int64_t axes_mask(const char* operation, const Axes& axes, int rank) {
  if (axes.dims.empty()) return (int64_t{1} << rank) - 1;
  int64_t mask = 0;
  for (int64_t axis : axes.dims) {
    const int64_t bit = int64_t{1} << normalize_axis(operation, axis, rank);
    if (mask & bit) fail<ValueError>(operation, "axis given twice: ", axis, " in ", axes.dims);
    mask |= bit;
  }
  return mask;
}

int64_t masked_count(const Shape& shape, int64_t mask) {
  int64_t count = 1;
  for (int i = 0; i < shape.size(); ++i)
    if (mask >> i & 1) count *= shape[i];
  return count;
}

Tensor drop_axes(const Tensor& x, int64_t mask) {
  Shape shape;
  for (int i = 0; i < x.rank(); ++i)
    if (!(mask >> i & 1)) shape.push_back(x.shape()[i]);
  return reshape(x, shape);
}

}  // namespace nngpu::ops
