// Gradients of QR, eigh and SVD. Sources: M. Giles (2008, see gradients_linalg.cpp); S. Walter, L. Lehmann,
// Algorithmic differentiation of linear algebra functions with application in optimum experimental design (2010),
// for QR; J. Townsend, Differentiating the singular value decomposition (2016).
//
// Where values repeat, the vectors belonging to them are any basis of their space. A function that does not depend
// on that choice has no component of its gradient along rotations inside the space, so their coefficients, 1 / 0,
// are set to zero.
#include <algorithm>
#include <limits>

#include "autograd/rules.h"
#include "nngpu/linalg.h"

namespace nngpu::autograd {
namespace {

Tensor T(const Tensor& x) { return transpose(x); }

double epsilon(DType dtype) {
  return dtype == DType::F32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

Tensor row(const Tensor& vector) { return expand_dims(vector, -2); }
Tensor column(const Tensor& vector) { return expand_dims(vector, -1); }

// 1 / x where it is larger than rounding makes of zero, else 0.
Tensor reciprocal_of_nonzero(const Tensor& x, const Tensor& scale, int64_t n) {
  const Tensor tolerance = scale * (8 * static_cast<double>(n) * epsilon(x.dtype()));
  const Tensor counts = abs(x) > tolerance;
  return where(counts, reciprocal(where(counts, x, ones_like(x))), zeros_like(x));
}

// Entry (i, j): 1 / (w[j] - w[i]), 0 where they are equal.
Tensor reciprocal_differences(const Tensor& w) {
  const int64_t n = w.size(-1);
  return reciprocal_of_nonzero(row(w) - column(w), expand_dims(max(abs(w), -1, true), -1), n);
}

Tensor antisymmetric(const Tensor& x) { return x - T(x); }

// Lower triangle with its mirror image above the diagonal.
Tensor mirrored(const Tensor& x) { return tril(x) + T(tril(x, -1)); }

// Of q (m, n), r (n, n), m >= n.
Tensor tall_qr_gradient(const Tensor& q, const Tensor& r, const Tensor& gq, const Tensor& gr) {
  const Tensor inner = gq + matmul(q, mirrored(matmul(r, T(gr)) - matmul(T(gq), q)));
  return T(linalg::triangular_solve(r, T(inner), true));  // inner R^-T
}

// Gradient by a vector matrix where it has come; zeros take part in nothing.
Tensor projected(const Tensor& vectors, const Tensor& g) { return g - matmul(vectors, matmul(T(vectors), g)); }

}  // namespace

Gradients qr_gradients(const Call& call) {
  const Tensor q = call.output(0), r = call.output(1), gq = call.gradient(0), gr = call.gradient(1);
  const int64_t m = call.input(0).size(-2), n = call.input(0).size(-1);
  if (q.size(-1) > n)
    throw GradientError("[qr] the complete factor of a tall matrix has no gradient: use the reduced one");
  if (m >= n) return {tall_qr_gradient(q, r, gq, gr)};
  // A = Q [U V]: the square part, to which V = Q^T Y adds.
  const Tensor gv = slice(gr, -1, m), y = slice(call.input(0), -1, m);
  const Tensor square = tall_qr_gradient(q, slice(r, -1, 0, m), gq + matmul(y, T(gv)), slice(gr, -1, 0, m));
  return {concatenate({square, matmul(q, gv)}, -1)};
}

Gradients eigh_gradients(const Call& call) {
  const Tensor a = call.input(0);
  if (call.params<graph::LinalgParams>().vectors == 0) {
    // Of eigenvalues alone: they were computed without the vectors, which are needed now.
    const linalg::Eigh f = linalg::eigh(a);
    return {matmul(f.v * row(call.gradient(0)), T(f.v))};
  }
  const Tensor w = call.output(0), v = call.output(1);
  Tensor inner = row(call.gradient(0)) * eye(w.size(-1), -1, 0, w.dtype(), w.device());
  if (call.has_gradient(1)) {
    inner = inner + antisymmetric(matmul(T(v), call.gradient(1))) * reciprocal_differences(w) * 0.5;
  }
  return {matmul(v, matmul(inner, T(v)))};
}

Gradients svd_gradients(const Call& call) {
  const auto& params = call.params<graph::LinalgParams>();
  const Tensor a = call.input(0);
  if (params.vectors == 0) {
    const linalg::Svd f = linalg::svd(a);
    return {matmul(f.u * row(call.gradient(1)), f.vt)};
  }
  const int64_t m = a.size(-2), n = a.size(-1), k = std::min(m, n);
  const bool vectors = call.has_gradient(0) || call.has_gradient(2);
  if (params.full != 0 && m != n && vectors)
    throw GradientError(
        "[svd] the full factors of a matrix that is not square have no gradient: use the thin ones");
  const Tensor u = slice(call.output(0), -1, 0, k), s = call.output(1), vt = slice(call.output(2), -2, 0, k);
  Tensor inner = row(call.gradient(1)) * eye(k, -1, 0, s.dtype(), s.device());
  if (!vectors) return {matmul(u, matmul(inner, vt))};
  const Tensor gu = slice(call.gradient(0), -1, 0, k), gv = T(slice(call.gradient(2), -2, 0, k)), v = T(vt);
  // 1 / (s[j]^2 - s[i]^2) as two factors, so that close values keep their digits.
  const Tensor sums = reciprocal_of_nonzero(row(s) + column(s), expand_dims(max(s, -1, true), -1), k);
  const Tensor coefficients = reciprocal_differences(s) * sums;
  inner = inner + antisymmetric(matmul(T(u), gu)) * coefficients * row(s) +
          column(s) * antisymmetric(matmul(T(v), gv)) * coefficients;
  const Tensor inverse = row(reciprocal_of_nonzero(s, max(s, -1, true), std::max(m, n)));
  Tensor result = matmul(u, matmul(inner, vt));
  if (m > k) result = result + matmul(projected(u, gu) * inverse, vt);
  if (n > k) result = result + matmul(u, T(projected(v, gv) * inverse));
  return {result};
}

}  // namespace nngpu::autograd
