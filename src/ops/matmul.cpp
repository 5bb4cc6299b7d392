#include "graph/infer_rules.h"
#include "ops/autocast.h"
#include "ops/batch.h"

namespace nngpu {
namespace {

using ops::make_node;
using ops::OpKind;

// Whether the axes of `x` can be merged without a copy, as far as it can be told before it is computed.
bool is_row_major(const Tensor& x) {
  const graph::Node& node = *x.node();
  if (node.state.load(std::memory_order_acquire) == graph::State::Ready) return x.is_contiguous();
  const bool reorders = node.kind == OpKind::Permute || node.kind == OpKind::Slice ||
                        node.kind == OpKind::Broadcast || node.kind == OpKind::Diagonal;
  return !reorders;
}

// A stack with one right factor for all is one product, and so is the gradient by that factor.
Tensor product_of_rows(const Tensor& a, const Tensor& b) {
  Shape shape = a.shape();
  const int64_t columns = shape.back();
  shape.pop_back();
  const Tensor rows = reshape(a, {numel(shape), columns});
  shape.push_back(b.size(1));
  return reshape(make_node(OpKind::Matmul, graph::Params(), {rows, b}), shape);
}

Tensor product(const Tensor& a, const Tensor& b) {
  if (a.rank() > 2 && b.rank() == 2 && is_row_major(a)) return product_of_rows(a, b);
  const Shape batch = broadcast_shapes("matmul", ops::batch_of(a), ops::batch_of(b));
  return make_node(OpKind::Matmul, graph::Params(), {ops::with_batch(a, batch), ops::with_batch(b, batch)});
}

// Two operands in one dtype that is not bool.
std::pair<Tensor, Tensor> numbers(const char* operation, const Tensor& a, const Tensor& b) {
  const std::vector<Tensor> pair = ops::promoted_for_product(operation, std::initializer_list<Tensor>{a, b});
  return {ops::as_number(operation, pair[0]), ops::as_number(operation, pair[1])};
}

void require_vectors(const char* operation, const Tensor& a, const Tensor& b) {
  for (const Tensor* x : {&a, &b}) graph::require_defined(operation, *x);
  if (a.rank() != 1 || b.rank() != 1)
    fail<ShapeError>(operation, "needs vectors: ", a.shape(), " and ", b.shape());
}

// Two matrices that need no conversion: making the node the general way takes a fifth of a small product's time.
bool are_plain_matrices(const Tensor& a, const Tensor& b) {
  return !autocast_dtype() && a.defined() && b.defined() && a.rank() == 2 && b.rank() == 2 &&
         a.dtype() == b.dtype() && a.dtype() != DType::Bool;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (are_plain_matrices(a, b)) return make_node(OpKind::Matmul, graph::Params(), {a, b});
  const auto [x, y] = numbers("matmul", a, b);
  graph::require_inner_dimensions(x.shape(), y.shape());
  const bool row = x.rank() == 1, column = y.rank() == 1;
  Tensor result = product(row ? expand_dims(x, 0) : x, column ? expand_dims(y, 1) : y);
  if (row) result = squeeze(result, -2);
  return column ? squeeze(result, -1) : result;
}

Tensor dot(const Tensor& a, const Tensor& b) {
  require_vectors("dot", a, b);
  if (a.size(0) != b.size(0)) fail<ShapeError>("dot", "sizes differ: ", a.shape(), " and ", b.shape());
  return matmul(a, b);
}

Tensor outer(const Tensor& a, const Tensor& b) {
  require_vectors("outer", a, b);
  return expand_dims(a, 1) * expand_dims(b, 0);
}

}  // namespace nngpu
