#include "backend/gpu/installed.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

namespace nngpu::gpu {
namespace {

namespace fs = std::filesystem;

// The folder of the library or program that this function is part of.
fs::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&own_folder), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  const fs::path file = fs::canonical(info.dli_fname, error);
  // A program that was found along PATH has a name without its folder.
  return error ? fs::read_symlink("/proc/self/exe", error).parent_path() : file.parent_path();
}

}  // namespace

std::string find_installed(const std::string& name) {
  const fs::path own = own_folder();
  std::error_code error;
  for (const fs::path& folder :
       {own, own / "../lib", own / ".." / NNGPU_INSTALL_LIBDIR, fs::path(NNGPU_INSTALL_FULL_LIBDIR)}) {
    if (!folder.is_absolute()) continue;
    const fs::path file = folder / name;
    if (fs::exists(file, error)) return file.string();
  }
  return "";
}

const std::string& built_kernels_folder() {
  static const auto* folder = new std::string([] {
    if (const char* named = std::getenv("NNGPU_KERNEL_DIR"); named != nullptr) return std::string(named);
    return find_installed("nngpu-kernels");
  }());
  return *folder;
}

}  // namespace nngpu::gpu
