// Any bytes given to the .npy reader end in a tensor or an nngpu::Error.
#include <cstddef>
#include <cstdint>

#include "io/parse.h"
#include "nngpu/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A short header may claim a large matrix: keep its zeros small.
  static const bool limited = (nngpu::set_memory_limit(int64_t{256} << 20), true);
  (void)limited;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    nngpu::io::parse_npy(bytes, "fuzz").eval();
  } catch (const nngpu::Error&) {
  }
  return 0;
}
