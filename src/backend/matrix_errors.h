// What a decomposition that failed says, on every backend.
#ifndef NNGPU_BACKEND_MATRIX_ERRORS_H_
#define NNGPU_BACKEND_MATRIX_ERRORS_H_

#include <cstdint>
#include <exception>
#include <string>

namespace nngpu {

// What info > 0 means.
enum class InfoKind { Singular, NotPositiveDefinite, NotConverged };

// Which matrix of which operation: `single` where there is no batch.
struct MatrixName {
  std::string operation;
  bool single;
  int64_t entry;
};

std::exception_ptr non_finite_error(const MatrixName& matrix);
std::exception_ptr info_error(const MatrixName& matrix, int32_t info, InfoKind kind);

}  // namespace nngpu

#endif  // NNGPU_BACKEND_MATRIX_ERRORS_H_
