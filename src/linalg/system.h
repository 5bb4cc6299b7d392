// Linear systems: bringing the matrix and the right-hand side together.
#ifndef NNGPU_LINALG_SYSTEM_H_
#define NNGPU_LINALG_SYSTEM_H_

#include "graph/infer_rules.h"
#include "nngpu/linalg.h"
#include "ops/batch.h"

namespace nngpu::linalg {

using graph::LinalgParams;
using graph::make_node;
using graph::OpKind;
using graph::output;
using graph::require_defined;

// a and b in one dtype with equal batches; a right-hand side of rank 1 has become a column.
struct System {
  Tensor a, b;
  bool vector;
  // A solution as the caller wants it: without the column's axis if b was a vector.
  Tensor finish(const Tensor& x) const { return vector ? squeeze(x, -1) : x; }
};

inline System make_system(const char* operation, const Tensor& a, const Tensor& b) {
  for (const Tensor* x : {&a, &b}) require_defined(operation, *x);
  graph::require_matrix(operation, a);
  if (b.rank() == 0) fail<ShapeError>(operation, "right-hand side is a scalar");
  const std::vector<Tensor> pair = ops::promoted(operation, std::initializer_list<Tensor>{a, b});
  const bool vector = b.rank() == 1;
  const Tensor columns = vector ? expand_dims(pair[1], 1) : pair[1];
  graph::require_same_rows(operation, a, columns);
  const Shape batch = broadcast_shapes(operation, ops::batch_of(a), ops::batch_of(columns));
  return {ops::with_batch(pair[0], batch), ops::with_batch(columns, batch), vector};
}

}  // namespace nngpu::linalg

#endif  // NNGPU_LINALG_SYSTEM_H_
