// The host's C++ compiler, at run time.
#ifndef NNGPU_BACKEND_SIM_COMPILER_H_
#define NNGPU_BACKEND_SIM_COMPILER_H_

#include <string>

namespace nngpu::sim {

// The compiler's path; empty if none is found.
const std::string& compiler_path();
// The compiler and its options, without the files: part of the key of compiled kernels.
const std::string& compiler_command();
// Compiles a kernel's text (dialect included) to a shared object. Throws DeviceError with the compiler's message.
void compile_text(const std::string& text, const std::string& output_path);

}  // namespace nngpu::sim

#endif  // NNGPU_BACKEND_SIM_COMPILER_H_
