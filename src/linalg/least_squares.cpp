// What the singular values decide: least squares, pseudoinverse, rank.
#include <cmath>
#include <limits>

#include "linalg/system.h"

namespace nngpu::linalg {
namespace {

void require_tolerance(const char* operation, std::optional<double> tolerance) {
  if (tolerance && !(*tolerance >= 0)) fail<ValueError>(operation, "negative tolerance: ", *tolerance);
}

// The default relative tolerance of an m x n matrix.
double relative_tolerance(const Tensor& a) {
  const double eps =
      a.dtype() == DType::F32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  return eps * static_cast<double>(std::max(a.size(-2), a.size(-1)));
}

// Which singular values count: those above rcond times the largest, which is the first.
Tensor significant(const Tensor& a, const Tensor& s, std::optional<double> rcond) {
  return s > slice(s, -1, 0, 1) * rcond.value_or(relative_tolerance(a));
}

// 1 / s of the significant ones, 0 of the others.
Tensor inverted(const Tensor& s, const Tensor& counts) {
  return where(counts, reciprocal(s), ops::scalar_like(s, 0));
}

}  // namespace

Lstsq lstsq(const Tensor& a, const Tensor& b, std::optional<double> rcond) {
  const Operands given = make_operands("lstsq", a, b);
  require_tolerance("lstsq", rcond);
  const Svd f = svd(given.a);
  const Tensor counts = significant(given.a, f.s, rcond);
  const Tensor coordinates = matmul(transpose(f.u), given.b) * expand_dims(inverted(f.s, counts), -1);
  const Tensor x = matmul(transpose(f.vt), coordinates);
  const Tensor residuals = sum(square(given.b - matmul(given.a, x)), -2);
  const auto finish = [&](const Tensor& t) { return given.vector ? squeeze(t, -1) : t; };
  return {finish(x), finish(residuals), sum(counts, -1), f.s};
}

Tensor pinv(const Tensor& a, std::optional<double> rcond) {
  require_defined("pinv", a);
  require_tolerance("pinv", rcond);
  graph::require_matrix("pinv", a);
  const Svd f = svd(a);
  const Tensor scale = inverted(f.s, significant(a, f.s, rcond));
  return matmul(transpose(f.vt) * expand_dims(scale, -2), transpose(f.u));
}

Tensor matrix_rank(const Tensor& a, std::optional<double> tolerance) {
  require_defined("matrix_rank", a);
  require_tolerance("matrix_rank", tolerance);
  graph::require_matrix("matrix_rank", a);
  const Tensor s = svdvals(a);
  return sum(tolerance ? s > *tolerance : significant(a, s, std::nullopt), -1);
}

}  // namespace nngpu::linalg
