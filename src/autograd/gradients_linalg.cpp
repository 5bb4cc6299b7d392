// Gradients of products, linear systems and triangular factors. T() transposes, g is the gradient by the result.
// Sources: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation
// (2008); I. Murray, Differentiation of the Cholesky decomposition (2016); F. de Hoog, R. Anderssen, M. Lukas,
// Differentiation of matrix functionals using triangular factorization (2011), for LU.
#include <algorithm>

#include "autograd/rules.h"
#include "nngpu/linalg.h"

namespace nngpu::autograd {
namespace {

using linalg::triangular_solve;

Tensor T(const Tensor& x) { return transpose(x); }

// X inverse(R) and X inverse(transpose(R)) for a triangular R.
Tensor right_solve(const Tensor& x, const Tensor& r, bool upper, bool transposed, bool unit = false) {
  return T(triangular_solve(r, T(x), upper, !transposed, unit));
}

Tensor identity(const Tensor& like, int64_t n) { return eye(n, n, 0, like.dtype(), like.device()); }

Tensor symmetric(const Tensor& x) { return (x + T(x)) * 0.5; }

// The unit lower and the upper factor in compact form, both m x k and k x n.
struct Factors {
  Tensor l, u;
  int64_t k;
};
Factors factors_of(const Tensor& compact) {
  const int64_t m = compact.size(-2), k = std::min(m, compact.size(-1));
  const Tensor l = tril(slice(compact, -1, 0, k), -1) + eye(m, k, 0, compact.dtype(), compact.device());
  return {l, triu(slice(compact, -2, 0, k)), k};
}

// Whether input i is a matrix whose last axes were swapped.
bool is_transposed(const Call& call, size_t i) {
  const graph::Node& node = *call.node().inputs[i].node;
  if (node.kind != graph::OpKind::Permute) return false;
  const Dims& axes = node.params.as<graph::PermuteParams>().axes;
  const int rank = axes.size();
  return axes[rank - 1] == rank - 2 && axes[rank - 2] == rank - 1;
}

}  // namespace

// The gradient by a factor that was transposed for the product is computed transposed as well, so that it lies as
// the matrix from which the factor came: an optimizer reads both side by side.
Gradients matmul_gradients(const Call& call) {
  const Tensor a = call.input(0), b = call.input(1), g = call.gradient();
  Gradients result(2);
  if (call.wants(0)) result[0] = is_transposed(call, 0) ? T(matmul(b, T(g))) : matmul(g, T(b));
  if (call.wants(1)) result[1] = is_transposed(call, 1) ? T(matmul(T(g), a)) : matmul(T(a), g);
  return result;
}

// The unit lower trapezoid L (m, k) and the upper U (k, n) of P^T A. Beyond the square part, rows of L below and
// columns of U to the right are solved for and send their gradient on to the square factors.
Gradients lu_factor_gradients(const Call& call) {
  const Tensor g = call.gradient(), permutation = call.output(3);
  const int64_t m = g.size(-2), n = g.size(-1);
  const auto [l, u, k] = factors_of(call.output());
  const Tensor l1 = slice(l, -2, 0, k), u1 = slice(u, -1, 0, k);
  Tensor gl = tril(slice(slice(g, -1, 0, k), -2, 0, k), -1), gu = triu(slice(slice(g, -2, 0, k), -1, 0, k));
  Tensor below, right;
  if (m > k) {
    below = right_solve(slice(g, -2, k), u1, true, true);  // G2 U^-T
    gu = gu - triu(matmul(T(slice(l, -2, k)), below));
  }
  if (n > k) {
    right = triangular_solve(l1, slice(g, -1, k), false, true, true);  // L^-T G2
    gl = gl - tril(matmul(right, T(slice(u, -1, k))), -1);
  }
  const Tensor inner = tril(matmul(T(l1), gl), -1) + triu(matmul(gu, T(u1)));
  Tensor result = right_solve(triangular_solve(l1, inner, false, true, true), u1, true, true);
  if (m > k) result = concatenate({result, below}, -2);
  if (n > k) result = concatenate({result, right}, -1);
  // Row i of L U is row permutation[i] of A.
  const Tensor rows = broadcast_to(expand_dims(permutation, -1), result.shape());
  return {scatter_add(zeros_like(result), rows, result, -2)};
}

// x = U^-1 L^-1 P^T b.
Gradients lu_solve_gradients(const Call& call) {
  const Tensor compact = call.input(0), pivots = call.input(1), x = call.output();
  const auto [l, u, n] = factors_of(compact);
  const Tensor by_u = triangular_solve(u, call.gradient(), true, true);
  const Tensor by_l = triangular_solve(l, by_u, false, true, true);
  Gradients results(3);
  if (call.wants(0)) {
    results[0] = -triu(matmul(by_u, T(x))) - tril(matmul(by_l, T(matmul(u, x))), -1);
  }
  if (call.wants(2)) {
    // Solving with the identity's factors and these pivots permutes: P^T, whose transpose is wanted.
    const Tensor one = broadcast_to(identity(compact, n), compact.shape());
    const Tensor permutation = linalg::lu_solve({one, pivots, Tensor()}, one);
    results[2] = matmul(T(permutation), by_l);
  }
  return results;
}

Gradients cholesky_gradients(const Call& call) {
  const bool upper = call.params<graph::LinalgParams>().upper != 0;
  const Tensor l = upper ? T(call.output()) : call.output();
  const Tensor g = upper ? T(call.gradient()) : call.gradient();
  const Tensor product = matmul(T(l), g);
  const Tensor phi = tril(product) - product * identity(l, l.size(-1)) * 0.5;
  const Tensor left = triangular_solve(l, phi, false, true);  // L^-T phi
  return {symmetric(right_solve(left, l, false, false))};     // ... L^-1
}

Gradients inverse_gradients(const Call& call) {
  const Tensor y = T(call.output());
  return {-matmul(y, matmul(call.gradient(), y))};
}

Gradients solve_gradients(const Call& call) {
  const Tensor by_b = linalg::solve(T(call.input(0)), call.gradient());
  return {call.wants(0) ? -matmul(by_b, T(call.output())) : Tensor(), by_b};
}

Gradients triangular_solve_gradients(const Call& call) {
  const auto& params = call.params<graph::TriangularParams>();
  const bool upper = params.upper != 0, transposed = params.transpose != 0, unit = params.unit_diagonal != 0;
  const Tensor by_b = triangular_solve(call.input(0), call.gradient(), upper, !transposed, unit);
  if (!call.wants(0)) return {Tensor(), by_b};
  const Tensor x = call.output();
  const Tensor full = -(transposed ? matmul(x, T(by_b)) : matmul(by_b, T(x)));
  return {upper ? triu(full, unit ? 1 : 0) : tril(full, unit ? -1 : 0), by_b};
}

}  // namespace nngpu::autograd
