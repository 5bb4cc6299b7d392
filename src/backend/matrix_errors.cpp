#include "backend/matrix_errors.h"

#include "nngpu/error.h"

namespace nngpu {
namespace {

// "[inverse] matrix 3 of the batch", "[inverse] the matrix".
std::string text_of(const MatrixName& matrix) {
  const std::string name = "[" + matrix.operation + "] ";
  return name + (matrix.single ? "the matrix" : "matrix " + std::to_string(matrix.entry) + " of the batch");
}

}  // namespace

std::exception_ptr non_finite_error(const MatrixName& matrix) {
  return std::make_exception_ptr(NonFiniteError(text_of(matrix) + " holds NaN or infinity", matrix.entry, -1));
}

std::exception_ptr info_error(const MatrixName& matrix, int32_t info, InfoKind kind) {
  const std::string subject = text_of(matrix);
  const int64_t pivot = info - 1;
  switch (kind) {
    case InfoKind::Singular:
      return std::make_exception_ptr(SingularMatrixError(
          subject + " is singular: pivot " + std::to_string(pivot) + " is zero", matrix.entry, pivot));
    case InfoKind::NotPositiveDefinite:
      return std::make_exception_ptr(NotPositiveDefiniteError(
          subject + " is not positive definite: pivot " + std::to_string(pivot) + " is not positive", matrix.entry,
          pivot));
    case InfoKind::NotConverged:
      return std::make_exception_ptr(
          NotConvergedError(subject + " did not converge: info " + std::to_string(info), matrix.entry, -1));
  }
  return nullptr;
}

}  // namespace nngpu
