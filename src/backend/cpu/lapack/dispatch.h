// How a batch is spread over threads: items of moderate size as a loop of single-threaded items, large ones one
// after the other with every thread inside. The arithmetic of an item is the same either way.
#ifndef NNGPU_BACKEND_CPU_LAPACK_DISPATCH_H_
#define NNGPU_BACKEND_CPU_LAPACK_DISPATCH_H_

#include <algorithm>
#include <cstdint>

#include "backend/cpu/parallel.h"

namespace nngpu::cpu {

inline constexpr int64_t kBatchSize = 256;  // up to here a batch is a parallel loop over items

// body(item) for every item; `size` is the larger side of an item.
template <class Body>
void for_each_item(int64_t count, int64_t size, const Body& body) {
  if (count > 1 && size <= kBatchSize) {
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i);
    });
  } else {
    for (int64_t i = 0; i < count; ++i) body(i);
  }
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_DISPATCH_H_
