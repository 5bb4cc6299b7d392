// Decompositions.
#include "linalg/system.h"

namespace nngpu::linalg {
namespace {

// A node of one matrix; its other outputs through output().
Tensor factor_node(const char* operation, OpKind kind, const Tensor& a, const LinalgParams& params) {
  require_defined(operation, a);
  return make_node(kind, params, {a});
}

}  // namespace

Lu lu(const Tensor& a) {
  // A singular matrix has an LU decomposition, too.
  const Tensor compact = factor_node("lu", OpKind::LuFactor, a, {.check = 2});
  const Tensor permutation = output(compact, 3);
  const int64_t m = a.size(-2), k = std::min(m, a.size(-1));
  // A = P L U, and row i of L U is row permutation[i] of A: P has its ones at (permutation[i], i).
  const Tensor rows = expand_dims(arange_int(0, m, 1, DType::I64, a.device()), 1);
  const Tensor p = cast(rows == expand_dims(permutation, -2), a.dtype());
  const Tensor l = tril(slice(compact, -1, 0, k), -1) + eye(m, k, 0, a.dtype(), a.device());
  return {p, l, triu(slice(compact, -2, 0, k))};
}

LuFactor lu_factor(const Tensor& a, bool check) {
  const Tensor compact = factor_node("lu_factor", OpKind::LuFactor, a, {.check = check});
  return {compact, output(compact, 1), output(compact, 2)};
}

Qr qr(const Tensor& a, QrMode mode) {
  const Tensor q = factor_node("qr", OpKind::Qr, a, {.full = mode == QrMode::Complete});
  return {q, output(q, 1)};
}

Tensor cholesky(const Tensor& a, bool upper) {
  return factor_node("cholesky", OpKind::Cholesky, a, {.upper = upper});
}

Checked cholesky_ex(const Tensor& a, bool upper) {
  const Tensor factor = factor_node("cholesky", OpKind::Cholesky, a, {.check = 0, .upper = upper});
  return {factor, output(factor, 1)};
}

Eigh eigh(const Tensor& a) {
  const Tensor w = factor_node("eigh", OpKind::Eigh, a, {});
  return {w, output(w, 1)};
}

EighEx eigh_ex(const Tensor& a) {
  const Tensor w = factor_node("eigh", OpKind::Eigh, a, {.check = 0});
  return {w, output(w, 1), output(w, 2)};
}

Tensor eigvalsh(const Tensor& a) { return factor_node("eigvalsh", OpKind::Eigh, a, {.vectors = 0}); }

Svd svd(const Tensor& a, bool full_matrices) {
  const Tensor u = factor_node("svd", OpKind::Svd, a, {.full = full_matrices});
  return {u, output(u, 1), output(u, 2)};
}

SvdEx svd_ex(const Tensor& a, bool full_matrices) {
  const Tensor u = factor_node("svd", OpKind::Svd, a, {.check = 0, .full = full_matrices});
  return {u, output(u, 1), output(u, 2), output(u, 3)};
}

Tensor svdvals(const Tensor& a) { return output(factor_node("svdvals", OpKind::Svd, a, {.vectors = 0}), 1); }

}  // namespace nngpu::linalg
