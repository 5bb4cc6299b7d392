// Stacks of matrices: the axes before the last two.
#ifndef NNGPU_OPS_BATCH_H_
#define NNGPU_OPS_BATCH_H_

#include "ops/convert.h"

namespace nngpu::ops {

inline Shape batch_of(const Tensor& x) { return Shape(x.shape().begin(), x.shape().end() - 2); }

// `batch` with two more sizes.
inline Shape stacked(Shape batch, int64_t rows, int64_t columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

// x with its batch broadcast.
inline Tensor with_batch(const Tensor& x, const Shape& batch) {
  return broadcast_to(x, stacked(batch, x.size(-2), x.size(-1)));
}

}  // namespace nngpu::ops

#endif  // NNGPU_OPS_BATCH_H_
