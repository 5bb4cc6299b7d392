// One CUDA device: its context, stream, and the handling of errors.
#ifndef NNGPU_BACKEND_CUDA_CONTEXT_H_
#define NNGPU_BACKEND_CUDA_CONTEXT_H_

#include <cublasLt.h>
#include <cuda.h>

#include <mutex>
#include <string>
#include <unordered_map>

namespace nngpu::cuda {

// An algorithm that cuBLASLt chose for a product's description.
struct GemmChoice {
  cublasLtMatmulAlgo_t algorithm;
  bool found = false;
};

struct Solver;
struct Convolutions;
struct Transfers;

struct Device {
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  CUmemoryPool memory = nullptr;  // null: the device has no pools
  int major = 0, minor = 0;
  std::mutex gemm_mutex;
  cublasLtHandle_t blas = nullptr;
  CUdeviceptr workspace = 0;
  std::unordered_map<std::string, GemmChoice> gemm_choices;
  std::mutex capture_mutex;
  CUstream capture_stream =
      nullptr;  // that graphs' products and convolutions are captured from; nothing runs there
  std::mutex solver_mutex;
  Solver* solver = nullptr;  // from the first decomposition on
  std::mutex convolution_mutex;
  Convolutions* convolutions = nullptr;  // from the first convolution on
  Transfers* transfers = nullptr;        // from the first copy on
};
constexpr size_t kGemmWorkspace = size_t{64} << 20;

// Keeps the message for error(); returns the table's code.
int failed(CUresult result, const char* call);
int failed(const std::string& message);
// The message kept last in this thread, and a code with a message that another thread kept.
const std::string& last_message();
int failed_again(int code, const std::string& message);
inline Device& device_of(void* handle) { return *static_cast<Device*>(handle); }
// Makes the device's context current in this thread.
CUresult enter(Device& device);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_CONTEXT_H_
