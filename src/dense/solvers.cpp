#include "nngpu/dense/solvers.h"

#include <algorithm>
#include <limits>
#include <string>

#include "nngpu/dense.h"

namespace nngpu::dense {

ComputationInfo info_of(const Tensor& factor) {
  try {
    factor.eval();
  } catch (const NotConvergedError&) {
    return NoConvergence;
  } catch (const NonFiniteError&) {
    return InvalidInput;
  } catch (const LinalgError&) {
    return NumericalIssue;
  }
  return Success;
}

void check_solve(const char* operation, const Tensor& a, const Tensor& b) {
  if (a.shape()[0] != b.shape()[0])
    throw ShapeError("[" + std::string(operation) + "] a right-hand side of shape " + to_string(b.shape()) +
                     " for a matrix of " + std::to_string(a.shape()[0]) + " rows");
}

Tensor least_squares(const Tensor& q, const Tensor& r, const Tensor& b) {
  if (q.shape()[0] < r.shape()[1])
    throw ShapeError("[qr().solve] fewer rows than columns: " + to_string(Dims{q.shape()[0], r.shape()[1]}) +
                     "; use svd()");
  return linalg::triangular_solve(r, matmul(transpose(q), b), /*upper=*/true);
}

namespace {

double rank_tolerance(DType dtype, int64_t m, int64_t n) {
  const double eps = dtype == DType::F32 ? static_cast<double>(std::numeric_limits<float>::epsilon())
                                         : std::numeric_limits<double>::epsilon();
  return eps * static_cast<double>(std::max(m, n));
}

// Which singular values count: (k) bool.
Tensor counted(const Tensor& s, int64_t m, int64_t n) { return s > max(s) * rank_tolerance(s.dtype(), m, n); }

}  // namespace

Tensor svd_solve(const Tensor& u, const Tensor& s, const Tensor& vt, const Tensor& b) {
  const int64_t k = s.shape()[0];
  if (k == 0) return zeros({vt.shape()[1], b.shape()[1]}, b.dtype(), b.device());
  const Tensor inverse = where(counted(s, u.shape()[0], vt.shape()[1]), reciprocal(s), zeros_like(s));
  const Tensor projected = matmul(transpose(slice(u, 1, 0, k)), b);
  return matmul(transpose(slice(vt, 0, 0, k)), projected * expand_dims(inverse, 1));
}

Tensor spectral(const Tensor& w, const Tensor& v, double power) {
  const Tensor scale = power == 0.5 ? sqrt(w) : rsqrt(w);
  return matmul(v * expand_dims(scale, 0), transpose(v));
}

template <class T>
Svd<T>::Svd(const Tensor& a, unsigned options) : rows_(a.shape()[0]), cols_(a.shape()[1]) {
  if ((options & (ComputeFullU | ComputeThinU | ComputeFullV | ComputeThinV)) == 0) {
    s_ = linalg::svdvals(a);
    return;
  }
  const bool full_u = (options & ComputeFullU) != 0, full_v = (options & ComputeFullV) != 0;
  const linalg::Svd f = linalg::svd(a, full_u || full_v);
  const int64_t k = f.s.shape()[0];
  s_ = f.s;
  if (options & (ComputeFullU | ComputeThinU)) u_ = full_u ? f.u : slice(f.u, 1, 0, k);
  if (options & (ComputeFullV | ComputeThinV)) vt_ = full_v ? f.vt : slice(f.vt, 0, 0, k);
}

template <class T>
Index Svd<T>::rank() const {
  if (s_.numel() == 0) return 0;
  return static_cast<Index>(sum(counted(s_, rows_, cols_)).template item<int64_t>());
}

template class Svd<float>;
template class Svd<double>;

}  // namespace nngpu::dense
