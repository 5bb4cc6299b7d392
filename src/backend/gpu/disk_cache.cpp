#include "backend/gpu/disk_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

namespace fs = std::filesystem;

std::string wanted_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string own = variable("NNGPU_CACHE_DIR"); !own.empty()) return own;
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache + "/nngpu";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache/nngpu";
  return "";
}

// Whoever can write here decides what code this process loads.
bool is_private(const std::string& folder) {
  struct stat status {};
  if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  return status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::string own_folder() {
  std::error_code error;
  std::string pattern = fs::temp_directory_path(error).string() + "/nngpu-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr)
    throw IOError("[gpu] no folder for compiled kernels can be made: set NNGPU_CACHE_DIR to one that is yours");
  static std::string* made = nullptr;
  made = new std::string(pattern);
  std::atexit([] {
    std::error_code ignored;
    fs::remove_all(*made, ignored);
  });
  return pattern;
}

std::string make_folder() {
  const std::string folder = wanted_folder();
  if (!folder.empty()) {
    std::error_code error;
    fs::create_directories(fs::path(folder).parent_path(), error);
    mkdir(folder.c_str(), 0700);
    if (is_private(folder) && access(folder.c_str(), W_OK) == 0) return folder;
  }
  return own_folder();
}

uint64_t mix(uint64_t hash, uint64_t multiplier, const std::string& bytes) {
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * multiplier;
    hash ^= hash >> 29;
  }
  return hash;
}

}  // namespace

const std::string& cache_folder() {
  static const auto* folder = new std::string(make_folder());
  return *folder;
}

std::string digest(const std::string& bytes) {
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx",
                static_cast<unsigned long long>(mix(0xcbf29ce484222325u, 0x100000001b3u, bytes)),
                static_cast<unsigned long long>(mix(0x9e3779b97f4a7c15u, 0xff51afd7ed558ccdu, bytes)));
  return text;
}

std::string kernel_file_name(const std::string& architecture, const std::string& text) {
  return digest(architecture + "\n" NNGPU_VERSION "\n" + text);
}

std::string cached_file(const std::string& name, const std::function<void(const std::string& path)>& make) {
  const std::string path = cache_folder() + "/" + name;
  if (access(path.c_str(), R_OK) == 0) return path;
  static std::atomic<int> counter{0};
  const std::string part =
      path + "." + std::to_string(getpid()) + "." + std::to_string(counter.fetch_add(1)) + ".part";
  make(part);
  if (std::rename(part.c_str(), path.c_str()) != 0) throw IOError("[gpu] cannot write " + path);
  return path;
}

}  // namespace nngpu::gpu
