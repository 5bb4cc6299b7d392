#include "linalg/system.h"

namespace nngpu::linalg {
namespace {

// Moves axis `from` to place `to`.
Tensor move_axis(const Tensor& x, int from, int to) {
  Dims axes;
  for (int i = 0; i < x.rank(); ++i)
    if (i != from) axes.push_back(i);
  axes.insert(to, from);
  return permute(x, axes);
}

// (..., n, k) as (n, everything else).
Tensor fold(const Tensor& b) { return flatten(move_axis(b, b.rank() - 2, 0), 1); }

}  // namespace

Operands make_operands(const char* operation, const Tensor& a, const Tensor& b) {
  for (const Tensor* x : {&a, &b}) require_defined(operation, *x);
  graph::require_matrix(operation, a);
  if (b.rank() == 0) fail<ShapeError>(operation, "right-hand side is a scalar");
  const std::vector<Tensor> pair = ops::promoted(operation, std::initializer_list<Tensor>{a, b});
  const bool vector = b.rank() == 1;
  const Tensor columns = vector ? expand_dims(pair[1], 1) : pair[1];
  graph::require_same_rows(operation, a, columns);
  return {pair[0], columns, vector, broadcast_shapes(operation, ops::batch_of(a), ops::batch_of(columns))};
}

System make_system(const char* operation, const Tensor& a, const Tensor& b) {
  const Operands given = make_operands(operation, a, b);
  const bool folded = given.a.rank() == 2 && given.b.rank() > 2;
  return {folded ? given.a : ops::with_batch(given.a, given.batch),
          folded ? fold(given.b) : ops::with_batch(given.b, given.batch),
          given.vector,
          given.batch,
          given.b.size(-1),
          folded};
}

Tensor System::finish(const Tensor& x) const {
  if (vector) return squeeze(x, -1);
  if (!folded) return x;
  Shape shape = batch;
  shape.insert(0, x.size(0));
  shape.push_back(columns);
  return move_axis(reshape(x, shape), 0, batch.size());
}

}  // namespace nngpu::linalg
