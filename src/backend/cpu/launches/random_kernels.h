// The vector kernels of random numbers, for the instruction set found at run time.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_RANDOM_KERNELS_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_RANDOM_KERNELS_H_

#include <cstdint>

namespace nngpu::cpu {

inline constexpr int64_t kRandomBlocks = 64;  // counters generated together

// The words of counters counter, counter + 1, ..., four each, for `blocks` <= kRandomBlocks of them. `words` has
// room for kRandomBlocks: some past the last may be written.
void philox_words(uint64_t seed, uint64_t counter, int64_t blocks, uint32_t* words);

// Normal variates (Box and Muller 1958) from these words: four a block, or two in double, whose uniforms take two
// words each.
template <class T>
void normal_values(int64_t blocks, const uint32_t* words, T mean, T deviation, T* out);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_RANDOM_KERNELS_H_
