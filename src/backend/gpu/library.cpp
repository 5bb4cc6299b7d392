#include "backend/gpu/library.h"

#include <cstdio>

#include "backend/gpu/disk_cache.h"
#include "backend/gpu/text.h"
#include "nngpu/error.h"

namespace nngpu::gpu {

KernelHandle KernelLibrary::generated(const std::string& body, const std::string& name) {
  std::lock_guard lock(mutex_);
  const std::string definitions = "#define MAX_THREADS 256\n";
  dump_text("generated", definitions, body);
  return module(full_text(runtime_.dialect(), definitions, body)).find(name);
}

KernelHandle KernelLibrary::kernel(const std::string& file, const std::string& name,
                                   const std::string& definitions) {
  std::lock_guard lock(mutex_);
  const std::string& body = embedded_text("kernels/" + file + ".kl");
  dump_text(file, definitions, body);
  return module(full_text(runtime_.dialect(), definitions, body)).find(name);
}

const Module& KernelLibrary::module(const std::string& text) {
  std::unique_ptr<Module>& module = modules_[text];
  if (module) return *module;
  const auto compile = [&](const std::string& path) {
    runtime_.compile(text, path);
    ++compiled_;
  };
  const std::string name = digest(runtime_.properties().architecture + "\n" NNGPU_VERSION "\n" + text);
  const std::string path = cached_file(name, compile);
  try {
    module = runtime_.load(path);
  } catch (const Error&) {
    // The file is damaged, or of another driver: once more from the text.
    std::remove(path.c_str());
    module = runtime_.load(cached_file(name, compile));
  }
  return *module;
}

}  // namespace nngpu::gpu
