// Linear systems and inverses.
#include "linalg/system.h"

namespace nngpu::linalg {
namespace {

Checked checked_solve(const Tensor& a, const Tensor& b, int64_t check) {
  const System system = make_system("solve", a, b);
  const Tensor x = make_node(OpKind::Solve, LinalgParams{.check = check}, {system.a, system.b});
  return {system.finish(x), broadcast_to(output(x, 1), system.batch)};
}

Checked checked_inverse(const Tensor& a, int64_t check) {
  require_defined("inverse", a);
  const Tensor value = make_node(OpKind::Inverse, LinalgParams{.check = check}, {a});
  return {value, output(value, 1)};
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b) { return checked_solve(a, b, 1).value; }
Checked solve_ex(const Tensor& a, const Tensor& b) { return checked_solve(a, b, 0); }

Tensor inverse(const Tensor& a) { return checked_inverse(a, 1).value; }
Checked inverse_ex(const Tensor& a) { return checked_inverse(a, 0); }

Tensor lu_solve(const LuFactor& factor, const Tensor& b) {
  const System system = make_system("lu_solve", factor.lu, b);
  require_defined("lu_solve", factor.pivots);
  Shape pivots = ops::batch_of(system.a);
  pivots.push_back(system.a.size(-1));
  return system.finish(
      make_node(OpKind::LuSolve, graph::Params(), {system.a, broadcast_to(factor.pivots, pivots), system.b}));
}

Tensor triangular_solve(const Tensor& a, const Tensor& b, bool upper, bool transpose, bool unit_diagonal) {
  const System system = make_system("triangular_solve", a, b);
  const graph::TriangularParams params{upper, transpose, unit_diagonal};
  return system.finish(make_node(OpKind::TriangularSolve, params, {system.a, system.b}));
}

Tensor cholesky_solve(const Tensor& factor, const Tensor& b, bool upper) {
  const System system = make_system("cholesky_solve", factor, b);
  graph::require_square("cholesky_solve", factor);
  // L L^T x = b, or U^T U x = b: first the factor on the left.
  const Tensor y = triangular_solve(system.a, system.b, upper, upper);
  return system.finish(triangular_solve(system.a, y, upper, !upper));
}

}  // namespace nngpu::linalg
