// Determinants, and the gradient of det.
#include "linalg/system.h"
#include "nngpu/autograd.h"

namespace nngpu::linalg {
namespace {

struct Factored {
  Tensor lu, pivots, diagonal;  // the last of U
  Tensor permutation;           // its sign
};

Factored factored(const char* operation, const Tensor& a) {
  require_defined(operation, a);
  graph::require_square(operation, a);
  // A singular matrix is no error here: its determinant is 0.
  const Tensor lu = make_node(OpKind::LuFactor, LinalgParams{.check = 2}, {a});
  // Every pivot that is not its own row is one exchange, and each changes the sign.
  const Tensor rows = arange_int(0, a.size(-1), 1, DType::I32, a.device());
  const Tensor odd = sum(output(lu, 1) != rows, -1) % 2;
  return {lu, output(lu, 1), diagonal(lu), cast(1 - odd * 2, a.dtype())};
}

Tensor determinant(const Factored& f) { return prod(f.diagonal, -1) * f.permutation; }

Tensor as_matrix(const Tensor& number) { return expand_dims(expand_dims(number, -1), -1); }

// For each element of the last axis the product of all others. Nothing is divided, so that zeros are right.
Tensor products_of_others(const Tensor& s) {
  const int64_t n = s.size(-1);
  const Tensor one = ones_like(slice(s, -1, 0, 1));
  const auto before = [&](const Tensor& x) { return concatenate({one, slice(cumprod(x, -1), -1, 0, n - 1)}, -1); };
  return before(s) * flip(before(flip(s, {-1})), {-1});
}

// The matrix of cofactors of A = U diag(s) V^T: det(U) det(V) U diag(products of the other s) V^T (G. W. Stewart,
// On the adjugate matrix, 1998). It is 0 where the rank is below n - 1.
Tensor cofactors_by_svd(const Tensor& a) {
  const Svd f = svd(a);
  const Tensor sign_of_vectors =
      sign(determinant(factored("det", f.u))) * sign(determinant(factored("det", f.vt)));
  const Tensor scaled = f.u * expand_dims(products_of_others(f.s), -2);
  return as_matrix(sign_of_vectors) * matmul(scaled, f.vt);
}

// det(A) transpose(inverse(A)), which has gradients itself, also where singular values repeat.
Tensor cofactors_by_inverse(const Tensor& a) {
  const Factored f = factored("det", a);
  const Tensor identity = broadcast_to(eye(a.size(-1), -1, 0, a.dtype(), a.device()), a.shape());
  return as_matrix(determinant(f)) * transpose(lu_solve({f.lu, f.pivots, Tensor()}, identity));
}

Tensor cofactors(const Tensor& a) {
  if (a.numel() == 0) return zeros_like(a);
  if (!a.requires_grad() || !graph::gradients_enabled()) return cofactors_by_svd(a);
  const Tensor regular = cofactors_by_inverse(a);
  const Tensor usable = all(isfinite(regular), {-2, -1}, true);
  return where(usable, regular, cofactors_by_svd(stop_gradient(a)));
}

}  // namespace

Tensor det(const Tensor& a) {
  if (!a.requires_grad() || !graph::gradients_enabled()) return determinant(factored("det", a));
  // The gradient by the factors divides by pivots, which may be 0: this one is by the cofactors.
  const TensorFunction with_cofactors = custom_gradient(
      [](const std::vector<Tensor>& in) { return std::vector<Tensor>{determinant(factored("det", in[0]))}; },
      [](const std::vector<Tensor>& in, const std::vector<Tensor>&, const std::vector<Tensor>& g) {
        return std::vector<Tensor>{as_matrix(g[0]) * cofactors(in[0])};
      });
  return with_cofactors({a})[0];
}

SlogDet slogdet(const Tensor& a) {
  const Factored f = factored("slogdet", a);
  return {prod(sign(f.diagonal), -1) * f.permutation, sum(log(abs(f.diagonal)), -1)};
}

}  // namespace nngpu::linalg
