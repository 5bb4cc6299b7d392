#include "backend/gpu/text.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "backend/gpu/disk_cache.h"
#include "nngpu/error.h"

namespace nngpu::gpu {

// Written by cmake/nngpuEmbed.cmake: pairs of path and text, ended by nulls.
extern const char* const kEmbeddedTexts[];

namespace {

using Texts = std::map<std::string, std::string>;

// A kernel's lines #include "part.kl" stand for kernels/part.kl, which includes nothing itself.
void insert_parts(Texts& texts) {
  const std::string mark = "#include \"";
  for (auto& [path, text] : texts) {
    for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
      const size_t name = at + mark.size(), end = text.find('"', name);
      const std::string& part = texts.at("kernels/" + text.substr(name, end - name));
      text.replace(at, end + 1 - at, part);
      at += part.size();
    }
  }
}

}  // namespace

const std::string& embedded_text(const std::string& path) {
  static const Texts* texts = [] {
    auto* map = new Texts;
    for (const char* const* entry = kEmbeddedTexts; entry[0] != nullptr; entry += 2) (*map)[entry[0]] = entry[1];
    insert_parts(*map);
    return map;
  }();
  const auto found = texts->find(path);
  if (found == texts->end()) throw Error("[gpu] internal error: no embedded text " + path);
  return found->second;
}

std::string full_text(Dialect dialect, const std::string& definitions, const std::string& body) {
  static const std::vector<const char*> kHost = {"dialect/host.kl"}, kCuda = {"dialect/cuda.kl"},
                                        kMetal = {"dialect/metal.kl", "dialect/math_float.kl",
                                                  "dialect/elementary_float.kl", "dialect/special_float.kl"};
  // Definitions such as "#define SUM float" must not reach into Metal's headers.
  std::string text = (dialect == Dialect::Metal ? "#include <metal_stdlib>\n" : "") + definitions;
  for (const char* part : dialect == Dialect::Cuda ? kCuda : dialect == Dialect::Metal ? kMetal : kHost)
    text += embedded_text(part);
  for (const char* part : {"dialect/common.kl", "dialect/primitives.kl"}) text += embedded_text(part);
  // Few texts multiply tiles.
  if (body.find("tile_multiply_add") != std::string::npos)
    text += embedded_text(dialect == Dialect::Cuda    ? "dialect/tiles_cuda.kl"
                          : dialect == Dialect::Metal ? "dialect/tiles_metal.kl"
                                                      : "dialect/tiles_host.kl");
  return text + body;
}

void dump_text(const std::string& source, const std::string& definitions, const std::string& body) {
  static const char* const folder = std::getenv("NNGPU_KERNEL_DUMP");
  if (folder == nullptr || *folder == '\0') return;
  const std::string text = definitions + "// body\n" + body;
  const std::string path = std::string(folder) + "/" + source + "-" + digest(text) + ".kl";
  if (std::filesystem::exists(path)) return;
  std::filesystem::create_directories(folder);
  // Another process may write the same file: each replaces it by a whole one. In this one the library's lock is
  // held.
  const std::string part = path + "." + std::to_string(getpid()) + ".part";
  std::ofstream(part, std::ios::binary) << text;
  std::filesystem::rename(part, path);
}

}  // namespace nngpu::gpu
