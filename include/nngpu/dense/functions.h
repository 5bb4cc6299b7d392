// What GPUDense's methods do to *stored* tensors: matrices as tensors of shape (cols, rows), see storage.h. Shapes
// in error messages are those of the matrices.
#ifndef NNGPU_DENSE_FUNCTIONS_H_
#define NNGPU_DENSE_FUNCTIONS_H_

#include <iosfwd>
#include <vector>

#include "nngpu/dense/storage.h"
#include "nngpu/ops.h"

namespace nngpu::dense {

// The stored tensor of a tensor of rank 2, or of rank 1 as one column. Throws ShapeError for other ranks and
// DTypeError for another dtype.
Tensor store(const Tensor& tensor, DType dtype);
// A copy of host elements at data[i * row_step + j * col_step].
Tensor store(const void* data, DType dtype, Index rows, Index cols, Index row_step, Index col_step, Device device);

// "(rows, cols)" of a stored tensor.
std::string shape_text(const Tensor& stored);

// Both throw ShapeError naming `operation`.
void check_same_shape(const char* operation, const Tensor& a, const Tensor& b);
void check_shape(const char* operation, const Tensor& stored, Index rows, Index cols);
void check_square(const char* operation, const Tensor& stored);
Index check_vector(const char* operation, const Tensor& stored);  // its size

// The part of a stored tensor, and the tensor with the part replaced by `value`.
Tensor part(const Tensor& stored, const View& view);
Tensor replace_part(const Tensor& stored, const View& view, const Tensor& value);
// `value` fit for assignment to a part of rows x cols: as it is, or, a vector for a vector of the other
// orientation, transposed, as in Eigen. Throws ShapeError.
Tensor fit(const char* operation, const Tensor& value, Index rows, Index cols);

// Elementwise; ShapeError unless the shapes are equal.
Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor multiply(const char* operation, const Tensor& a, const Tensor& b);
Tensor divide(const char* operation, const Tensor& a, const Tensor& b);
Tensor equal(const Tensor& a, const Tensor& b);  // one bool

Tensor product(const Tensor& a, const Tensor& b);                 // the matrix product a * b
Tensor dot(const Tensor& a, const Tensor& b);                     // of vectors of equal size
Tensor scale_rows(const Tensor& diagonal, const Tensor& matrix);  // diag(d) * m
Tensor scale_cols(const Tensor& matrix, const Tensor& diagonal);  // m * diag(d)
Tensor as_diagonal(const Tensor& vector);                         // the square matrix
Tensor triangle(const Tensor& stored, unsigned mode);             // the rest set to zero (or, unit, to one)
Tensor mirror_triangle(const Tensor& stored, bool lower);         // the symmetric matrix with that triangle
Tensor identity(Index rows, Index cols, DType dtype, Device device);
Tensor resized(const Tensor& stored, Index rows, Index cols);  // cut, or extended by zeros
Tensor replicate(const Tensor& stored, Index row_factor, Index col_factor);
Tensor cross(const Tensor& a, const Tensor& b);
// v as an operand for each column (rows x 1) or each row (1 x cols) of `stored`.
Tensor broadcast_operand(const char* operation, const Tensor& stored, const Tensor& v, bool each_column);

// Tests that need no computed values beyond one read.
bool is_approx(const Tensor& a, const Tensor& b, double precision);
bool is_identity(const Tensor& stored, double precision);

// As Eigen prints: columns aligned, separated by one blank, rows by a newline, in the stream's precision.
void print(std::ostream& out, const float* data, Index rows, Index cols);
void print(std::ostream& out, const double* data, Index rows, Index cols);

}  // namespace nngpu::dense

#endif  // NNGPU_DENSE_FUNCTIONS_H_
