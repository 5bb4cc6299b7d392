// Random numbers from Philox (ops/philox.h). Element e depends on seed, offset and e alone.
//
// Normal: Box and Muller (1958) on the pair of elements 2i and 2i + 1, whose words lie in one block: from uniform
// u in (0, 1] and v in [0, 1), sqrt(-2 ln u) times cos(2 pi v) for the even and sin(2 pi v) for the odd element.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/walk.h"
#include "ops/philox.h"

namespace nngpu::cpu {
namespace {

using graph::Distribution;
using philox::Words;

constexpr int64_t kBlocks = 64;  // counters generated together

struct Stream {
  uint64_t seed, offset;
  double p0, p1;
};

inline uint64_t word64(const Words& words, int half) {
  return uint64_t{words.word[2 * half]} | uint64_t{words.word[2 * half + 1]} << 32;
}

// The largest value of T below `high`.
template <class T>
T below(T high, T low) {
  if constexpr (is_half_type<T>) {
    T out = high;
    if ((out.bits & 0x7fff) == 0)
      out.bits = 0x8001;
    else
      out.bits += out.bits & 0x8000 ? 1 : -1;
    return widen(out) < widen(low) ? low : out;
  } else {
    return std::nextafter(high, low);
  }
}

template <class T>
struct Uniform {
  static constexpr int kWords = sizeof(T) == 8 ? 2 : 1;
  using C = Compute<T>;
  explicit Uniform(const Stream& stream)
      : low(static_cast<C>(stream.p0)),
        range(static_cast<C>(stream.p1 - stream.p0)),
        high(static_cast<C>(stream.p1)),
        last(below<T>(narrow<T>(high), narrow<T>(low))) {}
  T operator()(const Words& words, int element) const {
    C u;
    if constexpr (kWords == 2)
      u = static_cast<double>(static_cast<int64_t>(word64(words, element) >> 11)) * 0x1p-53;
    else
      u = static_cast<float>(static_cast<int32_t>(words.word[element] >> 8)) * 0x1p-24f;
    const T value = narrow<T>(low + u * range);
    return widen(value) < high ? value : last;  // rounding may reach the upper end
  }
  C low, range, high;
  T last;
};

template <class T>
struct Normal {
  static constexpr int kWords = sizeof(T) == 8 ? 2 : 1;
  using C = Compute<T>;
  explicit Normal(const Stream& stream) : mean(static_cast<C>(stream.p0)), deviation(static_cast<C>(stream.p1)) {}
  T operator()(const Words& words, int element) const {
    C u, v;
    if constexpr (kWords == 2) {
      u = (static_cast<double>(word64(words, 0) >> 11) + 1) * 0x1p-53;
      v = static_cast<double>(word64(words, 1) >> 11) * 0x1p-53;
    } else {
      u = static_cast<float>((static_cast<double>(words.word[element & ~1]) + 1) * 0x1p-32);
      v = static_cast<float>(words.word[element | 1] >> 8) * 0x1p-24f;
    }
    const C radius = std::sqrt(-2 * std::log(u)), angle = 2 * std::numbers::pi_v<C> * v;
    return narrow<T>(mean + deviation * (radius * (element % 2 == 0 ? std::cos(angle) : std::sin(angle))));
  }
  C mean, deviation;
};

// Multiply-high of a word and the number of values: the bias is below values / 2^32 (or 2^64).
template <class T>
struct Integer {
  static constexpr int kWords = sizeof(T) == 8 ? 2 : 1;
  explicit Integer(const Stream& stream)
      : low(static_cast<int64_t>(stream.p0)),
        values(static_cast<uint64_t>(static_cast<int64_t>(stream.p1)) - static_cast<uint64_t>(low)) {}
  T operator()(const Words& words, int element) const {
    uint64_t value;
    if constexpr (kWords == 2)
      value = static_cast<uint64_t>(static_cast<unsigned __int128>(word64(words, element)) * values >> 64);
    else
      value = uint64_t{words.word[element]} * values >> 32;
    return narrow<T>(static_cast<int64_t>(value + static_cast<uint64_t>(low)));
  }
  int64_t low;
  uint64_t values;
};

template <class T>
struct Bernoulli {
  static constexpr int kWords = 1;
  explicit Bernoulli(const Stream& stream) : p(stream.p0) {}
  T operator()(const Words& words, int element) const {
    return narrow<T>(static_cast<double>(words.word[element] >> 8) * 0x1p-24 < p ? 1 : 0);
  }
  double p;
};

template <class T>
struct Bits {
  static constexpr int kWords = 2;
  explicit Bits(const Stream&) {}
  T operator()(const Words& words, int element) const {
    return narrow<T>(static_cast<int64_t>(word64(words, element) >> 1));
  }
};

// The blocks of a run of counters, in arrays so that the rounds become vector instructions.
void generate_blocks(uint64_t seed, uint64_t counter, int64_t blocks, Words* out) {
  uint32_t x[4][kBlocks];
  for (int64_t i = 0; i < kBlocks; ++i) {
    const uint64_t c = counter + static_cast<uint64_t>(i);
    x[0][i] = static_cast<uint32_t>(c);
    x[1][i] = static_cast<uint32_t>(c >> 32);
    x[2][i] = 0;
    x[3][i] = 0;
  }
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < philox::kRounds; ++round) {
    for (int64_t i = 0; i < kBlocks; ++i) {
      const Words y = philox::round({{x[0][i], x[1][i], x[2][i], x[3][i]}}, key0, key1);
      for (int w = 0; w < 4; ++w) x[w][i] = y.word[w];
    }
    key0 += philox::kWeyl0;
    key1 += philox::kWeyl1;
  }
  for (int64_t i = 0; i < blocks; ++i) out[i] = {{x[0][i], x[1][i], x[2][i], x[3][i]}};
}

template <class T, class Draw>
void fill(const Stream& stream, int64_t count, T* out) {
  constexpr int kElements = 4 / Draw::kWords;  // in one block
  const Draw draw(stream);
  const int64_t blocks = (count + kElements - 1) / kElements;
  parallel_for(blocks, 8192, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kBlocks) {
      Words words[kBlocks];
      const int64_t some = std::min(kBlocks, end - first);
      if (some >= 8)
        generate_blocks(stream.seed, stream.offset + static_cast<uint64_t>(first), some, words);
      else
        for (int64_t i = 0; i < some; ++i)
          words[i] = philox::generate(stream.seed, stream.offset + static_cast<uint64_t>(first + i));
      for (int64_t i = 0; i < some; ++i) {
        const int64_t at = (first + i) * kElements;
        const int elements = static_cast<int>(std::min<int64_t>(kElements, count - at));
        for (int e = 0; e < elements; ++e) out[at + e] = draw(words[i], e);
      }
    }
  });
}

template <class T>
void fill(Distribution distribution, const Stream& stream, int64_t count, T* out) {
  switch (distribution) {
    case Distribution::Bits:
      return fill<T, Bits<T>>(stream, count, out);
    case Distribution::Uniform:
      if constexpr (is_floating_type<T>) fill<T, Uniform<T>>(stream, count, out);
      return;
    case Distribution::Normal:
      if constexpr (is_floating_type<T>) fill<T, Normal<T>>(stream, count, out);
      return;
    case Distribution::Integer:
      return fill<T, Integer<T>>(stream, count, out);
    case Distribution::Bernoulli:
      return fill<T, Bernoulli<T>>(stream, count, out);
  }
}

}  // namespace

void run_random(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::RandomParams>();
  for_items(launch, [&](const Item& item) {
    const graph::Operand& out = item.outputs[0];
    const Stream stream{static_cast<uint64_t>(*context.at<int64_t>(item.inputs[0])),
                        static_cast<uint64_t>(*context.at<int64_t>(item.inputs[1])),
                        *context.at<double>(item.inputs[2]), *context.at<double>(item.inputs[3])};
    visit_dtype(out.dtype, [&]<class T>() {
      fill<T>(params.distribution, stream, element_count(out.shape), context.at<T>(out));
    });
  });
}

}  // namespace nngpu::cpu
