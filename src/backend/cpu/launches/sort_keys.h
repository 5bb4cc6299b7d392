// Order-preserving unsigned keys: sorting is then the same for every dtype.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_SORT_KEYS_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_SORT_KEYS_H_

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "backend/cpu/launches/dtypes.h"

namespace nngpu::cpu {

// Keys of up to 32 bits are packed with their index into one word; wider ones take a pair.
template <class T>
using SortKey = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

// Ascending keys are in the order to sort in: values ascending or descending, NaN last in both. Zeros of either
// sign are equal.
template <class T>
inline SortKey<T> sort_key(T value, bool descending) {
  using Key = SortKey<T>;
  constexpr Key kSign = Key{1} << (sizeof(Key) * 8 - 1);
  if constexpr (is_floating_type<T>) {
    const auto x = widen(value) + 0;  // turns -0 into +0
    const Key bits = std::bit_cast<Key>(x);
    const Key ascending = bits & kSign ? ~bits : bits | kSign;
    const Key key = descending ? ~ascending : ascending;
    return x != x ? std::numeric_limits<Key>::max() : key;
  } else {
    Key key;
    if constexpr (std::is_signed_v<T>)
      key = static_cast<Key>(value) ^ kSign;
    else
      key = static_cast<Key>(value);
    return descending ? ~key : key;
  }
}

// A key with the index it came from; the index makes all entries different, so that any sort is stable.
struct WideEntry {
  uint64_t key;
  uint64_t index;
  bool operator<(const WideEntry& other) const {
    return key < other.key || (key == other.key && index < other.index);
  }
};

template <class Key, bool kNarrow>
struct EntryOf {
  using type = WideEntry;
  static WideEntry make(Key key, int64_t index) { return {key, static_cast<uint64_t>(index)}; }
  static int64_t index(const WideEntry& entry) { return static_cast<int64_t>(entry.index); }
  static uint64_t key(const WideEntry& entry) { return entry.key; }
  static constexpr int kKeyBits = 64;
};
template <>
struct EntryOf<uint32_t, true> {
  using type = uint64_t;
  static uint64_t make(uint32_t key, int64_t index) { return uint64_t{key} << 32 | static_cast<uint64_t>(index); }
  static int64_t index(uint64_t entry) { return static_cast<int64_t>(entry & 0xffffffffu); }
  static uint64_t key(uint64_t entry) { return entry >> 32; }
  static constexpr int kKeyBits = 32;
};

// Calls f.operator()<Entry traits>() for lines of n values of T.
template <class T, class F>
void visit_entries(int64_t n, const F& f) {
  if constexpr (sizeof(T) < 8) {
    if (n <= std::numeric_limits<uint32_t>::max()) return f.template operator()<EntryOf<uint32_t, true>>();
  }
  f.template operator()<EntryOf<SortKey<T>, false>>();
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_SORT_KEYS_H_
