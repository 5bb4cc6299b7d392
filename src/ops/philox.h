// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as 1, 2, 3; SC 2011): the random
// numbers every backend computes.
//
// The key is the seed; the counter of element e is offset + e / 4 where an element takes one 32-bit word (word
// e % 4), and offset + e / 2 where it takes two (words 2 (e % 2) and 2 (e % 2) + 1, low half first). The counter
// has 128 bits, of which offset and element fill the low 64; the rest is zero.
#ifndef NNGPU_OPS_PHILOX_H_
#define NNGPU_OPS_PHILOX_H_

#include <cstdint>

namespace nngpu::philox {

inline constexpr uint32_t kMultiplier0 = 0xD2511F53u;
inline constexpr uint32_t kMultiplier1 = 0xCD9E8D57u;
inline constexpr uint32_t kWeyl0 = 0x9E3779B9u;
inline constexpr uint32_t kWeyl1 = 0xBB67AE85u;
inline constexpr int kRounds = 10;

struct Words {
  uint32_t word[4];
};

inline Words round(Words x, uint32_t key0, uint32_t key1) {
  const uint64_t product0 = uint64_t{kMultiplier0} * x.word[0];
  const uint64_t product1 = uint64_t{kMultiplier1} * x.word[2];
  return {{static_cast<uint32_t>(product1 >> 32) ^ x.word[1] ^ key0, static_cast<uint32_t>(product1),
           static_cast<uint32_t>(product0 >> 32) ^ x.word[3] ^ key1, static_cast<uint32_t>(product0)}};
}

// The four words of a 128-bit counter.
inline Words generate(uint64_t seed, Words counter) {
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int i = 0; i < kRounds; ++i) {
    counter = round(counter, key0, key1);
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return counter;
}

inline Words generate(uint64_t seed, uint64_t counter) {
  return generate(seed, Words{{static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0}});
}

}  // namespace nngpu::philox

#endif  // NNGPU_OPS_PHILOX_H_
