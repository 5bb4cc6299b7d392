// NVRTC, which needs neither a driver nor a device.
#ifndef NNGPU_BACKEND_CUDA_NVRTC_H_
#define NNGPU_BACKEND_CUDA_NVRTC_H_

#include <string>

namespace nngpu::cuda {

// What compiled kernels are kept under: "sm_90 nvrtc 13.0".
std::string architecture_name(int major, int minor);

// Compiles a kernel's text for the compute capability major.minor into a file. Empty, or what went wrong.
std::string compile_text(const char* text, int major, int minor, const char* output_path);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_NVRTC_H_
