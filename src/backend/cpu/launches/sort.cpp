// sort: stable, NaN last. Short lines by comparison, long ones by radix.
#include <algorithm>
#include <cstring>

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "backend/cpu/launches/sort_keys.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kRadixSize = 512;  // lines from here on
constexpr int kDigitBits = 8;
constexpr int64_t kBuckets = int64_t{1} << kDigitBits;

// Least significant digit first: stable, so equal keys stay in index order. Digits that are the same everywhere
// are skipped. Returns where the result lies.
template <class E>
typename E::type* radix_sort(int64_t n, typename E::type* entries, typename E::type* spare) {
  constexpr int kDigits = E::kKeyBits / kDigitBits;
  uint32_t counts32[kDigits][kBuckets] = {};
  uint64_t all_or = 0, all_and = ~uint64_t{0};
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t key = E::key(entries[i]);
    all_or |= key;
    all_and &= key;
  }
  const uint64_t varies = all_or ^ all_and;
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t key = E::key(entries[i]);
    for (int digit = 0; digit < kDigits; ++digit) ++counts32[digit][key >> (digit * kDigitBits) & (kBuckets - 1)];
  }
  for (int digit = 0; digit < kDigits; ++digit) {
    const int shift = digit * kDigitBits;
    if ((varies >> shift & (kBuckets - 1)) == 0) continue;
    typename E::type* ends[kBuckets];
    typename E::type* next = spare;
    for (int64_t bucket = 0; bucket < kBuckets; ++bucket) {
      ends[bucket] = next;
      next += counts32[digit][bucket];
    }
    for (int64_t i = 0; i < n; ++i) *ends[E::key(entries[i]) >> shift & (kBuckets - 1)]++ = entries[i];
    std::swap(entries, spare);
  }
  return entries;
}

template <class E>
typename E::type* sort_entries(int64_t n, typename E::type* entries, typename E::type* spare) {
  if (n >= kRadixSize && n <= UINT32_MAX) return radix_sort<E>(n, entries, spare);
  std::sort(entries, entries + n);
  return entries;
}

template <class T, class E>
void sort_lines(const Item& item, const graph::SortParams& params, const RunContext& context) {
  using Entry = typename E::type;
  const graph::Operand &x = item.inputs[0], &values = item.outputs[0], &indices = item.outputs[1];
  const int64_t axis = params.axis, n = x.shape[axis];
  const int64_t step = x.strides[axis], value_step = values.strides[axis], index_step = indices.strides[axis];
  const bool descending = params.descending != 0;
  const Walk<3> lines = walk_lines<3>(x.shape, axis, {&x.strides, &values.strides, &indices.strides});
  const T* from = context.at<T>(x);
  T* value_data = context.at<T>(values);
  int64_t* index_data = context.at<int64_t>(indices);
  ScratchFrame scratch;
  const PerThread<Entry> buffer(scratch, 2 * n, lines.count());
  parallel_for(lines.count(), line_grain(n, 2048), [&](int64_t begin, int64_t end) {
    Entry* entries = buffer.mine();
    lines.for_points(begin, end, [&](const int64_t(&at)[3], int64_t) {
      const T* line = from + at[0];
      for (int64_t i = 0; i < n; ++i) entries[i] = E::make(sort_key(line[i * step], descending), i);
      const Entry* sorted = sort_entries<E>(n, entries, entries + n);
      T* value = value_data + at[1];
      int64_t* index = index_data + at[2];
      for (int64_t i = 0; i < n; ++i) {
        const int64_t source = E::index(sorted[i]);
        value[i * value_step] = line[source * step];
        index[i * index_step] = source;
      }
    });
  });
}

}  // namespace

void run_sort(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::SortParams>();
  for_items(launch, [&](const Item& item) {
    const graph::Operand& x = item.inputs[0];
    if (element_count(x.shape) == 0) return;
    visit_dtype(x.dtype, [&]<class T>() {
      visit_entries<T>(x.shape[params.axis], [&]<class E>() { sort_lines<T, E>(item, params, context); });
    });
  });
}

}  // namespace nngpu::cpu
