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

namespace {

// Where the parts of a singular value problem lie in the workspace: a copy of the matrix, V^T, what cuSOLVER
// needs.
struct SvdSpace {
  size_t bytes, vt, rest;
  SvdSpace(const Factorization& f, size_t element)
      : bytes(static_cast<size_t>(f.rows * f.columns) * element),
        vt(aligned(bytes)),
        rest(vt + aligned(static_cast<size_t>(f.columns * f.columns) * element)) {}
  static size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }
};

// By the polar decomposition and the eigenvectors of its symmetric factor. Near a singular matrix cuSOLVER
// perturbs that factor, by how much it says when the device has finished. The values alone cost as much, and
// asking for no more faults in cuSOLVER 12.0.
int svd_by_polar(SolverCall& call, const SvdSpace& space, double& perturbation) {
  const Factorization& f = call.f;
  const Solver& s = call.solver();
  const int economic = f.k == f.columns;
  size_t device = 0, host = 0;
  NNGPU_SOLVER(cusolverDnXgesvdp_bufferSize(s.handle, s.params, CUSOLVER_EIG_MODE_VECTOR, economic, f.rows,
                                            f.columns, call.type, f.a, f.lda, call.type, f.values, call.type, f.x,
                                            f.rows, call.type, f.v, f.columns, call.type, &device, &host));
  NNGPU_TRY(call.reserve(space.rest + device, host));
  NNGPU_TRY(call.copy(call.workspace(), f.a, space.bytes));
  NNGPU_SOLVER(cusolverDnXgesvdp(s.handle, s.params, CUSOLVER_EIG_MODE_VECTOR, economic, f.rows, f.columns,
                                 call.type, f.a, f.lda, call.type, f.values, call.type, f.x, f.rows, call.type,
                                 f.v, f.columns, call.type, call.workspace(space.rest), device,
                                 call.host_workspace(), host, f.info, &perturbation));
  return NNGPU_MODULE_OK;
}

// By QR iterations: several times slower, and right for every matrix. The matrix is in the workspace.
int svd_by_iteration(SolverCall& call, const SvdSpace& space) {
  const Factorization& f = call.f;
  const Solver& s = call.solver();
  const signed char job_u = f.k == f.columns ? 'S' : 'A', job_vt = 'S';
  size_t device = 0, host = 0;
  NNGPU_SOLVER(cusolverDnXgesvd_bufferSize(s.handle, s.params, job_u, job_vt, f.rows, f.columns, call.type, f.a,
                                           f.lda, call.type, f.values, call.type, f.x, f.rows, call.type, f.v,
                                           f.columns, call.type, &device, &host));
  NNGPU_TRY(call.copy(f.a, call.workspace(), space.bytes));
  NNGPU_TRY(call.reserve(space.rest + device, host));
  void* vt = call.workspace(space.vt);
  NNGPU_SOLVER(cusolverDnXgesvd(s.handle, s.params, job_u, job_vt, f.rows, f.columns, call.type, f.a, f.lda,
                                call.type, f.values, call.type, f.x, f.rows, call.type, vt, f.columns, call.type,
                                call.workspace(space.rest), device, call.host_workspace(), host, f.info));
  return call.transpose(f.columns, vt, f.v);
}

}  // namespace

int factor_svd(SolverCall& call) {
  const Factorization& f = call.f;
  const SvdSpace space(f, call.wide() ? sizeof(double) : sizeof(float));
  double perturbation = 0, largest = 0;
  NNGPU_TRY(svd_by_polar(call, space, perturbation));
  NNGPU_TRY(call.first_value(f.values, largest));  // waits
  return perturbation <= f.tolerance * largest ? int{NNGPU_MODULE_OK} : svd_by_iteration(call, space);
}

}  // namespace nngpu::cuda
