#include "backend/gpu/text.h"

#include <map>

#include "nngpu/error.h"

namespace nngpu::gpu {

// Written by cmake/nngpuEmbed.cmake: pairs of path and text, ended by nulls.
extern const char* const kEmbeddedTexts[];

const std::string& embedded_text(const std::string& path) {
  static const auto* texts = [] {
    auto* map = new std::map<std::string, std::string>;
    for (const char* const* entry = kEmbeddedTexts; entry[0] != nullptr; entry += 2) (*map)[entry[0]] = entry[1];
    return map;
  }();
  const auto found = texts->find(path);
  if (found == texts->end()) throw Error("[gpu] internal error: no embedded text " + path);
  return found->second;
}

std::string full_text(Dialect dialect, const std::string& definitions, const std::string& body) {
  const char* target = dialect == Dialect::Cuda    ? "dialect/cuda.kl"
                       : dialect == Dialect::Metal ? "dialect/metal.kl"
                                                   : "dialect/host.kl";
  std::string text = definitions;
  for (const char* part : {target, "dialect/common.kl", "dialect/primitives.kl"}) text += embedded_text(part);
  return text + body;
}

}  // namespace nngpu::gpu
