// Linear algebra over the last two axes, batched over the others; f32 and f64 (others: DTypeError).
//
// Failures that depend on values (singular, not positive definite, not converged, NaN or infinity in the input)
// are thrown when a result is read, as the typed errors of error.h, naming operation, batch item and pivot. The
// functions called ..._ex, and lu_factor with check = false, do not throw: they return whatever was computed, and
// an `info` tensor of the batch shape (i32; 0: success, as LAPACK's INFO otherwise).
#ifndef NNGPU_LINALG_H_
#define NNGPU_LINALG_H_

#include <optional>
#include <utility>

#include "nngpu/ops.h"

namespace nngpu::linalg {

// P A = L U is returned as A = P L U with P (m, m), L (m, k), U (k, n), k = min(m, n).
struct Lu {
  Tensor p, l, u;
};
Lu lu(const Tensor& a);

// The compact form: lu (m, n) holds U and below the diagonal L; pivots (k) i32, 0-based row swaps.
struct LuFactor {
  Tensor lu, pivots, info;
};
LuFactor lu_factor(const Tensor& a, bool check = true);
Tensor lu_solve(const LuFactor& factor, const Tensor& b);

struct Qr {
  Tensor q, r;
};
enum class QrMode { Reduced, Complete };
Qr qr(const Tensor& a, QrMode mode = QrMode::Reduced);

// A = L L^T (upper: A = U^T U) from the corresponding triangle of a.
Tensor cholesky(const Tensor& a, bool upper = false);
struct Checked {
  Tensor value, info;
};
Checked cholesky_ex(const Tensor& a, bool upper = false);  // check = false form
Checked inverse_ex(const Tensor& a);
Checked solve_ex(const Tensor& a, const Tensor& b);
Tensor cholesky_solve(const Tensor& factor, const Tensor& b, bool upper = false);

// Eigenvalues w (n) ascending, eigenvectors v (n, n) as columns, from the lower triangle.
struct Eigh {
  Tensor w, v;
};
Eigh eigh(const Tensor& a);
struct EighEx {
  Tensor w, v, info;
};
EighEx eigh_ex(const Tensor& a);  // check = false form
Tensor eigvalsh(const Tensor& a);

// A = U diag(s) V^T with s descending: u (m, k), s (k), vt (k, n), k = min(m, n); full: u (m, m), vt (n, n).
struct Svd {
  Tensor u, s, vt;
};
Svd svd(const Tensor& a, bool full_matrices = false);
struct SvdEx {
  Tensor u, s, vt, info;
};
SvdEx svd_ex(const Tensor& a, bool full_matrices = false);  // check = false form
Tensor svdvals(const Tensor& a);

Tensor inverse(const Tensor& a);
Tensor det(const Tensor& a);  // 0 for a singular matrix
struct SlogDet {
  Tensor sign, logabsdet;
};
SlogDet slogdet(const Tensor& a);
// x with a x = b; b is (..., n, k), or (n) for one vector.
Tensor solve(const Tensor& a, const Tensor& b);
Tensor triangular_solve(const Tensor& a, const Tensor& b, bool upper, bool transpose = false,
                        bool unit_diagonal = false);
// The minimum-norm least-squares solution by SVD; singular values below rcond * s_max count as zero (default: eps
// * max(m, n)). residuals is the sum of squares a column.
struct Lstsq {
  Tensor solution, residuals, rank, singular_values;
};
Lstsq lstsq(const Tensor& a, const Tensor& b, std::optional<double> rcond = std::nullopt);
Tensor pinv(const Tensor& a, std::optional<double> rcond = std::nullopt);
Tensor matrix_rank(const Tensor& a, std::optional<double> tolerance = std::nullopt);  // i64
enum class NormKind { Frobenius, Nuclear, Spectral, MinusSpectral, One, MinusOne, Inf, MinusInf };
Tensor matrix_norm(const Tensor& a, NormKind kind = NormKind::Frobenius);
Tensor cond(const Tensor& a, NormKind kind = NormKind::Spectral);
Tensor matrix_power(const Tensor& a, int64_t power);  // negative powers of the inverse
// Scaling and squaring, Pade 13 (Higham 2005). Reads the norm of `a` at the call (a synchronization point).
Tensor expm(const Tensor& a);
Tensor kron(const Tensor& a, const Tensor& b);
Tensor trace(const Tensor& a, int64_t offset = 0);

}  // namespace nngpu::linalg

#endif  // NNGPU_LINALG_H_
