// Philox and the Box-Muller transformation in vectors. Both always run on full vectors (as many blocks in either),
// so that a number does not depend on how many are wanted.
#include "backend/cpu/launches/random_kernels.h"

#include <numbers>

#include "backend/cpu/targets.h"
#include "ops/philox.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/launches/random_kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include <hwy/highway.h>

#include "backend/cpu/math/log-inl.h"
#include "backend/cpu/math/trig-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace {

// One counter a 64-bit lane: products need the width, and what XOR leaves in the upper halves does no harm,
// because multiplication reads the lower ones alone.
void words_of(uint64_t seed, uint64_t counter, int64_t blocks, uint32_t* words) {
#if HWY_TARGET == HWY_SCALAR
  for (int64_t i = 0; i < blocks; ++i) {
    const philox::Words block = philox::generate(seed, counter + static_cast<uint64_t>(i));
    for (int w = 0; w < 4; ++w) words[4 * i + w] = block.word[w];
  }
#else
  const hn::ScalableTag<uint64_t> d;
  const hn::Repartition<uint32_t, decltype(d)> d32;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto low_half = hn::Set(d, 0xffffffffu);
  const auto multiplier0 = hn::BitCast(d32, hn::Set(d, philox::kMultiplier0));
  const auto multiplier1 = hn::BitCast(d32, hn::Set(d, philox::kMultiplier1));
  for (int64_t i = 0; i < blocks; i += lanes) {
    auto x0 = hn::Iota(d, counter + static_cast<uint64_t>(i));
    auto x1 = hn::ShiftRight<32>(x0);
    auto x2 = hn::Zero(d), x3 = hn::Zero(d);
    uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < philox::kRounds; ++round) {
      const auto product0 = hn::MulEven(hn::BitCast(d32, x0), multiplier0);
      const auto product1 = hn::MulEven(hn::BitCast(d32, x2), multiplier1);
      x0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), x1), hn::Set(d, key0));
      x2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), x3), hn::Set(d, key1));
      x1 = product1;
      x3 = product0;
      key0 += philox::kWeyl0;
      key1 += philox::kWeyl1;
    }
    const auto first = hn::Or(hn::And(x0, low_half), hn::ShiftLeft<32>(x1));
    const auto second = hn::Or(hn::And(x2, low_half), hn::ShiftLeft<32>(x3));
    hn::StoreInterleaved2(first, second, d, reinterpret_cast<uint64_t*>(words + 4 * i));
  }
#endif
}

// sqrt(-2 ln u) times cos and sin of 2 pi v.
template <class D, class V, class T = hn::TFromD<D>>
HWY_INLINE void store_pairs(D d, V u, V v, T mean, T deviation, T* out) {
  const V radius = hn::Mul(hn::Sqrt(hn::Mul(hn::Set(d, T{-2}), Log(d, u))), hn::Set(d, deviation));
  const V angle = hn::Mul(v, hn::Set(d, 2 * std::numbers::pi_v<T>));
  const V center = hn::Set(d, mean);
  hn::StoreInterleaved2(hn::Add(center, hn::Mul(radius, Cos(d, angle))),
                        hn::Add(center, hn::Mul(radius, Sin(d, angle))), d, out);
}

void normal_f32(int64_t blocks, const uint32_t* words, float mean, float deviation, float* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::RebindToSigned<decltype(d)> di;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < 4 * blocks; i += 2 * lanes) {
    hn::Vec<decltype(du)> first, second;
    hn::LoadInterleaved2(du, words + i, first, second);
    // u has 31 bits, for the tail, and lies in (0, 1]; v has 24 bits.
    const auto bits = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<1>(first)));
    const auto u = hn::Add(hn::Mul(bits, hn::Set(d, 0x1p-31f)), hn::Set(d, 0x1p-32f));
    const auto v = hn::Mul(hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<8>(second))), hn::Set(d, 0x1p-24f));
    store_pairs(d, u, v, mean, deviation, out + i);
  }
}

void normal_f64(int64_t blocks, const uint32_t* words, double mean, double deviation, double* out) {
  const hn::ScalableTag<double> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::RebindToSigned<decltype(d)> di;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < 2 * blocks; i += 2 * lanes) {
    hn::Vec<decltype(du)> first, second;
    hn::LoadInterleaved2(du, reinterpret_cast<const uint64_t*>(words) + i, first, second);
    const auto bits = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<11>(first)));
    const auto u = hn::Mul(hn::Add(bits, hn::Set(d, 1.0)), hn::Set(d, 0x1p-53));
    const auto v = hn::Mul(hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<11>(second))), hn::Set(d, 0x1p-53));
    store_pairs(d, u, v, mean, deviation, out + i);
  }
}

}  // namespace
}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {

HWY_EXPORT(words_of);
HWY_EXPORT(normal_f32);
HWY_EXPORT(normal_f64);

void philox_words(uint64_t seed, uint64_t counter, int64_t blocks, uint32_t* words) {
  HWY_DYNAMIC_DISPATCH(words_of)(seed, counter, blocks, words);
}
template <>
void normal_values(int64_t blocks, const uint32_t* words, float mean, float deviation, float* out) {
  HWY_DYNAMIC_DISPATCH(normal_f32)(blocks, words, mean, deviation, out);
}
template <>
void normal_values(int64_t blocks, const uint32_t* words, double mean, double deviation, double* out) {
  HWY_DYNAMIC_DISPATCH(normal_f64)(blocks, words, mean, deviation, out);
}

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
