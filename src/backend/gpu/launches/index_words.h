// Structs of indices as arguments of kernels: 32-bit words, or 64-bit ones where offsets need them.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_INDEX_WORDS_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_INDEX_WORDS_H_

#include <string>

#include "backend/gpu/launches/extent.h"

namespace nngpu::gpu {

// From this reach on, offsets and counters take 64 bits: the margin lets kernels count beyond the end.
inline constexpr int64_t kWideReach = int64_t{1} << 30;

class IndexWords {
 public:
  explicit IndexWords(bool wide) : wide_(wide) {}
  IndexWords& add(int64_t value) {
    const auto narrow = static_cast<int32_t>(value);
    bytes_.append(wide_ ? reinterpret_cast<const char*>(&value) : reinterpret_cast<const char*>(&narrow),
                  wide_ ? sizeof(value) : sizeof(narrow));
    return *this;
  }
  IndexWords& add(const Dims& values) {
    for (const int64_t value : values) add(value);
    return *this;
  }
  void to(Arguments& arguments) const { arguments.bytes(bytes_.data(), bytes_.size()); }

 private:
  bool wide_;
  std::string bytes_;
};

// RANK and INDEX of a kernel.
inline std::string index_definitions(int rank, bool wide) {
  return "#define RANK " + std::to_string(rank) + "\n#define INDEX " + (wide ? "i64" : "i32") + "\n";
}

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_INDEX_WORDS_H_
