#include "graph/infer_rules.h"

namespace nngpu::graph {
namespace {

constexpr const char* kName = "scaled_dot_product_attention";

// The shape of the batches, and then the sizes given.
Shape with_batches(const Tensor& q, std::initializer_list<int64_t> sizes) {
  Shape shape;
  for (int k = 0; k < q.rank() - 2; ++k) shape.push_back(q.shape()[k]);
  for (const int64_t size : sizes) shape.push_back(size);
  return shape;
}

void require_shape(const char* what, const Tensor& x, const Shape& shape) {
  if (!(x.shape() == shape)) fail<ShapeError>(kName, what, " must have shape ", shape, ": ", x.shape());
}

// Queries, keys and values in one floating dtype, with equal batches.
void require_operands(Inputs in) {
  const Tensor &q = in[0], &k = in[1], &v = in[2];
  require_floating(kName, q);
  require_same_dtype(kName, q, k);
  require_same_dtype(kName, q, v);
  if (q.rank() < 2 || k.rank() != q.rank() || v.rank() != q.rank())
    fail<ShapeError>(kName, "ranks differ: ", q.shape(), ", ", k.shape(), ", ", v.shape());
  require_shape("keys", k, with_batches(q, {k.size(-2), q.size(-1)}));
  require_shape("values", v, with_batches(q, {k.size(-2), v.size(-1)}));
}

void require_mask(const AttentionParams& params, Inputs in, size_t at) {
  if (params.mask == AttentionMask::None) return;
  require_shape("the mask", in[at], with_batches(in[0], {in[0].size(-2), in[1].size(-2)}));
  require_dtype(kName, in[at], params.mask == AttentionMask::Allowed ? DType::Bool : compute_dtype(in[0].dtype()));
}

}  // namespace

Outputs infer_attention(const AttentionParams& params, Inputs in) {
  require_operands(in);
  require_mask(params, in, 3);
  const Tensor &q = in[0], &v = in[2];
  return {made(with_batches(q, {q.size(-2), v.size(-1)}), q.dtype()),
          made(with_batches(q, {q.size(-2)}), compute_dtype(q.dtype()))};
}

Outputs infer_attention_gradient(const AttentionParams& params, Inputs in) {
  require_operands(in);
  require_mask(params, in, 6);
  const Tensor& q = in[0];
  require_same_dtype(kName, q, in[3]);
  require_shape("the gradient", in[3], with_batches(q, {q.size(-2), in[2].size(-1)}));
  for (size_t i = 4; i < 6; ++i) {
    require_dtype(kName, in[i], compute_dtype(q.dtype()));
    require_shape("sums of rows", in[i], with_batches(q, {q.size(-2)}));
  }
  return {made(q.shape(), q.dtype()), made(in[1].shape(), q.dtype()), made(in[2].shape(), q.dtype())};
}

}  // namespace nngpu::graph
