// LU, Cholesky, QR and triangular systems.
#include "backend/cuda/solver_call.h"

namespace nngpu::cuda {
namespace {

bool fits_int(int64_t value) { return value <= INT32_MAX; }

template <class T, class Function>
cublasStatus_t solve_triangle_as(const SolverCall& call, Function trsm, cublasFillMode_t fill,
                                 cublasOperation_t op, cublasDiagType_t diagonal) {
  const Factorization& f = call.f;
  const T one = 1;
  return trsm(call.solver().blas, CUBLAS_SIDE_LEFT, fill, op, diagonal, f.rows, f.k, &one,
              static_cast<const T*>(f.a), f.lda, static_cast<T*>(f.x), f.ldx);
}

// The legacy interface: its workspace counts elements.
template <class T, class Size, class Function>
int form_q_as(SolverCall& call, Size size, Function form) {
  const Factorization& f = call.f;
  const auto m = static_cast<int>(f.rows), n = static_cast<int>(f.columns), k = static_cast<int>(f.k),
             lda = static_cast<int>(f.lda);
  T* a = static_cast<T*>(f.a);
  const T* factors = static_cast<const T*>(f.values);
  int elements = 0;
  NNGPU_TRY(call.check(size(call.solver().handle, m, n, k, a, lda, factors, &elements), "orgqr_bufferSize"));
  NNGPU_TRY(call.reserve(static_cast<size_t>(elements) * sizeof(T), 0));
  return call.check(
      form(call.solver().handle, m, n, k, a, lda, factors, static_cast<T*>(call.workspace()), elements, f.info),
      "orgqr");
}

}  // namespace

int factor_lu(SolverCall& call) {
  const Factorization& f = call.f;
  const Solver& s = call.solver();
  size_t device = 0, host = 0;
  NNGPU_SOLVER(cusolverDnXgetrf_bufferSize(s.handle, s.params, f.rows, f.columns, call.type, f.a, f.lda, call.type,
                                           &device, &host));
  NNGPU_TRY(call.reserve(device, host));
  NNGPU_SOLVER(cusolverDnXgetrf(s.handle, s.params, f.rows, f.columns, call.type, f.a, f.lda, f.pivots, call.type,
                                call.workspace(), device, call.host_workspace(), host, f.info));
  return NNGPU_MODULE_OK;
}

int factor_cholesky(SolverCall& call) {
  const Factorization& f = call.f;
  const Solver& s = call.solver();
  size_t device = 0, host = 0;
  NNGPU_SOLVER(cusolverDnXpotrf_bufferSize(s.handle, s.params, CUBLAS_FILL_MODE_LOWER, f.rows, call.type, f.a,
                                           f.lda, call.type, &device, &host));
  NNGPU_TRY(call.reserve(device, host));
  NNGPU_SOLVER(cusolverDnXpotrf(s.handle, s.params, CUBLAS_FILL_MODE_LOWER, f.rows, call.type, f.a, f.lda,
                                call.type, call.workspace(), device, call.host_workspace(), host, f.info));
  return NNGPU_MODULE_OK;
}

int factor_qr(SolverCall& call) {
  const Factorization& f = call.f;
  const Solver& s = call.solver();
  size_t device = 0, host = 0;
  NNGPU_SOLVER(cusolverDnXgeqrf_bufferSize(s.handle, s.params, f.rows, f.columns, call.type, f.a, f.lda, call.type,
                                           f.values, call.type, &device, &host));
  NNGPU_TRY(call.reserve(device, host));
  NNGPU_SOLVER(cusolverDnXgeqrf(s.handle, s.params, f.rows, f.columns, call.type, f.a, f.lda, call.type, f.values,
                                call.type, call.workspace(), device, call.host_workspace(), host, f.info));
  return NNGPU_MODULE_OK;
}

int form_q(SolverCall& call) {
  const Factorization& f = call.f;
  if (!fits_int(f.rows) || !fits_int(f.columns)) return NNGPU_MODULE_UNSUPPORTED;
  return call.wide() ? form_q_as<double>(call, cusolverDnDorgqr_bufferSize, cusolverDnDorgqr)
                     : form_q_as<float>(call, cusolverDnSorgqr_bufferSize, cusolverDnSorgqr);
}

int solve_triangle(SolverCall& call) {
  const Factorization& f = call.f;
  const cublasFillMode_t fill = f.upper != 0 ? CUBLAS_FILL_MODE_UPPER : CUBLAS_FILL_MODE_LOWER;
  const cublasOperation_t op = f.transposed != 0 ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasDiagType_t diagonal = f.unit != 0 ? CUBLAS_DIAG_UNIT : CUBLAS_DIAG_NON_UNIT;
  return call.check(call.wide() ? solve_triangle_as<double>(call, cublasDtrsm_64, fill, op, diagonal)
                                : solve_triangle_as<float>(call, cublasStrsm_64, fill, op, diagonal),
                    "cublas trsm");
}

}  // namespace nngpu::cuda
