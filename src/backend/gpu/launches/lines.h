// Operations on lines, the elements along one axis, as kernels/lines.kl runs them.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_LINES_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_LINES_H_

#include <string>
#include <vector>

#include "backend/gpu/launches.h"

namespace nngpu::gpu {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Corresponding lines of several operands of one shape.
class Lines {
 public:
  // One operand: where it lies and how far its elements are apart along each axis of the shape.
  struct Place {
    const void* data;
    Dims strides;
  };
  // Lines along `axis`. Elements have dtype `dtype`.
  Lines(const Shape& shape, int axis, DType dtype, const std::vector<Place>& places);

  int64_t count() const { return count_; }
  int64_t length() const { return n_; }
  // Whether neighbouring lines lie closer together in the first operand than the elements of a line.
  bool are_columns() const;

  // How a kernel runs over them.
  struct Form {
    int group = 0;  // threads of a subgroup a line; 0: a block
    uint32_t threads = 128;
    int items = 1, pack = 1;
    bool fits = true;  // registers hold a line: at most `most` items a thread
  };
  // `arrays`: lines that a thread holds parts of at the same time.
  Form form(int arrays) const;
  std::string definitions(const Form& form) const;
  uint32_t blocks(const Form& form) const;
  void add_to(Arguments& arguments) const;  // struct Lines
  void run(GpuBackend& gpu, KernelHandle kernel, const Form& form, const Arguments& arguments) const;

 private:
  int pack() const;
  DType dtype_;
  int64_t n_, count_;
  Shape size_;                  // of the lines
  std::vector<Dims> strides_;   // of each operand
  std::vector<int64_t> steps_;  // of each operand, along a line
  std::vector<const void*> data_;
  bool wide_ = false;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_LINES_H_
