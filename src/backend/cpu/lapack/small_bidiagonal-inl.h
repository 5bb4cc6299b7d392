// Singular values of bidiagonal matrices in lanes by implicit QR in lockstep.
#if defined(NNGPU_SMALL_BIDIAGONAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_SMALL_BIDIAGONAL_INL_H_
#undef NNGPU_SMALL_BIDIAGONAL_INL_H_
#else
#define NNGPU_SMALL_BIDIAGONAL_INL_H_
#endif

#include <limits>

#include "backend/cpu/lapack/small_rotate-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// The vectors of a group's bidiagonal problem, kMaxSide of each.
template <class T>
struct Bidiagonal {
  T *d, *e;              // diagonal and the n - 1 elements above it
  T *cr, *sr, *cl, *sl;  // rotations of a sweep from the right and the left
  explicit Bidiagonal(Arena<T>& arena)
      : d(arena.vector()),
        e(arena.vector()),
        cr(arena.vector()),
        sr(arena.vector()),
        cl(arena.vector()),
        sl(arena.vector()) {}
};

// Each lane's block, and the first f of its sweep: d(lo) - mu / d(lo) with Wilkinson's shift mu of B^T B, or 0
// where d holds a zero (one sweep then moves it to the bottom and splits it off).
template <class T>
struct BidiagonalBlock : Block<T> {
  Vec<T> start;
};

template <class T>
HWY_INLINE Vec<T> first_element(Vec<T> top, Vec<T> above, Vec<T> d1, Vec<T> e1, Vec<T> d2, Mask<T> singular) {
  const Vec<T> zero = hn::Zero(Tag<T>());
  const Vec<T> a = hn::MulAdd(d1, d1, hn::Mul(above, above)), b = hn::Mul(d1, e1);
  const Vec<T> c = hn::MulAdd(d2, d2, hn::Mul(e1, e1));
  const Vec<T> half = hn::Mul(set<T>(0.5), hn::Sub(a, c));
  const Vec<T> sum = hn::Add(half, hn::CopySign(hn::Sqrt(hn::MulAdd(half, half, hn::Mul(b, b))), half));
  const Mask<T> flat = hn::Eq(sum, zero);
  const Vec<T> mu = hn::Sub(c, hn::IfThenZeroElse(flat, hn::Mul(b, hn::Div(b, sum))));
  return hn::Sub(top, hn::IfThenZeroElse(singular, hn::Div(mu, top)));
}

// Drops negligible elements and finds each lane's block and start.
template <class T>
HWY_INLINE bool find_block(int n, const Bidiagonal<T>& b, Vec<T> negligible, BidiagonalBlock<T>& block) {
  constexpr int kN = kLanes<T>;
  const Vec<T> zero = hn::Zero(Tag<T>());
  BlockSearch<T> search;
  Mask<T> singular = hn::Lt(zero, zero);  // none
  Vec<T> top = zero, above = zero, d1 = zero, e1 = zero, d2 = zero;
  Vec<T> lower = load(b.d + (n - 1) * kN);
  lower = hn::IfThenZeroElse(hn::Le(hn::Abs(lower), negligible), lower);
  store(lower, b.d + (n - 1) * kN);
  for (int i = n - 2; i >= 0; --i) {
    const Vec<T> e = load(b.e + i * kN), raw = load(b.d + i * kN);
    const Vec<T> d = hn::IfThenZeroElse(hn::Le(hn::Abs(raw), negligible), raw);
    const Mask<T> small = hn::Le(hn::Abs(e), negligible);
    store(d, b.d + i * kN);
    store<T>(hn::IfThenZeroElse(small, e), b.e + i * kN);
    Mask<T> starts, ends, inside;
    search.step(i, small, starts, ends, inside);
    top = hn::IfThenElse(inside, d, top);
    above = hn::IfThenElse(hn::And(inside, hn::Eq(search.hi, set<T>(i + 2))), e, above);
    d1 = hn::IfThenElse(starts, d, d1);
    e1 = hn::IfThenElse(starts, e, e1);
    d2 = hn::IfThenElse(starts, lower, d2);
    singular = hn::Or(singular, hn::And(inside, hn::Or(hn::Eq(d, zero), hn::Eq(lower, zero))));
    lower = d;
  }
  block.start = first_element<T>(top, above, d1, e1, d2, singular);
  return search.finish(block);
}

// One sweep down each lane's block, as in LAPACK's bdsqr; leaves the rotations in cr, sr, cl, sl.
template <class T>
HWY_INLINE void sweep(const Bidiagonal<T>& b, const BidiagonalBlock<T>& block) {
  constexpr int kN = kLanes<T>;
  const Vec<T> one = set<T>(1), zero = hn::Zero(Tag<T>());
  Vec<T> f = one, g = one;
  for (int i = block.first; i < block.last; ++i) {
    T* di = b.d + i * kN;
    T* ei = b.e + i * kN;
    const Vec<T> row = set<T>(i), d = load(di), d_next = load(di + kN), e = load(ei);
    const Mask<T> top = hn::Eq(row, block.lo), below = hn::Lt(block.lo, row);
    const Mask<T> active = hn::And(hn::Lt(row, block.hi), hn::Le(block.lo, row));
    const Mask<T> last = hn::Eq(hn::Add(row, one), block.hi);
    f = hn::IfThenElse(top, block.start, f);
    g = hn::IfThenElse(top, e, g);

    const Rotation<T> right = rotation<T>(f, g);
    if (i > block.first) store<T>(hn::IfThenElse(hn::And(active, below), right.r, load(ei - kN)), ei - kN);
    f = hn::MulAdd(right.c, d, hn::Mul(right.s, e));
    const Vec<T> e1 = hn::MulSub(right.c, e, hn::Mul(right.s, d));
    g = hn::Mul(right.s, d_next);
    const Vec<T> d1 = hn::Mul(right.c, d_next);

    const Rotation<T> left = rotation<T>(f, g);
    store<T>(hn::IfThenElse(active, left.r, d), di);
    f = hn::MulAdd(left.c, e1, hn::Mul(left.s, d1));
    store<T>(hn::IfThenElse(active, hn::MulSub(left.c, d1, hn::Mul(left.s, e1)), d_next), di + kN);
    const Mask<T> more = hn::AndNot(last, active);
    if (i + 1 < block.last) {
      const Vec<T> e_next = load(ei + kN);
      g = hn::Mul(left.s, e_next);
      store<T>(hn::IfThenElse(more, hn::Mul(left.c, e_next), e_next), ei + kN);
    }
    store<T>(hn::IfThenElse(last, f, e), ei);
    store<T>(hn::IfThenElse(active, right.c, one), b.cr + i * kN);
    store<T>(hn::IfThenElse(active, right.s, zero), b.sr + i * kN);
    store<T>(hn::IfThenElse(active, left.c, one), b.cl + i * kN);
    store<T>(hn::IfThenElse(active, left.s, zero), b.sl + i * kN);
    f = hn::IfThenElse(more, f, one);  // nothing tiny in lanes that only wait
  }
}

// Diagonalises b and applies the rotations to the columns of u (m rows) and v (n rows) where `vectors`. Per lane,
// the number of elements above the diagonal that did not converge goes to `failed`.
template <class T>
HWY_NOINLINE void diagonalise(int m, int n, const Bidiagonal<T>& b, bool vectors, View<T> u, View<T> v,
                              T* failed) {
  constexpr int kN = kLanes<T>;
  constexpr int kSweepsPerValue = 30;
  const Vec<T> zero = hn::Zero(Tag<T>()), one = set<T>(1);
  store(zero, failed);
  if (n == 0) return;
  Vec<T> size = zero;
  for (int i = 0; i < n; ++i) size = hn::Max(size, hn::Abs(load(b.d + i * kN)));
  for (int i = 0; i + 1 < n; ++i) size = hn::Max(size, hn::Abs(load(b.e + i * kN)));
  const Vec<T> negligible = hn::Mul(size, set<T>(0.5 * std::numeric_limits<T>::epsilon()));

  BidiagonalBlock<T> block;
  for (int round = 0; find_block(n, b, negligible, block) && round < kSweepsPerValue * n; ++round) {
    sweep(b, block);
    if (!vectors) continue;
    rotate_columns(n, v, block.first, block.last, b.cr, b.sr);
    rotate_columns(m, u, block.first, block.last, b.cl, b.sl);
  }
  Vec<T> left = zero;
  for (int i = 0; i + 1 < n; ++i) {
    left = hn::Add(left, hn::IfThenElse(hn::Ne(load(b.e + i * kN), zero), one, zero));
  }
  store(left, failed);
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NNGPU_SMALL_BIDIAGONAL_INL_H_
