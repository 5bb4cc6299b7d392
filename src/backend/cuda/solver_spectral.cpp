// Symmetric eigenproblems and singular values.
#include "backend/cuda/solver_call.h"

namespace nngpu::cuda {

int factor_eigh(SolverCall& call) {
  const Factorization& f = call.f;
  const Solver& s = call.solver();
  const cusolverEigMode_t mode = f.vectors != 0 ? CUSOLVER_EIG_MODE_VECTOR : CUSOLVER_EIG_MODE_NOVECTOR;
  size_t device = 0, host = 0;
  NNGPU_SOLVER(cusolverDnXsyevd_bufferSize(s.handle, s.params, mode, CUBLAS_FILL_MODE_LOWER, f.rows, call.type,
                                           f.a, f.lda, call.type, f.values, call.type, &device, &host));
  NNGPU_TRY(call.reserve(device, host));
  NNGPU_SOLVER(cusolverDnXsyevd(s.handle, s.params, mode, CUBLAS_FILL_MODE_LOWER, f.rows, call.type, f.a, f.lda,
                                call.type, f.values, call.type, call.workspace(), device, call.host_workspace(),
                                host, f.info));
  return NNGPU_MODULE_OK;
}

// By the polar decomposition and the eigenvectors of its symmetric factor. The values alone cost as much, and
// asking for no more faults in cuSOLVER 12.0.
int factor_svd(SolverCall& call) {
  const Factorization& f = call.f;
  const Solver& s = call.solver();
  const cusolverEigMode_t mode = CUSOLVER_EIG_MODE_VECTOR;
  const int economic = f.k == f.columns;
  size_t device = 0, host = 0;
  NNGPU_SOLVER(cusolverDnXgesvdp_bufferSize(s.handle, s.params, mode, economic, f.rows, f.columns, call.type, f.a,
                                            f.lda, call.type, f.values, call.type, f.x, f.rows, call.type, f.v,
                                            f.columns, call.type, &device, &host));
  NNGPU_TRY(call.reserve(device, host));
  double perturbation = 0;  // of the singular values
  NNGPU_SOLVER(cusolverDnXgesvdp(s.handle, s.params, mode, economic, f.rows, f.columns, call.type, f.a, f.lda,
                                 call.type, f.values, call.type, f.x, f.rows, call.type, f.v, f.columns, call.type,
                                 call.workspace(), device, call.host_workspace(), host, f.info, &perturbation));
  return NNGPU_MODULE_OK;
}

}  // namespace nngpu::cuda
