// One call of cuSOLVER or cuBLAS: the device's handles, the memory that calls work in, and its errors.
#ifndef NNGPU_BACKEND_CUDA_SOLVER_CALL_H_
#define NNGPU_BACKEND_CUDA_SOLVER_CALL_H_

#include <cublas_v2.h>
#include <cusolverDn.h>

#include <vector>

#include "backend/cuda/context.h"
#include "backend/gpu/module_table.h"

namespace nngpu::cuda {

using Factorization = nngpu_module_factorization;

struct Solver {
  cusolverDnHandle_t handle = nullptr;
  cusolverDnParams_t params = nullptr;
  cublasHandle_t blas = nullptr;
  CUdeviceptr workspace = 0;
  size_t workspace_bytes = 0;
  std::vector<char> host_workspace;
};

class SolverCall {
 public:
  // Holds the device's solver until its end.
  SolverCall(Device& device, const Factorization& f) : device_(device), f(f), lock_(device.solver_mutex) {}
  ~SolverCall();
  // Makes the handles at the first call. All the functions return the module's codes.
  int prepare();
  // Memory for a call that asks for as much, on the device and on the host.
  int reserve(size_t device_bytes, size_t host_bytes);
  int check(cusolverStatus_t status, const char* call) const;
  int check(cublasStatus_t status, const char* call) const;

  // In the order of the calls.
  int copy(void* to, const void* from, size_t bytes) const;
  int transpose(int64_t n, const void* from, void* to) const;
  // Waits for the number.
  int first_value(const void* from, double& value) const;

  bool wide() const { return type == CUDA_R_64F; }
  Solver& solver() const { return *device_.solver; }
  void* workspace(size_t offset = 0) const { return reinterpret_cast<void*>(solver().workspace + offset); }
  void* host_workspace() const { return solver().host_workspace.data(); }

 private:
  Device& device_;

 public:
  const Factorization& f;
  cudaDataType_t type = CUDA_R_32F;

 private:
  std::lock_guard<std::mutex> lock_;
};

// The kinds.
int factor_lu(SolverCall& call);
int factor_cholesky(SolverCall& call);
int factor_qr(SolverCall& call);
int form_q(SolverCall& call);
int solve_triangle(SolverCall& call);
int factor_eigh(SolverCall& call);
int factor_svd(SolverCall& call);

#define NNGPU_TRY(expression)                                     \
  do {                                                            \
    if (const int code_ = (expression); code_ != 0) return code_; \
  } while (false)
#define NNGPU_SOLVER(expression) NNGPU_TRY(call.check((expression), #expression))

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_SOLVER_CALL_H_
