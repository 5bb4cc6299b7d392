// Files that are installed with the library.
#ifndef NNGPU_BACKEND_GPU_INSTALLED_H_
#define NNGPU_BACKEND_GPU_INSTALLED_H_

#include <string>

namespace nngpu::gpu {

// The first `name` in the folder of the library or of the program that contains it, in the library folder beside
// that, and in the install folder; empty where there is none. Never from the current folder.
std::string find_installed(const std::string& name);

// The folder of the kernels that were compiled when the library was built (tools/kernels): NNGPU_KERNEL_DIR, else
// nngpu-kernels of the installed ones. Its files are named as those of the disk cache, and only read. Empty where
// there is none.
const std::string& built_kernels_folder();

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_INSTALLED_H_
