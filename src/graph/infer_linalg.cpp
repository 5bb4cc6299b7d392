#include "graph/infer_rules.h"

namespace nngpu::graph {
namespace {

Shape batch_of(const Tensor& a) { return Shape(a.shape().begin(), a.shape().end() - 2); }
int64_t rows_of(const Tensor& a) { return a.shape()[a.rank() - 2]; }
int64_t columns_of(const Tensor& a) { return a.shape()[a.rank() - 1]; }

// A tensor with the batch of another and the given last sizes.
Output batched(const Tensor& a, std::initializer_list<int64_t> last, DType dtype) {
  Shape shape = batch_of(a);
  for (int64_t size : last) shape.push_back(size);
  return made(shape, dtype);
}

Output info_of(const Tensor& a) { return batched(a, {}, DType::I32); }

// a is square and b has its rows and batch.
Outputs infer_system(const char* operation, const Tensor& a, const Tensor& b) {
  require_square(operation, a);
  require_matrix(operation, b);
  require_same_dtype(operation, a, b);
  require_same_rows(operation, a, b);
  if (!(batch_of(a) == batch_of(b)))
    fail<ShapeError>(operation, "batches differ: ", a.shape(), " and ", b.shape());
  return one(b.shape(), b.dtype());
}

}  // namespace

void require_matrix(const char* operation, const Tensor& a) {
  if (a.dtype() != DType::F32 && a.dtype() != DType::F64)
    fail<DTypeError>(operation, "needs f32 or f64: ", a.dtype());
  if (a.rank() < 2) fail<ShapeError>(operation, "needs a matrix: ", a.shape());
}

void require_square(const char* operation, const Tensor& a) {
  require_matrix(operation, a);
  if (rows_of(a) != columns_of(a)) fail<ShapeError>(operation, "matrix must be square: ", a.shape());
}

void require_same_rows(const char* operation, const Tensor& a, const Tensor& b) {
  if (rows_of(a) != rows_of(b)) fail<ShapeError>(operation, "row counts differ: ", a.shape(), " and ", b.shape());
}

void require_inner_dimensions(const Shape& a, const Shape& b) {
  if (a.empty() || b.empty()) fail<ShapeError>("matmul", "needs at least one dimension: ", a, " x ", b);
  const int64_t inner = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (a.back() != inner) fail<ShapeError>("matmul", "inner dimensions differ: ", a, " x ", b);
}

Outputs infer_matmul(const Tensor& a, const Tensor& b) {
  require_number("matmul", a);
  require_same_dtype("matmul", a, b);
  require_inner_dimensions(a.shape(), b.shape());
  if (a.rank() < 2 || b.rank() < 2 || !(batch_of(a) == batch_of(b)))
    fail<ShapeError>("matmul", "batches differ: ", a.shape(), " x ", b.shape());
  return {batched(a, {rows_of(a), columns_of(b)}, a.dtype())};
}

Outputs infer_lu_factor(const Tensor& a) {
  require_matrix("lu_factor", a);
  const int64_t m = rows_of(a), k = std::min(m, columns_of(a));
  return {made(a.shape(), a.dtype()), batched(a, {k}, DType::I32), info_of(a), batched(a, {m}, DType::I64)};
}

Outputs infer_lu_solve(Inputs inputs) {
  const Tensor &lu = inputs[0], &pivots = inputs[1];
  Outputs outputs = infer_system("lu_solve", lu, inputs[2]);
  require_dtype("lu_solve", pivots, DType::I32);
  if (!(pivots.shape() == batched(lu, {rows_of(lu)}, DType::I32).shape))
    fail<ShapeError>("lu_solve", "pivots do not fit the factor: ", pivots.shape(), " and ", lu.shape());
  return outputs;
}

Outputs infer_square(const char* operation, const Tensor& a) {
  require_square(operation, a);
  return {made(a.shape(), a.dtype()), info_of(a)};
}

Outputs infer_solve(const Tensor& a, const Tensor& b) {
  Outputs outputs = infer_system("solve", a, b);
  outputs.push_back(info_of(a));
  return outputs;
}

Outputs infer_triangular_solve(const Tensor& a, const Tensor& b) { return infer_system("triangular_solve", a, b); }

Outputs infer_qr(const LinalgParams& params, const Tensor& a) {
  require_matrix("qr", a);
  const int64_t m = rows_of(a), n = columns_of(a), k = params.full ? m : std::min(m, n);
  return {batched(a, {m, k}, a.dtype()), batched(a, {k, n}, a.dtype())};
}

Outputs infer_eigh(const LinalgParams& params, const Tensor& a) {
  require_square("eigh", a);
  const int64_t n = rows_of(a);
  const Output v = params.vectors ? batched(a, {n, n}, a.dtype()) : made({0}, a.dtype());
  return {batched(a, {n}, a.dtype()), v, info_of(a)};
}

Outputs infer_svd(const LinalgParams& params, const Tensor& a) {
  require_matrix("svd", a);
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n);
  const Output absent = made({0}, a.dtype());
  const Output u = params.vectors ? batched(a, {m, params.full ? m : k}, a.dtype()) : absent;
  const Output vt = params.vectors ? batched(a, {params.full ? n : k, n}, a.dtype()) : absent;
  return {u, batched(a, {k}, a.dtype()), vt, info_of(a)};
}

}  // namespace nngpu::graph
