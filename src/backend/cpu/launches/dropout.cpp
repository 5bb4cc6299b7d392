// Dropout: the mask of bernoulli(1 - p), generated beside the elements that it keeps.
#include <cmath>

#include "backend/cpu/launches/random_kernels.h"
#include "backend/cpu/launches/rows.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

struct Mask {
  uint64_t seed, offset;
  uint32_t threshold;  // k 2^-24 < keep exactly where k < ceil(keep 2^24)
  double scale;
};

template <class T>
void drop(const Mask& mask, int64_t count, const T* x, T* y) {
  using C = Compute<T>;
  using Bits = std::conditional_t<sizeof(C) == 8, uint64_t, uint32_t>;
  constexpr int64_t kElements = 4 * kRandomBlocks;
  const auto scale = static_cast<C>(mask.scale);
  parallel_for((count + kElements - 1) / kElements, 64, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      alignas(64) uint32_t words[kElements];
      const int64_t first = chunk * kElements, elements = std::min(kElements, count - first);
      philox_words(mask.seed, mask.offset + static_cast<uint64_t>(chunk * kRandomBlocks), (elements + 3) / 4,
                   words);
      for (int64_t i = 0; i < elements; ++i) {
        // As bits: a branch on random words would be mispredicted half the time.
        const auto value = std::bit_cast<Bits>(widen(x[first + i]) * scale);
        const auto kept = static_cast<Bits>(Bits{0} - static_cast<Bits>((words[i] >> 8) < mask.threshold));
        y[first + i] = narrow<T>(std::bit_cast<C>(value & kept));
      }
    }
  });
}

}  // namespace

void run_dropout(const Launch& launch, const RunContext& context) {
  for_items(launch, [&](const Item& item) {
    const int64_t count = element_count(item.inputs[0].shape);
    if (count == 0) return;
    const double keep = 1 - *context.at<double>(item.inputs[3]);
    const Mask mask{static_cast<uint64_t>(*context.at<int64_t>(item.inputs[1])),
                    static_cast<uint64_t>(*context.at<int64_t>(item.inputs[2])),
                    static_cast<uint32_t>(std::ceil(keep * 0x1p24)), keep > 0 ? 1 / keep : 0};
    visit_dtype(item.inputs[0].dtype, [&]<class T>() {
      if constexpr (is_floating_type<T>) {
        ScratchFrame scratch;
        drop(mask, count, contiguous_elements<T>(item.inputs[0], context, scratch),
             context.at<T>(item.outputs[0]));
      }
    });
  });
}

}  // namespace nngpu::cpu
