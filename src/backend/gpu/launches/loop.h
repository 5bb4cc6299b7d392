// Loops over strided elements as arguments of kernels.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_LOOP_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_LOOP_H_

#include <string>

#include "backend/gpu/launches/extent.h"
#include "graph/layout.h"

namespace nngpu::gpu {

// A type of the dialect for elements that are only moved.
inline const char* bits_type(size_t element_size) {
  return element_size == 1 ? "u8" : element_size == 2 ? "u16" : element_size == 4 ? "u32" : "u64";
}

// Two strided places of one shape, with neighbouring axes merged: `struct Loop` of kernels/copy.kl.
class StridedLoop {
 public:
  StridedLoop(const Shape& shape, const Dims& from, const Dims& to) : size_(shape), from_(from), to_(to) {
    Dims classes = Dims::filled(shape.size(), 0);
    graph::collapse(size_, {&from_, &to_}, classes);
    if (size_.size() == 0) {
      size_.push_back(1);
      from_.push_back(0);
      to_.push_back(0);
    }
    constexpr int64_t kLimit = int64_t{1} << 30;
    wide_ = count() >= kLimit || reach(size_, from_) >= kLimit || reach(size_, to_) >= kLimit;
  }
  int64_t count() const { return numel(size_); }
  bool is_contiguous() const { return size_.size() == 1 && (size_[0] == 1 || (from_[0] == 1 && to_[0] == 1)); }
  const Shape& size() const { return size_; }
  const Dims& from() const { return from_; }
  const Dims& to() const { return to_; }
  bool wide() const { return wide_; }

  // RANK and INDEX of the kernel.
  std::string definitions() const {
    return "#define RANK " + std::to_string(size_.size()) + "\n#define INDEX " + (wide_ ? "i64" : "i32") + "\n";
  }
  // The Loop, then the number of elements.
  void add_to(Arguments& arguments) const {
    std::string bytes;
    for (const Dims* list : {static_cast<const Dims*>(&size_), &from_, &to_}) {
      for (const int64_t value : *list) {
        const auto narrow = static_cast<int32_t>(value);
        bytes.append(wide_ ? reinterpret_cast<const char*>(&value) : reinterpret_cast<const char*>(&narrow),
                     wide_ ? sizeof(value) : sizeof(narrow));
      }
    }
    arguments.bytes(bytes.data(), bytes.size());
    add_index(arguments, count(), wide_);
  }

 private:
  Shape size_;
  Dims from_, to_;
  bool wide_ = false;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_LOOP_H_
