// The state of a random generator.
#ifndef NNGPU_OPS_GENERATOR_H_
#define NNGPU_OPS_GENERATOR_H_

#include <mutex>

#include "nngpu/random.h"

namespace nngpu {

struct Generator::State {
  mutable std::mutex mutex;  // guards both
  uint64_t seed = 0;
  uint64_t offset = 0;  // of the next Philox block
};

// How many elements one Philox block (four 32-bit words) gives: element i of a draw uses block
// offset + i / elements_per_block(dtype). 64-bit types take two words each, all others one.
constexpr int64_t elements_per_block(DType dtype) { return dtype == DType::F64 || dtype == DType::I64 ? 2 : 4; }

// The blocks a draw of `count` elements takes.
constexpr uint64_t philox_blocks(DType dtype, int64_t count) {
  const int64_t each = elements_per_block(dtype);
  return static_cast<uint64_t>(count / each + (count % each != 0));
}

}  // namespace nngpu

#endif  // NNGPU_OPS_GENERATOR_H_
