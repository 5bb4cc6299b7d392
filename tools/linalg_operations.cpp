#include "linalg_operations.h"

#include "nngpu/linalg.h"
#include "nngpu/random.h"

namespace nngpu::tool {
namespace {

using Inputs = std::vector<Tensor>;

Tensor size_of(const Tensor& a) { return linalg::matrix_norm(a.rank() < 2 ? expand_dims(a, 1) : a); }

// 0 / 0 is no residual at all.
Tensor relative(const Tensor& difference, const Tensor& scale) {
  const Tensor d = size_of(difference);
  return where(d == 0, d, d / scale);
}

LinalgResult value(const Tensor& result) { return {{{"result", result}}, "", std::nullopt}; }

// The product is checked on a random vector (Freivalds 1977), which costs a vector product instead of a matrix
// product.
LinalgResult run_matmul(const Inputs& in) {
  const Tensor c = matmul(in[0], in[1]);
  LinalgResult result = value(c);
  if (in[0].rank() < 2 || in[1].rank() < 2 || !is_floating(c.dtype())) return result;
  const Tensor probe = randn({c.size(-1), 1}, c.dtype(), Generator(1));
  const Tensor difference = matmul(c, probe) - matmul(in[0], matmul(in[1], probe));
  result.residual_name = "|Cv - A(Bv)| / (|A| |Bv|)";
  result.residual = relative(difference, size_of(in[0]) * size_of(matmul(in[1], probe)));
  return result;
}

LinalgResult run_inverse(const Inputs& in) {
  const Tensor x = linalg::inverse(in[0]);
  const Tensor identity = eye(in[0].size(-1), -1, 0, x.dtype());
  return {
      {{"result", x}}, "|AX - I| / (|A| |X|)", relative(matmul(in[0], x) - identity, size_of(in[0]) * size_of(x))};
}

LinalgResult run_lu(const Inputs& in) {
  const auto [p, l, u] = linalg::lu(in[0]);
  return {{{"p", p}, {"l", l}, {"u", u}},
          "|A - PLU| / |A|",
          relative(in[0] - matmul(p, matmul(l, u)), size_of(in[0]))};
}

LinalgResult run_qr(const Inputs& in) {
  const auto [q, r] = linalg::qr(in[0]);
  return {{{"q", q}, {"r", r}}, "|A - QR| / |A|", relative(in[0] - matmul(q, r), size_of(in[0]))};
}

LinalgResult run_cholesky(const Inputs& in) {
  const Tensor l = linalg::cholesky(in[0]);
  // Only the lower triangle of A was read.
  const Tensor difference = tril(in[0] - matmul(l, transpose(l)));
  return {{{"result", l}}, "|A - LL'| / |A|", relative(difference, size_of(in[0]))};
}

LinalgResult run_eigh(const Inputs& in) {
  const linalg::Eigh e = linalg::eigh(in[0]);
  const Tensor a = tril(in[0]) + transpose(tril(in[0], -1));
  const Tensor difference = matmul(a, e.v) - e.v * expand_dims(e.w, -2);
  return {{{"w", e.w}, {"v", e.v}}, "|AV - VW| / |A|", relative(difference, size_of(a))};
}

LinalgResult run_svd(const Inputs& in) {
  const linalg::Svd s = linalg::svd(in[0]);
  const Tensor difference = in[0] - matmul(s.u * expand_dims(s.s, -2), s.vt);
  return {{{"u", s.u}, {"s", s.s}, {"vt", s.vt}}, "|A - USV'| / |A|", relative(difference, size_of(in[0]))};
}

Tensor columns(const Tensor& b, const Tensor& a) { return b.rank() < a.rank() ? expand_dims(b, -1) : b; }

LinalgResult run_solve(const Inputs& in) {
  const Tensor x = linalg::solve(in[0], in[1]);
  const Tensor b = columns(in[1], in[0]), xs = columns(x, in[0]);
  return {{{"result", x}},
          "|Ax - b| / (|A| |x| + |b|)",
          relative(matmul(in[0], xs) - b, size_of(in[0]) * size_of(xs) + size_of(b))};
}

LinalgResult run_lstsq(const Inputs& in) {
  const Tensor x = linalg::lstsq(in[0], in[1]).solution;
  const Tensor b = columns(in[1], in[0]), xs = columns(x, in[0]);
  const Tensor gradient = matmul(transpose(in[0]), matmul(in[0], xs) - b);
  const Tensor scale = size_of(in[0]) * (size_of(in[0]) * size_of(xs) + size_of(b));
  return {{{"result", x}}, "|A'(Ax - b)| / (|A| (|A| |x| + |b|))", relative(gradient, scale)};
}

LinalgResult run_pinv(const Inputs& in) {
  const Tensor x = linalg::pinv(in[0]);
  const Tensor difference = matmul(matmul(in[0], x), in[0]) - in[0];
  return {{{"result", x}}, "|AXA - A| / |A|", relative(difference, size_of(in[0]))};
}

}  // namespace

const std::vector<LinalgOperation>& linalg_operations() {
  static const std::vector<LinalgOperation> list = {
      {"matmul", 2, "A B", run_matmul},
      {"add", 2, "A + B", [](const Inputs& in) { return value(in[0] + in[1]); }},
      {"sub", 2, "A - B", [](const Inputs& in) { return value(in[0] - in[1]); }},
      {"mul", 2, "A * B, element by element", [](const Inputs& in) { return value(in[0] * in[1]); }},
      {"div", 2, "A / B, element by element", [](const Inputs& in) { return value(in[0] / in[1]); }},
      {"transpose", 1, "A'", [](const Inputs& in) { return value(transpose(in[0])); }},
      {"inverse", 1, "the inverse", run_inverse},
      {"det", 1, "the determinant", [](const Inputs& in) { return value(linalg::det(in[0])); }},
      {"lu", 1, "A = P L U: p l u", run_lu},
      {"qr", 1, "A = Q R: q r", run_qr},
      {"cholesky", 1, "A = L L'", run_cholesky},
      {"eigh", 1, "eigenvalues and -vectors of a symmetric matrix: w v", run_eigh},
      {"svd", 1, "A = U diag(s) V': u s vt", run_svd},
      {"solve", 2, "x with A x = b", run_solve},
      {"lstsq", 2, "x that minimises |A x - b|", run_lstsq},
      {"pinv", 1, "the pseudoinverse", run_pinv},
      {"norm", 1, "the Frobenius norm", [](const Inputs& in) { return value(size_of(in[0])); }},
      {"rank", 1, "the rank", [](const Inputs& in) { return value(linalg::matrix_rank(in[0])); }},
      {"cond", 1, "the condition number (2-norm)", [](const Inputs& in) { return value(linalg::cond(in[0])); }},
  };
  return list;
}

}  // namespace nngpu::tool
