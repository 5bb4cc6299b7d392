// Random numbers from Philox (ops/philox.h). Element e depends on seed, offset and e alone.
//
// Normal takes the pair of elements 2i and 2i + 1, whose words lie in one block: from uniform u in (0, 1] and v in
// [0, 1), sqrt(-2 ln u) times cos(2 pi v) for the even and sin(2 pi v) for the odd element.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/random_kernels.h"
#include "backend/cpu/launches/walk.h"
#include "ops/philox.h"

namespace nngpu::cpu {
namespace {

using graph::Distribution;

struct Stream {
  uint64_t seed, offset;
  double p0, p1;
};

// Element e of a distribution that takes two words an element.
inline uint64_t word64(const uint32_t* words, int64_t element) {
  return uint64_t{words[2 * element]} | uint64_t{words[2 * element + 1]} << 32;
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
  T operator()(const uint32_t* words, int64_t element) const {
    C u;
    if constexpr (kWords == 2)
      u = static_cast<double>(static_cast<int64_t>(word64(words, element) >> 11)) * 0x1p-53;
    else
      u = static_cast<float>(static_cast<int32_t>(words[element] >> 8)) * 0x1p-24f;
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
  C mean, deviation;
};

// Multiply-high of a word and the number of values: the bias is below values / 2^32 (or 2^64).
template <class T>
struct Integer {
  static constexpr int kWords = sizeof(T) == 8 ? 2 : 1;
  explicit Integer(const Stream& stream)
      : low(static_cast<int64_t>(stream.p0)),
        values(static_cast<uint64_t>(static_cast<int64_t>(stream.p1)) - static_cast<uint64_t>(low)) {}
  T operator()(const uint32_t* words, int64_t element) const {
    uint64_t value;
    if constexpr (kWords == 2)
      value = static_cast<uint64_t>(static_cast<unsigned __int128>(word64(words, element)) * values >> 64);
    else
      value = uint64_t{words[element]} * values >> 32;
    return narrow<T>(static_cast<int64_t>(value + static_cast<uint64_t>(low)));
  }
  int64_t low;
  uint64_t values;
};

template <class T>
struct Bernoulli {
  static constexpr int kWords = 1;
  explicit Bernoulli(const Stream& stream) : p(stream.p0) {}
  T operator()(const uint32_t* words, int64_t element) const {
    return narrow<T>(static_cast<double>(words[element] >> 8) * 0x1p-24 < p ? 1 : 0);
  }
  double p;
};

template <class T>
struct Bits {
  static constexpr int kWords = 2;
  explicit Bits(const Stream&) {}
  T operator()(const uint32_t* words, int64_t element) const {
    return narrow<T>(static_cast<int64_t>(word64(words, element) >> 1));
  }
};

// Elements from the words of up to kRandomBlocks counters.
template <class T, class Draw>
void draw_chunk(const Draw draw, const uint32_t* words, int64_t elements, T* out) {
  for (int64_t e = 0; e < elements; ++e) out[e] = draw(words, e);
}
template <class T>
void draw_chunk(const Normal<T>& draw, const uint32_t* words, int64_t elements, T* out) {
  using C = Compute<T>;
  alignas(64) C values[4 * kRandomBlocks];
  normal_values<C>((elements * Normal<T>::kWords + 3) / 4, words, draw.mean, draw.deviation, values);
  for (int64_t e = 0; e < elements; ++e) out[e] = narrow<T>(values[e]);
}

template <class T, class Draw>
void fill(const Stream& stream, int64_t count, T* out) {
  constexpr int64_t kElements = 4 / Draw::kWords;  // in one block
  const Draw draw(stream);
  const int64_t chunks = (count + kRandomBlocks * kElements - 1) / (kRandomBlocks * kElements);
  parallel_for(chunks, 64, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      alignas(64) uint32_t words[4 * kRandomBlocks];
      const int64_t first = chunk * kRandomBlocks, at = first * kElements;
      const int64_t elements = std::min(kRandomBlocks * kElements, count - at);
      const int64_t blocks = (elements + kElements - 1) / kElements;
      philox_words(stream.seed, stream.offset + static_cast<uint64_t>(first), blocks, words);
      draw_chunk(draw, words, elements, out + at);
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
