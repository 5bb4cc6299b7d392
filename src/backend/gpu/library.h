// Compiled kernels: in memory by their text, below that on disk.
#ifndef NNGPU_BACKEND_GPU_LIBRARY_H_
#define NNGPU_BACKEND_GPU_LIBRARY_H_

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "backend/gpu/runtime.h"

namespace nngpu::gpu {

class KernelLibrary {
 public:
  explicit KernelLibrary(Runtime& runtime) : runtime_(runtime) {}

  // The kernel `name` of a generated text.
  KernelHandle generated(const std::string& body, const std::string& name);
  // The kernel `name` of a program's own text (nngpu/kernel.h), for blocks of up to 1024 threads.
  KernelHandle custom(const std::string& text, const std::string& name);
  // The kernel `name` of src/backend/gpu/kernels/<file>.kl, behind `definitions` such as "#define T float\n".
  KernelHandle kernel(const std::string& file, const std::string& name, const std::string& definitions = "");

  // The same with a generated text in between.
  KernelHandle kernel(const std::string& file, const std::string& name, const std::string& definitions,
                      const std::string& generated);

  // Texts compiled, rather than found on disk, since the start.
  int64_t compiled() const { return compiled_; }

 private:
  // `own_text` is the part of the body that is not known by its source's name.
  KernelHandle find(const std::string& source, const std::string& name, const std::string& definitions,
                    const std::string& own_text, const std::string& body);
  const Module& module(const std::string& text);
  Runtime& runtime_;
  std::mutex mutex_;
  std::unordered_map<std::string, KernelHandle> handles_;
  std::unordered_map<std::string, std::unique_ptr<Module>> modules_;
  int64_t compiled_ = 0;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LIBRARY_H_
