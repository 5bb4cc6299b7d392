// Matrices in the lanes of vectors: views of interleaved scratch memory and the transposition in and out of it.
#if defined(NNGPU_SMALL_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_SMALL_LANES_INL_H_
#undef NNGPU_SMALL_LANES_INL_H_
#else
#define NNGPU_SMALL_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "backend/cpu/lapack/small.h"
#include "backend/cpu/lapack/small_scratch.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Vec = hn::Vec<Tag<T>>;
template <class T>
using Mask = hn::Mask<Tag<T>>;
template <class T>
inline constexpr int kLanes = static_cast<int>(hn::MaxLanes(Tag<T>()));

template <class T>
HWY_INLINE Vec<T> load(const T* p) {
  return hn::Load(Tag<T>(), p);
}
template <class T>
HWY_INLINE void store(Vec<T> v, T* p) {
  hn::Store(v, Tag<T>(), p);
}
template <class T>
HWY_INLINE Vec<T> set(double value) {
  return hn::Set(Tag<T>(), static_cast<T>(value));
}

// A matrix of vectors; element (i, j) of all matrices of the group is one vector.
template <class T>
struct View {
  T* data;
  int64_t rs;  // elements of T between rows
  int64_t cs;  // and between columns

  HWY_INLINE T* at(int i, int j) const { return data + i * rs + j * cs; }
  HWY_INLINE Vec<T> get(int i, int j) const { return load(at(i, j)); }
  HWY_INLINE void put(int i, int j, Vec<T> v) const { store(v, at(i, j)); }
  View transposed() const { return {data, cs, rs}; }
  View from(int i, int j) const { return {at(i, j), rs, cs}; }
};

// Hands out parts of a thread's scratch memory.
template <class T>
class Arena {
 public:
  // Room for `matrices` matrices and `vectors` vectors of kMaxSide.
  Arena(int matrices, int vectors)
      : next_(reinterpret_cast<T*>(
            thread_scratch(sizeof(T) * kLanes<T> * kMaxSide * ((kMaxSide + 1) * matrices + vectors)))) {}

  // An odd number of cache lines between columns keeps walks along rows from hitting few cache sets.
  View<T> columns(int m, int n) {
    const int64_t ld = m | 1;
    return {take(ld * n), kLanes<T>, ld * kLanes<T>};
  }
  View<T> rows(int m, int n) { return columns(n, m).transposed(); }
  T* vector() { return take(kMaxSide); }

 private:
  T* take(int64_t vectors) {
    T* p = next_;
    next_ += vectors * kLanes<T>;
    return p;
  }
  T* next_;
};

// The items of a group; lanes beyond `active` repeat the first item and are never stored.
struct Group {
  int64_t first;
  int active;
  template <class T>
  HWY_INLINE T* item(Batch<T> b, int lane) const {
    return b.data + (first + (lane < active ? lane : 0)) * b.step;
  }
};

// Calls body(group) for the groups of items [begin, end).
template <class T, class Body>
HWY_INLINE void each_group(int64_t begin, int64_t end, const Body& body) {
  for (int64_t i = begin; i < end; i += kLanes<T>) {
    body(Group{i, static_cast<int>(std::min<int64_t>(kLanes<T>, end - i))});
  }
}

#if HWY_TARGET == HWY_SCALAR
template <class T>
HWY_INLINE void transpose(Vec<T>*) {}
#else
// Transposes a kLanes x kLanes tile: first inside the 128-bit blocks, then the blocks.
template <class T>
HWY_INLINE void transpose(Vec<T>* HWY_RESTRICT x) {
  constexpr Tag<T> d;
  constexpr int kBlock = 16 / sizeof(T);
  constexpr int kBlocks = kLanes<T> / kBlock;
  static_assert(kBlocks == 1 || kBlocks == 2 || kBlocks == 4);
  HWY_UNROLL(4)
  for (int g = 0; g < kBlocks; ++g) {
    Vec<T>* r = x + g * kBlock;
    if constexpr (kBlock == 4) {
      const Vec<T> ac0 = hn::InterleaveLower(d, r[0], r[2]), ac1 = hn::InterleaveUpper(d, r[0], r[2]);
      const Vec<T> bd0 = hn::InterleaveLower(d, r[1], r[3]), bd1 = hn::InterleaveUpper(d, r[1], r[3]);
      r[0] = hn::InterleaveLower(d, ac0, bd0);
      r[1] = hn::InterleaveUpper(d, ac0, bd0);
      r[2] = hn::InterleaveLower(d, ac1, bd1);
      r[3] = hn::InterleaveUpper(d, ac1, bd1);
    } else {
      const Vec<T> r0 = r[0];
      r[0] = hn::InterleaveLower(d, r0, r[1]);
      r[1] = hn::InterleaveUpper(d, r0, r[1]);
    }
  }
  if constexpr (kBlocks == 2) {
    HWY_UNROLL(4)
    for (int k = 0; k < kBlock; ++k) {
      const Vec<T> a = x[k], b = x[kBlock + k];
      x[k] = hn::ConcatLowerLower(d, b, a);
      x[kBlock + k] = hn::ConcatUpperUpper(d, b, a);
    }
  }
  if constexpr (kBlocks == 4) {
    HWY_UNROLL(4)
    for (int k = 0; k < kBlock; ++k) {
      const Vec<T> a = x[k], b = x[kBlock + k], c = x[2 * kBlock + k], e = x[3 * kBlock + k];
      const Vec<T> ac0 = hn::ConcatLowerLower(d, c, a), ac1 = hn::ConcatUpperUpper(d, c, a);
      const Vec<T> be0 = hn::ConcatLowerLower(d, e, b), be1 = hn::ConcatUpperUpper(d, e, b);
      x[k] = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(be0), ac0);
      x[kBlock + k] = hn::OddEvenBlocks(be0, hn::SwapAdjacentBlocks(ac0));
      x[2 * kBlock + k] = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(be1), ac1);
      x[3 * kBlock + k] = hn::OddEvenBlocks(be1, hn::SwapAdjacentBlocks(ac1));
    }
  }
}
#endif  // HWY_TARGET

// Steps through consecutive elements of column-major m-row matrices in a view.
template <class T>
struct Cursor {
  View<T> view;
  int m, i, j;
  // Without rows there is nothing to step through, and nothing is asked for.
  Cursor(View<T> v, int rows, int element)
      : view(v), m(rows), i(rows > 0 ? element % rows : 0), j(rows > 0 ? element / rows : 0) {}
  HWY_INLINE T* next() {
    T* p = view.at(i, j);
    if (++i == m) i = 0, ++j;
    return p;
  }
};

// Moves `elements` consecutive elements a matrix between the pointers of the lanes and a view. A last incomplete
// tile overlaps the one before; fewer elements than lanes go one by one.
template <class T, class U>
HWY_INLINE void load_run(U* const* item, int elements, int m, View<T> view, int first) {
  constexpr int kN = kLanes<T>;
  if (elements < kN) {
    Cursor<T> to(view, m, first);
    for (int e = 0; e < elements; ++e) {
      T* p = to.next();
      for (int l = 0; l < kN; ++l) p[l] = item[l][e];
    }
    return;
  }
  for (int e = 0; e < elements; e += kN) {
    const int at = std::min(e, elements - kN);
    Vec<T> x[kN];
    HWY_UNROLL(16) for (int l = 0; l < kN; ++l) x[l] = hn::LoadU(Tag<T>(), item[l] + at);
    transpose<T>(x);
    Cursor<T> to(view, m, first + at);
    HWY_UNROLL(16) for (int l = 0; l < kN; ++l) store<T>(x[l], to.next());
  }
}

template <class T>
HWY_INLINE void store_run(T* const* item, int active, int elements, int m, View<T> view, int first) {
  constexpr int kN = kLanes<T>;
  if (elements < kN) {
    Cursor<T> from(view, m, first);
    for (int e = 0; e < elements; ++e) {
      const T* p = from.next();
      for (int l = 0; l < active; ++l) item[l][e] = p[l];
    }
    return;
  }
  for (int e = 0; e < elements; e += kN) {
    const int at = std::min(e, elements - kN);
    Vec<T> x[kN];
    Cursor<T> from(view, m, first + at);
    HWY_UNROLL(16) for (int l = 0; l < kN; ++l) x[l] = load(from.next());
    transpose<T>(x);
    if (active == kN) {
      HWY_UNROLL(16) for (int l = 0; l < kN; ++l) hn::StoreU(x[l], Tag<T>(), item[l] + at);
    } else {
      for (int l = 0; l < active; ++l) hn::StoreU(x[l], Tag<T>(), item[l] + at);
    }
  }
}

// Fetches the next part of read_ahead(), as much as one column of a group takes.
template <class T>
HWY_INLINE void fetch_ahead(int rows) {
  constexpr int64_t kLine = 64;
  ReadAhead& range = read_ahead();
  const int64_t lines = (rows * static_cast<int64_t>(sizeof(T)) * kLanes<T> + kLine - 1) / kLine;
  const char* at = range.next;
  const char* end = range.end - at < lines * kLine ? range.end : at + lines * kLine;
  for (; at < end; at += kLine) __builtin_prefetch(at, 0, 2);
  range.next = at;
}

// The m x n matrices of a group, into a view.
template <class T, class U>
HWY_NOINLINE void load_group(Group group, int m, int n, Batch<U> from, View<T> view) {
  if (m == 0 || n == 0) return;
  U* item[kLanes<T>];
  for (int l = 0; l < kLanes<T>; ++l) item[l] = group.item(from, l);
  if (from.ld == m || n == 1) return load_run<T>(item, m * n, m, view, 0);
  for (int j = 0; j < n; ++j) {
    load_run<T>(item, m, m, view, j * m);
    for (int l = 0; l < kLanes<T>; ++l) item[l] += from.ld;
  }
}

template <class T>
HWY_NOINLINE void store_group(Group group, int m, int n, View<T> view, Batch<T> to) {
  if (m == 0 || n == 0) return;
  T* item[kLanes<T>];
  for (int l = 0; l < kLanes<T>; ++l) item[l] = group.item(to, l);
  if (to.ld == m || n == 1) return store_run<T>(item, group.active, m * n, m, view, 0);
  for (int j = 0; j < n; ++j) {
    store_run<T>(item, group.active, m, m, view, j * m);
    for (int l = 0; l < group.active; ++l) item[l] += to.ld;
  }
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NNGPU_SMALL_LANES_INL_H_
