// Givens rotations for matrices in lanes, and the blocks that the QR iterations of eigh and svd work on.
#if defined(NNGPU_SMALL_ROTATE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_SMALL_ROTATE_INL_H_
#undef NNGPU_SMALL_ROTATE_INL_H_
#else
#define NNGPU_SMALL_ROTATE_INL_H_
#endif

#include "backend/cpu/lapack/small_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

template <class T>
struct Rotation {
  Vec<T> c, s, r;  // c f + s g = r, c g - s f = 0
};

// The matrices are scaled to size 1, so f^2 + g^2 cannot overflow; lanes where it would lose bits to underflow are
// scaled up first, and lanes with next to nothing in f and g are not rotated.
template <class T>
HWY_INLINE Rotation<T> rotation(Vec<T> f, Vec<T> g) {
  constexpr Tag<T> d;
  constexpr T kSmall = sizeof(T) == 4 ? T(0x1p-45) : T(0x1p-450);
  constexpr T kUp = sizeof(T) == 4 ? T(0x1p+70) : T(0x1p+550);
  constexpr T kNothing = sizeof(T) == 4 ? T(0x1p-120) : T(0x1p-1000);
  const Vec<T> one = set<T>(1);
  const Vec<T> square = hn::MulAdd(f, f, hn::Mul(g, g));
  if (HWY_LIKELY(hn::AllFalse(d, hn::Lt(square, set<T>(kSmall * kSmall))))) {
    const Vec<T> r = hn::Sqrt(square), inverse = hn::Div(one, r);
    return {hn::Mul(f, inverse), hn::Mul(g, inverse), r};
  }
  const Vec<T> size = hn::Max(hn::Abs(f), hn::Abs(g));
  const Mask<T> nothing = hn::Lt(size, set<T>(kNothing));
  const Mask<T> small = hn::Lt(square, set<T>(kSmall * kSmall));
  const Vec<T> up = hn::IfThenElse(small, set<T>(kUp), one), down = hn::IfThenElse(small, set<T>(1 / kUp), one);
  const Vec<T> x = hn::Mul(f, up), y = hn::Mul(g, up);
  const Vec<T> r = hn::Sqrt(hn::MulAdd(x, x, hn::Mul(y, y))), inverse = hn::Div(one, r);
  return {hn::IfThenElse(nothing, one, hn::Mul(x, inverse)), hn::IfThenZeroElse(nothing, hn::Mul(y, inverse)),
          hn::IfThenElse(nothing, f, hn::Mul(r, down))};
}

// Rows of x: columns i and i + 1 rotated by (c, s)[i] for i = first .. last - 1. The shared column stays in a
// register from one rotation to the next.
template <int kRows, class T>
HWY_INLINE void rotate_rows(View<T> x, int first, int last, const T* c, const T* s) {
  Vec<T> carry[kRows];
  HWY_UNROLL(8) for (int r = 0; r < kRows; ++r) carry[r] = x.get(r, first);
  for (int i = first; i < last; ++i) {
    const Vec<T> ci = load(c + i * kLanes<T>), si = load(s + i * kLanes<T>);
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const Vec<T> next = x.get(r, i + 1);
      x.put(r, i, hn::MulAdd(si, next, hn::Mul(ci, carry[r])));
      carry[r] = hn::NegMulAdd(si, carry[r], hn::Mul(ci, next));
    }
  }
  HWY_UNROLL(8) for (int r = 0; r < kRows; ++r) x.put(r, last, carry[r]);
}

template <class T>
HWY_NOINLINE void rotate_columns(int m, View<T> x, int first, int last, const T* c, const T* s) {
  int i = 0;
  for (; i + 4 <= m; i += 4) rotate_rows<4>(x.from(i, 0), first, last, c, s);
  for (; i < m; ++i) rotate_rows<1>(x.from(i, 0), first, last, c, s);
}

// The unreduced block, rows lo .. hi, each lane works on: the last one with a nonzero e. Lanes that are done have
// lo = kMaxSide and hi = -1. All lanes' blocks lie in rows first .. last.
template <class T>
struct Block {
  Vec<T> lo, hi;
  int first, last;
};

// Finds the blocks while walking up from the bottom: call step(i) for i = n - 2 .. 0, then finish().
template <class T>
struct BlockSearch {
  Vec<T> lo, hi;

  HWY_INLINE BlockSearch() : lo(set<T>(-1)), hi(set<T>(-1)) {}

  // `zero`: e(i) is zero. Sets the lanes whose block starts (at its bottom) and ends (row i + 1 is its top) here,
  // and those whose block contains e(i).
  HWY_INLINE void step(int i, Mask<T> zero, Mask<T>& starts, Mask<T>& ends, Mask<T>& inside) {
    const Vec<T> none = hn::Zero(Tag<T>());
    starts = hn::AndNot(zero, hn::Lt(hi, none));
    hi = hn::IfThenElse(starts, set<T>(i + 1), hi);
    const Mask<T> open = hn::And(hn::Ge(hi, none), hn::Lt(lo, none));
    ends = hn::And(open, zero);
    inside = hn::AndNot(zero, open);
    lo = hn::IfThenElse(ends, set<T>(i + 1), lo);
  }

  // False when no lane has anything left to do.
  HWY_INLINE bool finish(Block<T>& block) {
    constexpr Tag<T> d;
    const Vec<T> none = hn::Zero(d);
    const Mask<T> done = hn::Lt(hi, none);
    if (hn::AllTrue(d, done)) return false;
    lo = hn::IfThenElse(done, set<T>(kMaxSide), hn::Max(lo, none));
    block.lo = lo;
    block.hi = hi;
    block.first = static_cast<int>(hn::GetLane(hn::MinOfLanes(d, lo)));
    block.last = static_cast<int>(hn::GetLane(hn::MaxOfLanes(d, hi)));
    return true;
  }
};

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NNGPU_SMALL_ROTATE_INL_H_
