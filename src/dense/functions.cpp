#include "nngpu/dense/functions.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <sstream>
#include <string>

#include "nngpu/dense/constants.h"

namespace nngpu::dense {

Tensor store(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() != dtype)
    throw DTypeError("[GPUDense] a matrix of " + std::string(dtype_name(dtype)) + " cannot hold a tensor of " +
                     dtype_name(tensor.dtype()) + "; use cast()");
  if (tensor.rank() == 1) return expand_dims(tensor, 0);
  if (tensor.rank() != 2)
    throw ShapeError("[GPUDense] a matrix needs a tensor of rank 2 or 1, got shape " + to_string(tensor.shape()));
  return transpose(tensor);
}

Tensor store(const void* data, DType dtype, Index rows, Index cols, Index row_step, Index col_step,
             Device device) {
  return Tensor::from_bytes(data, dtype, {cols, rows}, {col_step, row_step}, device);
}

std::string shape_text(const Tensor& stored) { return to_string(Dims{stored.shape()[1], stored.shape()[0]}); }

void check_same_shape(const char* operation, const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape())
    throw ShapeError("[" + std::string(operation) + "] shapes differ: " + shape_text(a) + " and " + shape_text(b));
}

void check_shape(const char* operation, const Tensor& stored, Index rows, Index cols) {
  if (stored.shape() != Shape{cols, rows})
    throw ShapeError("[" + std::string(operation) + "] expected shape " + to_string(Dims{rows, cols}) + ", got " +
                     shape_text(stored));
}

void check_square(const char* operation, const Tensor& stored) {
  if (stored.shape()[0] != stored.shape()[1])
    throw ShapeError("[" + std::string(operation) + "] expected a square matrix, got shape " + shape_text(stored));
}

Index check_vector(const char* operation, const Tensor& stored) {
  if (stored.shape()[0] != 1 && stored.shape()[1] != 1)
    throw ShapeError("[" + std::string(operation) + "] expected a vector, got shape " + shape_text(stored));
  return stored.numel();
}

Tensor add(const Tensor& a, const Tensor& b) {
  check_same_shape("add", a, b);
  return a + b;
}

Tensor subtract(const Tensor& a, const Tensor& b) {
  check_same_shape("subtract", a, b);
  return a - b;
}

Tensor multiply(const char* operation, const Tensor& a, const Tensor& b) {
  check_same_shape(operation, a, b);
  return a * b;
}

Tensor divide(const char* operation, const Tensor& a, const Tensor& b) {
  check_same_shape(operation, a, b);
  return a / b;
}

Tensor equal(const Tensor& a, const Tensor& b) {
  check_same_shape("equal", a, b);
  return all(a == b);
}

Tensor product(const Tensor& a, const Tensor& b) {
  if (a.shape()[0] != b.shape()[1])
    throw ShapeError("[matmul] inner dimensions differ: " + shape_text(a) + " x " + shape_text(b));
  return matmul(b, a);  // (a b)^T = b^T a^T
}

Tensor dot(const Tensor& a, const Tensor& b) {
  const Index n = check_vector("dot", a), m = check_vector("dot", b);
  if (n != m) throw ShapeError("[dot] sizes differ: " + std::to_string(n) + " and " + std::to_string(m));
  return nngpu::dot(reshape(a, {n}), reshape(b, {n}));
}

Tensor scale_rows(const Tensor& diagonal, const Tensor& matrix) {
  const Index n = check_vector("asDiagonal", diagonal);
  if (n != matrix.shape()[1])
    throw ShapeError("[matmul] a diagonal of size " + std::to_string(n) + " x " + shape_text(matrix));
  return matrix * reshape(diagonal, {1, n});
}

Tensor scale_cols(const Tensor& matrix, const Tensor& diagonal) {
  const Index n = check_vector("asDiagonal", diagonal);
  if (n != matrix.shape()[0])
    throw ShapeError("[matmul] " + shape_text(matrix) + " x a diagonal of size " + std::to_string(n));
  return matrix * reshape(diagonal, {n, 1});
}

Tensor as_diagonal(const Tensor& vector) {
  const Index n = check_vector("asDiagonal", vector);
  const Tensor mask = eye(n, n, 0, DType::Bool, vector.device());
  return where(mask, broadcast_to(reshape(vector, {1, n}), {n, n}),
               zeros({n, n}, vector.dtype(), vector.device()));
}

Tensor triangle(const Tensor& stored, unsigned mode) {
  const bool lower = (mode & Lower) != 0, unit = (mode & UnitDiag) != 0, strict = (mode & ZeroDiag) != 0;
  const int64_t skip = unit || strict ? 1 : 0;
  // The stored tensor is the transposed matrix: its upper triangle is the matrix's lower one.
  const Tensor x = lower ? triu(stored, skip) : tril(stored, -skip);
  if (!unit) return x;
  return x + eye(stored.shape()[0], stored.shape()[1], 0, stored.dtype(), stored.device());
}

Tensor mirror_triangle(const Tensor& stored, bool lower) {
  check_square("selfadjointView", stored);
  const Tensor x = lower ? triu(stored) : tril(stored);
  const Tensor rest = lower ? triu(stored, 1) : tril(stored, -1);
  return x + transpose(rest);
}

Tensor identity(Index rows, Index cols, DType dtype, Device device) { return eye(cols, rows, 0, dtype, device); }

Tensor resized(const Tensor& stored, Index rows, Index cols) {
  if (rows < 0 || cols < 0) throw ShapeError("[conservativeResize] negative size: " + to_string(Dims{rows, cols}));
  const Index old_rows = stored.shape()[1], old_cols = stored.shape()[0];
  const Tensor kept = slice(slice(stored, 0, 0, std::min(cols, old_cols)), 1, 0, std::min(rows, old_rows));
  if (rows <= old_rows && cols <= old_cols) return kept;
  return pad(kept, {{0, std::max<Index>(cols - old_cols, 0)}, {0, std::max<Index>(rows - old_rows, 0)}});
}

Tensor replicate(const Tensor& stored, Index row_factor, Index col_factor) {
  if (row_factor < 0 || col_factor < 0)
    throw ValueError("[replicate] negative count: " + to_string(Dims{row_factor, col_factor}));
  return tile(stored, {col_factor, row_factor});
}

Tensor cross(const Tensor& a, const Tensor& b) {
  check_same_shape("cross", a, b);
  if (check_vector("cross", a) != 3) throw ShapeError("[cross] expected vectors of size 3, got " + shape_text(a));
  const Tensor u = reshape(a, {3}), v = reshape(b, {3});
  const auto next = [](const Tensor& x, int64_t shift) { return roll(x, -shift, 0); };
  return reshape(next(u, 1) * next(v, 2) - next(u, 2) * next(v, 1), a.shape());
}

Tensor broadcast_operand(const char* operation, const Tensor& stored, const Tensor& v, bool each_column) {
  if (each_column)
    check_shape(operation, v, stored.shape()[1], 1);
  else
    check_shape(operation, v, 1, stored.shape()[0]);
  return v;
}

bool is_approx(const Tensor& a, const Tensor& b, double precision) {
  check_same_shape("isApprox", a, b);
  const Tensor difference = sum(square(a - b)), left = sum(square(a)), right = sum(square(b));
  return (difference <= minimum(left, right) * (precision * precision)).item<bool>();
}

bool is_identity(const Tensor& stored, double precision) {
  const Tensor one = eye(stored.shape()[0], stored.shape()[1], 0, stored.dtype(), stored.device());
  const Tensor scale = where(one != 0, minimum(abs(stored), 1.0), 1.0);
  return all(abs(stored - one) <= scale * precision).item<bool>();
}

namespace {

template <class T>
void print_matrix(std::ostream& out, const T* data, Index rows, Index cols) {
  if (rows == 0 || cols == 0) return;
  std::streamsize width = 0;
  std::ostringstream text;
  text.copyfmt(out);
  for (Index k = 0; k < rows * cols; ++k) {
    text.str({});
    text << data[k];
    width = std::max(width, static_cast<std::streamsize>(text.view().size()));
    text.copyfmt(out);  // printing resets the width
  }
  const std::streamsize old_width = out.width();
  out << "";  // Eigen prints an empty prefix, which a width set on the stream pads
  const char old_fill = out.fill();
  for (Index i = 0; i < rows; ++i) {
    if (i > 0) out << '\n';
    for (Index j = 0; j < cols; ++j) {
      if (j > 0) out << ' ';
      out.fill(' ');
      out.width(width);
      out << data[i + j * rows];
    }
  }
  out.fill(old_fill);
  out.width(old_width);
}

}  // namespace

void print(std::ostream& out, const float* data, Index rows, Index cols) { print_matrix(out, data, rows, cols); }
void print(std::ostream& out, const double* data, Index rows, Index cols) { print_matrix(out, data, rows, cols); }

}  // namespace nngpu::dense
