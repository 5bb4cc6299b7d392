// Functions of matrices made of products.
#include <cmath>

#include "linalg/system.h"

namespace nngpu::linalg {
namespace {

Tensor identity_like(const Tensor& a) { return eye(a.size(-1), -1, 0, a.dtype(), a.device()); }

// How often each matrix of the stack is halved so that the approximant is accurate to f64's precision: theta_13 of
// Higham (2005), table 2.3.
std::vector<int64_t> squarings(const Tensor& a) {
  constexpr double kTheta = 5.371920351148152;
  std::vector<int64_t> counts;
  for (double size : matrix_norm(a, NormKind::One).to_vector<double>()) {
    if (!std::isfinite(size)) {
      const auto item = static_cast<int64_t>(counts.size());
      throw NonFiniteError("[expm] norm of the input is not finite: batch item " + std::to_string(item), item, -1);
    }
    counts.push_back(size > kTheta ? static_cast<int64_t>(std::ceil(std::log2(size / kTheta))) : 0);
  }
  return counts;
}

// The [13/13] Pade approximant of exp, which is (V - U)^-1 (V + U).
Tensor pade13(const Tensor& a) {
  static constexpr double kB[] = {64764752532480000,
                                  32382376266240000,
                                  7771770303897600,
                                  1187353796428800,
                                  129060195264000,
                                  10559470521600,
                                  670442572800,
                                  33522128640,
                                  1323241920,
                                  40840800,
                                  960960,
                                  16380,
                                  182,
                                  1};
  const auto b = [](int i) { return kB[i] / kB[0]; };  // so that V is near the identity
  const Tensor one = identity_like(a), a2 = matmul(a, a), a4 = matmul(a2, a2), a6 = matmul(a2, a4);
  // The coefficients b(i), b(i + 2), ... on the even powers.
  const auto high = [&](int i) { return matmul(a6, a6 * b(i + 12) + a4 * b(i + 10) + a2 * b(i + 8)); };
  const auto low = [&](int i) { return a6 * b(i + 6) + a4 * b(i + 4) + a2 * b(i + 2) + one * b(i); };
  const Tensor u = matmul(a, high(1) + low(1)), v = high(0) + low(0);
  return solve(v - u, v + u);
}

}  // namespace

Tensor matrix_power(const Tensor& a, int64_t power) {
  require_defined("matrix_power", a);
  graph::require_square("matrix_power", a);
  if (power == 0) return broadcast_to(identity_like(a), a.shape());
  Tensor base = power < 0 ? inverse(a) : a, result;
  uint64_t bits = power < 0 ? -static_cast<uint64_t>(power) : static_cast<uint64_t>(power);
  while (true) {
    if (bits & 1) result = result.defined() ? matmul(result, base) : base;
    bits >>= 1;
    if (bits == 0) return result;
    base = matmul(base, base);
  }
}

Tensor expm(const Tensor& a) {
  require_defined("expm", a);
  graph::require_square("expm", a);
  if (a.numel() == 0) return a;
  const std::vector<int64_t> counts = squarings(a);
  // Each matrix is squared as often as it was halved, so that its result does not depend on its neighbours.
  const Tensor count = Tensor::from_vector(counts, ops::stacked(ops::batch_of(a), 1, 1), a.device());
  Tensor result = pade13(a * cast(exp2(cast(-count, DType::F64)), a.dtype()));
  for (int64_t i = 0, most = *std::max_element(counts.begin(), counts.end()); i < most; ++i)
    result = where(count > i, matmul(result, result), result);
  return result;
}

Tensor kron(const Tensor& a, const Tensor& b) {
  for (const Tensor* x : {&a, &b}) {
    require_defined("kron", *x);
    graph::require_matrix("kron", *x);
  }
  // (..., m, 1, n, 1) times (..., 1, p, 1, q).
  const Tensor left = expand_dims(expand_dims(a, -1), -3), right = expand_dims(expand_dims(b, -2), -4);
  const Tensor product = left * right;
  const Shape batch(product.shape().begin(), product.shape().end() - 4);
  return reshape(product, ops::stacked(batch, a.size(-2) * b.size(-2), a.size(-1) * b.size(-1)));
}

Tensor trace(const Tensor& a, int64_t offset) {
  require_defined("trace", a);
  graph::require_matrix("trace", a);
  return sum(diagonal(a, offset), -1);
}

}  // namespace nngpu::linalg
