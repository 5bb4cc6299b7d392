// Buffers that each thread keeps from call to call, so that packing does not allocate.
#ifndef NNGPU_BACKEND_CPU_BLAS_SCRATCH_H_
#define NNGPU_BACKEND_CPU_BLAS_SCRATCH_H_

#include <cstddef>
#include <cstdint>

namespace nngpu::cpu {

// What a buffer is for; two that are alive at once on one thread need different names.
enum class Scratch { Left, Right, Strip, Count };

// At least `bytes` bytes aligned to 128 (a pair of cache lines), valid until the same thread next asks for the
// same name. Throws std::bad_alloc.
void* scratch_bytes(Scratch name, std::size_t bytes);

template <class T>
T* scratch(Scratch name, int64_t count) {
  return static_cast<T*>(scratch_bytes(name, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_BLAS_SCRATCH_H_
