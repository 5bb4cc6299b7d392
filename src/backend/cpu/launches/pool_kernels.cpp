#include "backend/cpu/launches/pool_kernels.h"

#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/launches/pool_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Whether `value` takes the place of `best`.
template <class V>
HWY_INLINE auto is_better(V value, V best) {
  return hn::Or(hn::Gt(value, best), hn::AndNot(hn::IsNaN(best), hn::IsNaN(value)));
}

// The elements from, from + stride, ... as a vector; up to two vectors are read, so they must exist.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_strided(D d, const T* from, [[maybe_unused]] int64_t stride) {
#if HWY_TARGET != HWY_SCALAR
  if (stride == 2) return hn::ConcatEven(d, hn::LoadU(d, from + hn::Lanes(d)), hn::LoadU(d, from));
#endif
  return hn::LoadU(d, from);
}

// The first `count` lanes.
template <class D, class V, class To>
HWY_INLINE void store_first(D d, V values, int64_t count, To* to) {
  alignas(64) hn::TFromD<D> buffer[64 / sizeof(hn::TFromD<D>)];
  hn::Store(values, d, buffer);
  for (int64_t i = 0; i < count; ++i) to[i] = buffer[i];
}

// A vector of windows, of which the first is number `first`, and the first `count` are wanted.
template <class T>
HWY_INLINE void max_vector(const MaxWindows<T>& w, int64_t first, int64_t count) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> di;
  using Place = hn::TFromD<decltype(di)>;
  const T* from = w.from + first * w.stride;
  auto best = load_strided(d, from, w.stride);
  auto offset = hn::Zero(di);  // of the best from the window's first element
  for (int64_t row = 0; row < w.rows; ++row)
    for (int64_t column = 0; column < w.columns; ++column) {
      const int64_t at = row * w.row_step + column * w.column_step;
      const auto value = load_strided(d, from + at, w.stride);
      const auto better = is_better(value, best);
      best = hn::IfThenElse(better, value, best);
      offset = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, static_cast<Place>(at)), offset);
    }
  const auto start = hn::Set(di, static_cast<Place>(w.place + first * w.stride));
  auto steps = hn::Iota(di, 0);
  if (w.stride == 2) steps = hn::Add(steps, steps);
  store_first(d, best, count, w.values + first);
  store_first(di, hn::Add(hn::Add(start, steps), offset), count, w.places + first);
}

template <class T>
void max_one(const MaxWindows<T>& w, int64_t number) {
  const T* from = w.from + number * w.stride;
  T best = *from;
  int64_t offset = 0;
  for (int64_t row = 0; row < w.rows; ++row)
    for (int64_t column = 0; column < w.columns; ++column) {
      const int64_t at = row * w.row_step + column * w.column_step;
      const T value = from[at];
      if (!(value > best || (value != value && best == best))) continue;
      best = value;
      offset = at;
    }
  w.values[number] = best;
  w.places[number] = w.place + number * w.stride + offset;
}

template <class T>
void run(const MaxWindows<T>& w) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  const int64_t last = (w.rows - 1) * w.row_step + (w.columns - 1) * w.column_step;
  for (int64_t done = 0; done < w.count; done += lanes) {
    const int64_t count = w.count - done < lanes ? w.count - done : lanes;
    if (w.stride <= 2 && (done + lanes) * w.stride + last <= w.readable) {
      max_vector(w, done, count);
    } else {
      for (int64_t i = done; i < done + count; ++i) max_one(w, i);
    }
  }
}

void run_float(const MaxWindows<float>& windows) { run(windows); }
void run_double(const MaxWindows<double>& windows) { run(windows); }

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {

HWY_EXPORT(run_float);
HWY_EXPORT(run_double);

template <>
void max_windows(const MaxWindows<float>& windows) {
  HWY_DYNAMIC_DISPATCH(run_float)(windows);
}
template <>
void max_windows(const MaxWindows<double>& windows) {
  HWY_DYNAMIC_DISPATCH(run_double)(windows);
}

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
