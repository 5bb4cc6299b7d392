// Uninitialised, cache-line aligned work memory, and the leading dimensions used in it.
#ifndef NNGPU_BACKEND_CPU_LAPACK_WORKSPACE_H_
#define NNGPU_BACKEND_CPU_LAPACK_WORKSPACE_H_

#include <cstdint>
#include <new>

namespace nngpu::cpu {

template <class T>
class Workspace {
 public:
  explicit Workspace(int64_t count)
      : data_(
            static_cast<T*>(::operator new ((count > 0 ? count : 1) * sizeof(T), std::align_val_t{kAlignment}))) {}
  ~Workspace() { ::operator delete (data_, std::align_val_t{kAlignment}); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  T* data() { return data_; }
  T& operator[](int64_t i) { return data_[i]; }

 private:
  static constexpr size_t kAlignment = 64;
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
