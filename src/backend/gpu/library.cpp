#include "backend/gpu/library.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "backend/gpu/disk_cache.h"
#include "backend/gpu/installed.h"
#include "backend/gpu/text.h"
#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

thread_local int ahead = 0;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

// What is compiled at once: a kernel or a few of one body.
struct KernelSource {
  std::string text;
  std::mutex mutex;  // held while it is compiled
  std::unique_ptr<Module> module;
};

KernelLibrary::Ahead::Ahead() { ++ahead; }
KernelLibrary::Ahead::~Ahead() { --ahead; }

KernelLibrary::KernelLibrary(Runtime& runtime) : runtime_(runtime) {}
KernelLibrary::~KernelLibrary() = default;

DriverKernel CompiledKernel::get() const {
  DriverKernel kernel = kernel_.load(std::memory_order_acquire);
  if (kernel != nullptr) return kernel;
  kernel = library_.module(text_).find(name_);
  kernel_.store(kernel, std::memory_order_release);
  return kernel;
}

KernelHandle KernelLibrary::generated(const std::string& body, const std::string& name) {
  return find("generated", name, "#define MAX_THREADS 256\n", body, body);
}

KernelHandle KernelLibrary::custom(const std::string& text, const std::string& name) {
  return find("custom", name, "", text, text);
}

KernelHandle KernelLibrary::kernel(const std::string& file, const std::string& name,
                                   const std::string& definitions) {
  return find(file, name, definitions, "", embedded_text("kernels/" + file + ".kl"));
}

KernelHandle KernelLibrary::kernel(const std::string& file, const std::string& name,
                                   const std::string& definitions, const std::string& generated) {
  return find("generated", name, definitions, generated, generated + embedded_text("kernels/" + file + ".kl"));
}

// A launch finds its kernel by little text: the whole one is put together only when it is new.
KernelHandle KernelLibrary::find(const std::string& source, const std::string& name,
                                 const std::string& definitions, const std::string& own_text,
                                 const std::string& body) {
  std::string key = source;
  for (const std::string* part : {&name, &definitions, &own_text}) key.append(1, '\0').append(*part);
  std::lock_guard lock(mutex_);
  std::unique_ptr<CompiledKernel>& kernel = kernels_[key];
  if (kernel != nullptr) return kernel.get();
  dump_text(source, definitions, body);
  std::string whole = full_text(runtime_.dialect(), definitions, body);
  std::unique_ptr<KernelSource>& text = texts_[whole];
  if (text == nullptr) {
    text = std::make_unique<KernelSource>();
    text->text = std::move(whole);
    if (ahead > 0) {
      queue_.add([this, &text = *text] {
        try {
          module(text);
        } catch (...) {
          // Whoever launches the kernel tries again and is told.
        }
      });
    }
  }
  kernel = std::make_unique<CompiledKernel>(*this, *text, name);
  return kernel.get();
}

const Module& KernelLibrary::module(KernelSource& text) {
  std::lock_guard lock(text.mutex);
  if (text.module == nullptr) text.module = load(text.text);
  return *text.module;
}

std::unique_ptr<Module> KernelLibrary::load_file(const std::string& path) {
  const auto start = std::chrono::steady_clock::now();
  std::unique_ptr<Module> module = runtime_.load(path);
  std::lock_guard lock(stats_mutex_);
  stats_.load_seconds += seconds_since(start);
  return module;
}

std::unique_ptr<Module> KernelLibrary::load(const std::string& text) {
  const auto count = [this](int64_t LibraryStats::*counter) {
    std::lock_guard lock(stats_mutex_);
    ++(stats_.*counter);
  };
  bool compiled = false;
  const auto compile = [&](const std::string& path) {
    const auto start = std::chrono::steady_clock::now();
    try {
      runtime_.compile(text, path);
    } catch (const DeviceError& error) {
      throw KernelCompileError(error.what());
    }
    compiled = true;
    count(&LibraryStats::compiled);
    std::lock_guard lock(stats_mutex_);
    stats_.compile_seconds += seconds_since(start);
  };
  const std::string name = kernel_file_name(runtime_.properties().architecture, text);
  if (const std::string& folder = built_kernels_folder(); !folder.empty()) {
    const std::string path = folder + "/" + name;
    if (access(path.c_str(), R_OK) == 0) {
      try {
        std::unique_ptr<Module> module = load_file(path);
        count(&LibraryStats::built_ahead);
        return module;
      } catch (const Error&) {
        // Of another driver: as if it were not there.
      }
    }
  }
  const std::string path = cached_file(name, compile);
  std::unique_ptr<Module> module;
  try {
    module = load_file(path);
  } catch (const Error&) {
    // The file is damaged, or of another driver: once more from the text.
    std::remove(path.c_str());
    module = load_file(cached_file(name, compile));
  }
  if (!compiled) count(&LibraryStats::from_cache);
  return module;
}

LibraryStats KernelLibrary::stats() const {
  std::lock_guard lock(stats_mutex_);
  return stats_;
}

}  // namespace nngpu::gpu
