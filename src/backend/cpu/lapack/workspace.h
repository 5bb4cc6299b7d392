// Uninitialised, cache-line aligned work memory, and the leading dimensions used in it.
#ifndef NNGPU_BACKEND_CPU_LAPACK_WORKSPACE_H_
#define NNGPU_BACKEND_CPU_LAPACK_WORKSPACE_H_

#include <cstddef>
#include <cstdint>

namespace nngpu::cpu {

// A block of at least `bytes` bytes; its true size goes into *capacity. Each thread keeps a few blocks (64 MiB at
// most) that were given back: fresh pages from the kernel cost as much as a tenth of a decomposition.
void* take_workspace(std::size_t bytes, std::size_t* capacity);
void give_workspace(void* block, std::size_t capacity);

template <class T>
class Workspace {
 public:
  explicit Workspace(int64_t count)
      : data_(static_cast<T*>(take_workspace(static_cast<std::size_t>(count) * sizeof(T), &capacity_))) {}
  ~Workspace() { give_workspace(data_, capacity_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  T* data() { return data_; }
  T& operator[](int64_t i) { return data_[i]; }

 private:
  std::size_t capacity_ = 0;
  T* data_;
};

// A leading dimension of at least `rows` whose columns start on cache lines but not all in the same cache sets.
template <class T>
int64_t padded_ld(int64_t rows) {
  constexpr int64_t kLine = 64 / sizeof(T);
  const int64_t ld = (rows + kLine - 1) / kLine * kLine;
  return ld % (8 * kLine) == 0 ? ld + kLine : ld;
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_WORKSPACE_H_
