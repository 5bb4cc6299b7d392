// Matrix norms and condition numbers.
#include <limits>

#include "linalg/system.h"

namespace nngpu::linalg {
namespace {

Tensor checked_norm(const Tensor& a, NormKind kind) {
  switch (kind) {
    case NormKind::Frobenius:
      return norm(a, 2, {-2, -1});
    case NormKind::Nuclear:
      return sum(svdvals(a), -1);
    case NormKind::Spectral:
      return max(svdvals(a), -1);
    case NormKind::MinusSpectral:
      return min(svdvals(a), -1);
    case NormKind::One:
      return max(sum(abs(a), -2), -1);
    case NormKind::MinusOne:
      return min(sum(abs(a), -2), -1);
    case NormKind::Inf:
      return max(sum(abs(a), -1), -1);
    case NormKind::MinusInf:
      return min(sum(abs(a), -1), -1);
  }
  fail<ValueError>("matrix_norm", "unknown kind: ", static_cast<int>(kind));
}

// `value`, or infinity where the matrix is singular.
Tensor unless_singular(const Tensor& singular, const Tensor& value) {
  return where(singular, std::numeric_limits<double>::infinity(), value);
}

}  // namespace

Tensor matrix_norm(const Tensor& a, NormKind kind) {
  require_defined("matrix_norm", a);
  graph::require_matrix("matrix_norm", a);
  return checked_norm(a, kind);
}

Tensor cond(const Tensor& a, NormKind kind) {
  require_defined("cond", a);
  graph::require_matrix("cond", a);
  if (kind == NormKind::Spectral || kind == NormKind::MinusSpectral) {
    const Tensor s = svdvals(a);
    const Tensor largest = max(s, -1), smallest = min(s, -1);
    if (kind == NormKind::Spectral) return unless_singular(smallest == 0, largest / smallest);
    return unless_singular(largest == 0, smallest / largest);
  }
  graph::require_square("cond", a);
  // Singular is a result here, not an error; NaN and infinity in the input stay errors.
  const Tensor inverted = make_node(OpKind::Inverse, LinalgParams{.check = 2}, {a});
  return unless_singular(output(inverted, 1) != 0, checked_norm(a, kind) * checked_norm(inverted, kind));
}

}  // namespace nngpu::linalg
