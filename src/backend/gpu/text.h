// The texts of the kernels and of the dialect, embedded in the library by the build.
#ifndef NNGPU_BACKEND_GPU_TEXT_H_
#define NNGPU_BACKEND_GPU_TEXT_H_

#include <string>

#include "backend/gpu/runtime.h"

namespace nngpu::gpu {

// The text of src/backend/gpu/<path>, such as "kernels/copy.kl". Throws Error if there is none.
const std::string& embedded_text(const std::string& path);

// A kernel's whole text: definitions, the dialect of the target, and the body.
std::string full_text(Dialect dialect, const std::string& definitions, const std::string& body);

// Where NNGPU_KERNEL_DUMP names a folder, writes the text there without the dialect, so that it can be tried with
// the compiler of a target that is not at hand: <source>-<digest>.kl holds the definitions, the line "// body" and
// the body. Each text once; several processes may share the folder.
void dump_text(const std::string& source, const std::string& definitions, const std::string& body);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_TEXT_H_
