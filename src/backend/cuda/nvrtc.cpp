#include "backend/cuda/nvrtc.h"

#include <nvrtc.h>

#include <cstdio>
#include <vector>

namespace nngpu::cuda {
namespace {

struct Program {
  nvrtcProgram program = nullptr;
  ~Program() {
    if (program != nullptr) nvrtcDestroyProgram(&program);
  }
};

std::string write_file(const char* path, const std::vector<char>& bytes) {
  const std::string problem = std::string("cannot write ") + path;
  std::FILE* file = std::fopen(path, "wb");
  if (file == nullptr) return problem;
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const bool closed = std::fclose(file) == 0;
  if (written && closed) return "";
  std::remove(path);
  return problem;
}

std::string log_of(nvrtcProgram program) {
  size_t size = 0;
  nvrtcGetProgramLogSize(program, &size);
  std::string log(size, '\0');
  if (size > 0) nvrtcGetProgramLog(program, log.data());
  return log.substr(0, 4000);
}

}  // namespace

std::string architecture_name(int major, int minor) {
  int compiler_major = 0, compiler_minor = 0;
  nvrtcVersion(&compiler_major, &compiler_minor);
  return "sm_" + std::to_string(major) + std::to_string(minor) + " nvrtc " + std::to_string(compiler_major) + "." +
         std::to_string(compiler_minor);
}

std::string compile_text(const char* text, int major, int minor, const char* output_path) {
  Program program;
  if (nvrtcCreateProgram(&program.program, text, "kernel.cu", 0, nullptr, nullptr) != NVRTC_SUCCESS)
    return "nvrtcCreateProgram";
  const std::string architecture = "--gpu-architecture=sm_" + std::to_string(major) + std::to_string(minor);
  // Contraction is off as everywhere in the library: kernels say fma where one rounding is wanted.
  const char* options[] = {architecture.c_str(), "--std=c++17", "--fmad=false", "--extra-device-vectorization"};
  if (nvrtcCompileProgram(program.program, 4, options) != NVRTC_SUCCESS)
    return "a kernel does not compile:\n" + log_of(program.program);
  size_t size = 0;
  if (nvrtcGetCUBINSize(program.program, &size) != NVRTC_SUCCESS || size == 0) return "nvrtcGetCUBINSize";
  std::vector<char> code(size);
  if (nvrtcGetCUBIN(program.program, code.data()) != NVRTC_SUCCESS) return "nvrtcGetCUBIN";
  return write_file(output_path, code);
}

}  // namespace nngpu::cuda
