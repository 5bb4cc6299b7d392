// The safetensors format on bytes in memory: eight bytes of the header's length, little-endian, a header in JSON,
// the tensors' bytes (its description: github.com/huggingface/safetensors, "Format"). The parser accepts any
// bytes: fuzz/ feeds it such.
#ifndef NNGPU_IO_SAFETENSORS_H_
#define NNGPU_IO_SAFETENSORS_H_

#include <string>
#include <string_view>

#include "nngpu/io.h"

namespace nngpu::io {

// `name` is the file's, for errors. Throws IOError.
Safetensors parse_safetensors(std::string_view bytes, const std::string& name);
std::string format_safetensors(const std::map<std::string, Tensor>& tensors,
                               const std::map<std::string, std::string>& metadata, const std::string& name);

}  // namespace nngpu::io

#endif  // NNGPU_IO_SAFETENSORS_H_
