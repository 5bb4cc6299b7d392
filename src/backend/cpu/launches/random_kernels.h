// The vector kernels of random numbers, for the instruction set found at run time.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_RANDOM_KERNELS_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_RANDOM_KERNELS_H_

#include <cstdint>

namespace nngpu::cpu {

inline constexpr int64_t kRandomBlocks = 64;  // counters generated together

// The words of counters counter, counter + 1, ..., counter + kRandomBlocks - 1, four each.
void philox_words(uint64_t seed, uint64_t counter, uint32_t* words);

// Pairs of normal variates (Box and Muller 1958) from the words of kRandomBlocks counters: 4 * kRandomBlocks of
// them, or half as many in double, whose uniforms take two words.
template <class T>
void normal_values(const uint32_t* words, T mean, T deviation, T* out);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_RANDOM_KERNELS_H_
