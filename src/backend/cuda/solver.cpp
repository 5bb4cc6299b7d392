#include "backend/cuda/solver.h"

#include <memory>

#include "backend/cuda/solver_call.h"
#include "nngpu/dtype.h"

namespace nngpu::cuda {
namespace {

// More than this is given back after a call.
constexpr size_t kKeptWorkspace = size_t{256} << 20;

// "cusolverDnXgetrf(call.solver().handle, ..." is the function's name to a reader.
std::string name_of(const char* call) {
  const std::string text = call;
  return text.substr(0, text.find('('));
}

int dispatch(SolverCall& call) {
  switch (call.f.kind) {
    case NNGPU_FACTOR_LU:
      return factor_lu(call);
    case NNGPU_FACTOR_CHOLESKY:
      return factor_cholesky(call);
    case NNGPU_FACTOR_QR:
      return factor_qr(call);
    case NNGPU_FORM_Q:
      return form_q(call);
    case NNGPU_FACTOR_EIGH:
      return factor_eigh(call);
    case NNGPU_FACTOR_SVD:
      return factor_svd(call);
    case NNGPU_SOLVE_TRIANGULAR:
      return solve_triangle(call);
    default:
      return NNGPU_MODULE_UNSUPPORTED;
  }
}

}  // namespace

int SolverCall::prepare() {
  if (device_.solver != nullptr) return NNGPU_MODULE_OK;
  auto solver = std::make_unique<Solver>();
  NNGPU_TRY(check(cusolverDnCreate(&solver->handle), "cusolverDnCreate"));
  NNGPU_TRY(check(cusolverDnSetStream(solver->handle, device_.stream), "cusolverDnSetStream"));
  NNGPU_TRY(check(cusolverDnCreateParams(&solver->params), "cusolverDnCreateParams"));
  NNGPU_TRY(check(cublasCreate(&solver->blas), "cublasCreate"));
  NNGPU_TRY(check(cublasSetStream(solver->blas, device_.stream), "cublasSetStream"));
  device_.solver = solver.release();  // as long as the device
  return NNGPU_MODULE_OK;
}

// Work is in one queue, so what a call leaves is free for the next one.
int SolverCall::reserve(size_t device_bytes, size_t host_bytes) {
  Solver& s = solver();
  if (device_bytes > s.workspace_bytes) {
    if (s.workspace != 0) cuMemFreeAsync(s.workspace, device_.stream);
    s.workspace = 0;
    s.workspace_bytes = 0;
    if (const CUresult result = cuMemAllocAsync(&s.workspace, device_bytes, device_.stream);
        result != CUDA_SUCCESS)
      return failed(result, "a decomposition's workspace");
    s.workspace_bytes = device_bytes;
  }
  if (host_bytes > s.host_workspace.size()) {
    // An earlier call may still read what would move.
    if (!s.host_workspace.empty()) cuStreamSynchronize(device_.stream);
    s.host_workspace.resize(host_bytes);
  }
  return NNGPU_MODULE_OK;
}

int SolverCall::copy(void* to, const void* from, size_t bytes) const {
  const CUresult result = cuMemcpyDtoDAsync(reinterpret_cast<CUdeviceptr>(to), reinterpret_cast<CUdeviceptr>(from),
                                            bytes, device_.stream);
  return result == CUDA_SUCCESS ? int{NNGPU_MODULE_OK} : failed(result, "cuMemcpyDtoDAsync");
}

int SolverCall::transpose(int64_t n, const void* from, void* to) const {
  const auto run = [&]<class T>(auto geam, T one) {
    const T zero = 0;
    const auto size = static_cast<int>(n);
    return check(geam(solver().blas, CUBLAS_OP_T, CUBLAS_OP_N, size, size, &one, static_cast<const T*>(from), size,
                      &zero, static_cast<const T*>(to), size, static_cast<T*>(to), size),
                 "cublas geam");
  };
  return wide() ? run(cublasDgeam, 1.0) : run(cublasSgeam, 1.0f);
}

int SolverCall::first_value(const void* from, double& value) const {
  float narrow = 0;
  CUresult result =
      cuMemcpyDtoHAsync(wide() ? static_cast<void*>(&value) : &narrow, reinterpret_cast<CUdeviceptr>(from),
                        wide() ? sizeof(value) : sizeof(narrow), device_.stream);
  if (result == CUDA_SUCCESS) result = cuStreamSynchronize(device_.stream);
  if (!wide()) value = static_cast<double>(narrow);
  return result == CUDA_SUCCESS ? int{NNGPU_MODULE_OK} : failed(result, "a decomposition");
}

SolverCall::~SolverCall() {
  if (device_.solver == nullptr || solver().workspace_bytes <= kKeptWorkspace) return;
  cuMemFreeAsync(solver().workspace, device_.stream);
  solver().workspace = 0;
  solver().workspace_bytes = 0;
}

int SolverCall::check(cusolverStatus_t status, const char* call) const {
  if (status == CUSOLVER_STATUS_SUCCESS) return NNGPU_MODULE_OK;
  const int code = failed(name_of(call) + ": status " + std::to_string(static_cast<int>(status)));
  return status == CUSOLVER_STATUS_ALLOC_FAILED ? NNGPU_MODULE_OUT_OF_MEMORY : code;
}

int SolverCall::check(cublasStatus_t status, const char* call) const {
  if (status == CUBLAS_STATUS_SUCCESS) return NNGPU_MODULE_OK;
  const int code = failed(name_of(call) + ": " + cublasGetStatusString(status));
  return status == CUBLAS_STATUS_ALLOC_FAILED ? NNGPU_MODULE_OUT_OF_MEMORY : code;
}

int run_factorization(void* handle, const nngpu_module_factorization* factorization) {
  Device& device = device_of(handle);
  if (const CUresult result = enter(device); result != CUDA_SUCCESS) return failed(result, "cuCtxSetCurrent");
  const auto dtype = static_cast<DType>(factorization->dtype);
  if (dtype != DType::F32 && dtype != DType::F64) return NNGPU_MODULE_UNSUPPORTED;
  SolverCall call(device, *factorization);
  call.type = dtype == DType::F64 ? CUDA_R_64F : CUDA_R_32F;
  NNGPU_TRY(call.prepare());
  return dispatch(call);
}

}  // namespace nngpu::cuda
