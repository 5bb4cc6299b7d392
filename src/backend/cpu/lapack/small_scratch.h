// Scratch memory and work division shared by the small decompositions.
#ifndef NNGPU_BACKEND_CPU_LAPACK_SMALL_SCRATCH_H_
#define NNGPU_BACKEND_CPU_LAPACK_SMALL_SCRATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "backend/cpu/parallel.h"

namespace nngpu::cpu::small {

// A cache-line aligned buffer of at least `bytes` bytes of this thread, kept until the thread ends: a fresh
// allocation a call would cost more in page faults than a small decomposition takes.
inline std::byte* thread_scratch(size_t bytes) {
  constexpr std::align_val_t kAlign{64};
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, kAlign); }
  };
  thread_local std::unique_ptr<std::byte, Free> buffer;
  thread_local size_t size = 0;
  if (size < bytes) {
    buffer.reset();
    size = 0;
    buffer.reset(static_cast<std::byte*>(::operator new(bytes, kAlign)));
    size = bytes;
  }
  return buffer.get();
}

// Memory that this thread reads after the decompositions it is about to do. Those of them that take little time
// for each byte bring it into the second-level cache while they compute; fetching and computing would otherwise
// take turns.
struct ReadAhead {
  const char* next = nullptr;
  const char* end = nullptr;
};
inline ReadAhead& read_ahead() {
  thread_local ReadAhead range;
  return range;
}

// Calls body(begin, end) on item ranges whose ends are multiples of the widest group (one cache line of lanes), in
// parallel. `cost` is about the number of nanoseconds an item takes.
template <class T, class Body>
void for_groups(int64_t count, double cost, const Body& body) {
  constexpr int64_t kGroup = 64 / sizeof(T);
  constexpr double kWorthAThread = 20000;  // nanoseconds
  const int64_t groups = (count + kGroup - 1) / kGroup;
  const auto grain = static_cast<int64_t>(kWorthAThread / (cost * kGroup)) + 1;
  parallel_for(groups, grain, [&](int64_t begin, int64_t end) {
    body(begin * kGroup, end * kGroup < count ? end * kGroup : count);
  });
}

}  // namespace nngpu::cpu::small

#endif  // NNGPU_BACKEND_CPU_LAPACK_SMALL_SCRATCH_H_
