#include "backend/cpu/launches/checks.h"

#include <algorithm>
#include <limits>
#include <string>

#include "backend/cpu/elementwise/reduce_kernels.h"
#include "nngpu/error.h"

namespace nngpu::cpu {
namespace {

template <class T>
bool finite(int64_t n, const T* x) {
  return all_finite(x, static_cast<size_t>(n));
}

// Of a triangle only what is read counts; mostly all of the matrix is finite, which is seen faster.
template <class T>
bool finite_entry(const Stack<T>& matrices, Region part, const T* entry) {
  if (finite(matrices.entry_size(), entry)) return true;
  if (part == Region::Full) return false;
  for (int64_t j = 0; j < matrices.columns; ++j)
    if (!finite(matrices.rows - j, entry + j * matrices.rows + j)) return false;
  return true;
}

template <class T>
void make_identity(const Stack<T>& matrices, T* entry) {
  std::fill(entry, entry + matrices.entry_size(), T{0});
  for (int64_t i = 0; i < std::min(matrices.rows, matrices.columns); ++i) entry[i * matrices.rows + i] = 1;
}

MatrixName matrix_name(const Launch& launch, const char* operation, int64_t entry) {
  return {operation, launch.inputs[0].shape.size() <= 2, entry};
}

}  // namespace

FiniteCheck::FiniteCheck(int64_t entries, ScratchFrame& scratch) : bad_(scratch.get<bool>(entries)) {
  std::fill(bad_, bad_ + entries, false);
}

template <class T>
void FiniteCheck::replace(const Stack<T>& matrices, Region region) {
  bool* bad = bad_ + matrices.first;
  parallel_for(matrices.entries, line_grain(matrices.entry_size()), [&](int64_t begin, int64_t end) {
    // Mostly all of them are finite, and one long run is read faster than many short ones.
    if (finite((end - begin) * matrices.entry_size(), matrices.entry(begin))) return;
    for (int64_t i = begin; i < end; ++i) {
      if (finite_entry(matrices, region, matrices.entry(i))) continue;
      make_identity(matrices, matrices.entry(i));
      bad[i] = true;
      any_.store(true, std::memory_order_relaxed);
    }
  });
}

int64_t FiniteCheck::first(int64_t begin, int64_t end) const {
  for (int64_t i = begin; any() && i < end; ++i)
    if (bad_[i]) return i;
  return -1;
}

template <class T>
void FiniteCheck::spoil(const Stack<T>& results) const {
  if (!any() || results.data == nullptr) return;
  for (int64_t i = 0; i < results.entries; ++i)
    if (bad_[results.first + i])
      std::fill(results.entry(i), results.entry(i) + results.entry_size(), std::numeric_limits<T>::quiet_NaN());
}

void FiniteCheck::spoil_info(const Stack<int32_t>& info, int64_t n) const {
  if (!any()) return;
  for (int64_t i = 0; i < info.entries; ++i)
    if (bad_[info.first + i]) info.data[i] = static_cast<int32_t>(n + 1);
}

void report_failures(const Launch& launch, const RunContext& context, const char* operation, int64_t check,
                     const FiniteCheck& finite, int64_t item_entries) {
  if (check == 0 || !finite.any()) return;
  for (int32_t item = 0; item < launch.items; ++item) {
    const int64_t start = item * item_entries, found = finite.first(start, start + item_entries);
    if (found < 0) continue;
    context.failures->push_back({item, non_finite_error(matrix_name(launch, operation, found - start))});
  }
}

void report_failures(const Launch& launch, const RunContext& context, const char* operation, int64_t check,
                     const FiniteCheck& finite, const Stack<int32_t>& info, InfoKind kind) {
  report_failures(launch, context, operation, check, finite, info.item_entries);
  if (check != 1) return;
  for (int32_t item = 0; item < launch.items; ++item) {
    const int64_t start = item * info.item_entries, end = start + info.item_entries;
    if (finite.first(start, end) >= 0) continue;  // reported already
    for (int64_t i = start; i < end; ++i) {
      if (info.data[i] == 0) continue;
      context.failures->push_back(
          {item, info_error(matrix_name(launch, operation, i - start), info.data[i], kind)});
      break;
    }
  }
}

#define NNGPU_INSTANTIATE(T)                                   \
  template void FiniteCheck::replace(const Stack<T>&, Region); \
  template void FiniteCheck::spoil(const Stack<T>&) const
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
