#include "backend/gpu/library.h"

#include <cstdio>

#include "backend/gpu/disk_cache.h"
#include "backend/gpu/text.h"
#include "nngpu/error.h"

namespace nngpu::gpu {

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
  KernelHandle& handle = handles_[key];
  if (handle == nullptr) {
    dump_text(source, definitions, body);
    handle = module(full_text(runtime_.dialect(), definitions, body)).find(name);
  }
  return handle;
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
