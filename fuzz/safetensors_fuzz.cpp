// Any bytes given to the .safetensors reader end in tensors or an nngpu::Error.
#include <cstddef>
#include <cstdint>

#include "io/safetensors.h"
#include "nngpu/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    nngpu::io::parse_safetensors(bytes, "fuzz");
  } catch (const nngpu::Error&) {
  }
  return 0;
}
