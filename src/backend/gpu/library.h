// Compiled kernels: in memory by their text, below that on disk.
#ifndef NNGPU_BACKEND_GPU_LIBRARY_H_
#define NNGPU_BACKEND_GPU_LIBRARY_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "backend/gpu/compile_queue.h"
#include "backend/gpu/runtime.h"
#include "nngpu/error.h"

namespace nngpu::gpu {

// What the device's compiler says of a text.
class KernelCompileError : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

class KernelLibrary;
struct KernelSource;

// A kernel of a library, whose text may not be compiled yet.
class CompiledKernel {
 public:
  CompiledKernel(KernelLibrary& library, KernelSource& text, std::string name)
      : library_(library), text_(text), name_(std::move(name)) {}
  // Compiles the text, or waits for whoever does. Throws what the compiler says.
  DriverKernel get() const;

 private:
  KernelLibrary& library_;
  KernelSource& text_;
  std::string name_;
  mutable std::atomic<DriverKernel> kernel_{nullptr};
};
using KernelHandle = const CompiledKernel*;

// Where the kernels of a library came from, and how long that took, in all threads together.
struct LibraryStats {
  int64_t compiled = 0, from_cache = 0, built_ahead = 0;
  double compile_seconds = 0, load_seconds = 0;
};

class KernelLibrary {
 public:
  explicit KernelLibrary(Runtime& runtime);
  ~KernelLibrary();

  // The kernel `name` of a generated text.
  KernelHandle generated(const std::string& body, const std::string& name);
  // The kernel `name` of a program's own text (nngpu/kernel.h), for blocks of up to 1024 threads.
  KernelHandle custom(const std::string& text, const std::string& name);
  // The kernel `name` of src/backend/gpu/kernels/<file>.kl, behind `definitions` such as "#define T float\n".
  KernelHandle kernel(const std::string& file, const std::string& name, const std::string& definitions = "");

  // The same with a generated text in between.
  KernelHandle kernel(const std::string& file, const std::string& name, const std::string& definitions,
                      const std::string& generated);

  // While one lives, texts that are new to this thread's libraries are compiled in other threads.
  class Ahead {
   public:
    Ahead();
    ~Ahead();
  };

  LibraryStats stats() const;
  // Texts compiled, rather than found on disk, since the start.
  int64_t compiled() const { return stats().compiled; }

 private:
  friend class CompiledKernel;
  // `own_text` is the part of the body that is not known by its source's name.
  KernelHandle find(const std::string& source, const std::string& name, const std::string& definitions,
                    const std::string& own_text, const std::string& body);
  const Module& module(KernelSource& text);
  std::unique_ptr<Module> load(const std::string& text);
  std::unique_ptr<Module> load_file(const std::string& path);

  Runtime& runtime_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<CompiledKernel>> kernels_;
  std::unordered_map<std::string, std::unique_ptr<KernelSource>> texts_;
  mutable std::mutex stats_mutex_;
  LibraryStats stats_;
  CompileQueue queue_;  // the last member: it ends before what its threads use
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LIBRARY_H_
