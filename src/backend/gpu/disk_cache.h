// Compiled kernels on disk, shared by all processes of a user.
#ifndef NNGPU_BACKEND_GPU_DISK_CACHE_H_
#define NNGPU_BACKEND_GPU_DISK_CACHE_H_

#include <functional>
#include <string>

namespace nngpu::gpu {

// The folder: NNGPU_CACHE_DIR, else XDG_CACHE_HOME/nngpu, else HOME/.cache/nngpu, made for its owner alone. A
// folder that others own or may write to, or that cannot be made, is not used: then it is one of this process,
// removed at its end.
const std::string& cache_folder();

// The path of the file with this name in the folder, made by `make(path)` if it is not there. Several processes
// may make it at the same time: each writes a file of its own and renames it.
std::string cached_file(const std::string& name, const std::function<void(const std::string& path)>& make);

// The name of the file with a compiled text: it depends on the text, the architecture and the library's version.
std::string kernel_file_name(const std::string& architecture, const std::string& text);

// 32 hexadecimal digits that depend on every byte.
std::string digest(const std::string& bytes);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_DISK_CACHE_H_
