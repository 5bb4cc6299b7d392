// Symmetric eigenproblems of small matrices, one matrix a lane: Householder reduction to tridiagonal form, then
// implicit QR in lockstep. Every lane follows its own blocks and shifts under masks, so the steps it takes are
// those it would take alone.
#include "backend/cpu/lapack/small.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lapack/small_eigh.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include "backend/cpu/lapack/small_permute-inl.h"
#include "backend/cpu/lapack/small_reflect-inl.h"
#include "backend/cpu/lapack/small_rotate-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// The vectors of a group's tridiagonal problem, kMaxSide of each.
template <class T>
struct Tridiagonal {
  T *d, *e;  // diagonal and the n - 1 elements beside it
  T *c, *s;  // rotations of a sweep; before that, v and w of the reduction
  explicit Tridiagonal(Arena<T>& arena)
      : d(arena.vector()), e(arena.vector()), c(arena.vector()), s(arena.vector()) {}
};

// p := tau A v, A symmetric of order `len` in its lower triangle.
template <class T>
HWY_INLINE void symmetric_product(int len, View<T> a, const T* v, Vec<T> tau, T* p) {
  constexpr int kN = kLanes<T>;
  for (int i = 0; i < len; ++i) store<T>(hn::Zero(Tag<T>()), p + i * kN);
  for (int j = 0; j < len; ++j) {
    const Vec<T> vj = load(v + j * kN);
    Vec<T> even = hn::Mul(a.get(j, j), vj), odd = hn::Zero(Tag<T>());
    int i = j + 1;
    for (; i + 1 < len; i += 2) {
      const Vec<T> x = a.get(i, j), y = a.get(i + 1, j);
      even = hn::MulAdd(x, load(v + i * kN), even);
      odd = hn::MulAdd(y, load(v + (i + 1) * kN), odd);
      store<T>(hn::MulAdd(x, vj, load(p + i * kN)), p + i * kN);
      store<T>(hn::MulAdd(y, vj, load(p + (i + 1) * kN)), p + (i + 1) * kN);
    }
    if (i < len) {
      const Vec<T> x = a.get(i, j);
      even = hn::MulAdd(x, load(v + i * kN), even);
      store<T>(hn::MulAdd(x, vj, load(p + i * kN)), p + i * kN);
    }
    store<T>(hn::Add(load(p + j * kN), hn::Add(even, odd)), p + j * kN);
  }
  for (int i = 0; i < len; ++i) store<T>(hn::Mul(tau, load(p + i * kN)), p + i * kN);
}

// A := A - v w^T - w v^T in the lower triangle.
template <class T>
HWY_INLINE void symmetric_update(int len, View<T> a, const T* v, const T* w) {
  constexpr int kN = kLanes<T>;
  for (int j = 0; j < len; ++j) {
    const Vec<T> vj = load(v + j * kN), wj = load(w + j * kN);
    for (int i = j; i < len; ++i) {
      const Vec<T> x = hn::NegMulAdd(load(v + i * kN), wj, a.get(i, j));
      a.put(i, j, hn::NegMulAdd(load(w + i * kN), vj, x));
    }
  }
}

// Q^T A Q = T, unblocked as LAPACK's sytd2 (lower). The reflectors stay below the subdiagonal of a.
template <class T>
HWY_NOINLINE void reduce(int n, View<T> a, const Tridiagonal<T>& t, T* taus) {
  constexpr int kN = kLanes<T>;
  for (int k = 0; k + 1 < n; ++k) {
    const int len = n - k - 1;
    const Vec<T> tau = make_reflector(a.at(k + 1, k), a.rs, len);
    store(tau, taus + k * kN);
    store(a.get(k, k), t.d + k * kN);
    store(a.get(k + 1, k), t.e + k * kN);
    if (len == 1) break;  // tau is zero
    store<T>(set<T>(1), t.c);
    for (int i = 1; i < len; ++i) store(a.get(k + 1 + i, k), t.c + i * kN);
    const View<T> rest = a.from(k + 1, k + 1);
    symmetric_product(len, rest, t.c, tau, t.s);
    Vec<T> dot = hn::Zero(Tag<T>());
    for (int i = 0; i < len; ++i) dot = hn::MulAdd(load(t.c + i * kN), load(t.s + i * kN), dot);
    const Vec<T> half = hn::Mul(hn::Mul(set<T>(0.5), tau), dot);
    for (int i = 0; i < len; ++i) {
      store<T>(hn::NegMulAdd(half, load(t.c + i * kN), load(t.s + i * kN)), t.s + i * kN);
    }
    symmetric_update(len, rest, t.c, t.s);
  }
  store(a.get(n - 1, n - 1), t.d + (n - 1) * kN);
}

// The eigenvalue of [a b; b c] closer to c (Wilkinson's shift).
template <class T>
HWY_INLINE Vec<T> wilkinson_shift(Vec<T> a, Vec<T> b, Vec<T> c) {
  const Vec<T> half = hn::Mul(set<T>(0.5), hn::Sub(a, c));
  const Vec<T> root = hn::Sqrt(hn::MulAdd(half, half, hn::Mul(b, b)));
  const Vec<T> sum = hn::Add(half, hn::CopySign(root, half));
  const Mask<T> flat = hn::Eq(sum, hn::Zero(Tag<T>()));
  return hn::IfThenElse(flat, c, hn::Sub(c, hn::Mul(b, hn::Div(b, sum))));
}

// Drops negligible e and finds each lane's block and shift.
template <class T>
HWY_INLINE bool find_block(int n, const Tridiagonal<T>& t, Vec<T> negligible, Block<T>& block, Vec<T>& shift) {
  constexpr int kN = kLanes<T>;
  BlockSearch<T> search;
  Vec<T> a = hn::Zero(Tag<T>()), b = a, c = a;
  for (int i = n - 2; i >= 0; --i) {
    const Vec<T> e = load(t.e + i * kN);
    const Mask<T> zero = hn::Le(hn::Abs(e), negligible);
    store<T>(hn::IfThenZeroElse(zero, e), t.e + i * kN);
    Mask<T> starts, ends, inside;
    search.step(i, zero, starts, ends, inside);
    a = hn::IfThenElse(starts, load(t.d + i * kN), a);
    b = hn::IfThenElse(starts, e, b);
    c = hn::IfThenElse(starts, load(t.d + (i + 1) * kN), c);
  }
  shift = wilkinson_shift<T>(a, b, c);
  return search.finish(block);
}

// One implicit QR sweep down each lane's block (the recurrence of EISPACK's imtql2); leaves the rotations in c, s.
template <class T>
HWY_INLINE void sweep(const Tridiagonal<T>& t, const Block<T>& block, Vec<T> shift) {
  constexpr int kN = kLanes<T>;
  const Vec<T> one = set<T>(1), zero = hn::Zero(Tag<T>());
  Vec<T> g = one, c = one, s = one, p = zero;
  for (int i = block.first; i < block.last; ++i) {
    T* di = t.d + i * kN;
    T* ei = t.e + i * kN;
    const Vec<T> row = set<T>(i), d = load(di), e = load(ei), d_next = load(di + kN);
    const Mask<T> top = hn::Eq(row, block.lo), below = hn::Lt(block.lo, row);
    const Mask<T> active = hn::And(hn::Lt(row, block.hi), hn::Le(block.lo, row));
    const Mask<T> last = hn::Eq(hn::Add(row, one), block.hi);
    g = hn::IfThenElse(top, hn::Sub(d, shift), g);
    c = hn::IfThenElse(top, one, c);
    s = hn::IfThenElse(top, one, s);
    p = hn::IfThenZeroElse(top, p);

    const Vec<T> f = hn::Mul(s, e), b = hn::Mul(c, e);
    const Rotation<T> r = rotation<T>(g, f);
    if (i > block.first) store<T>(hn::IfThenElse(hn::And(active, below), r.r, load(ei - kN)), ei - kN);
    const Vec<T> base = hn::Sub(d, p);
    const Vec<T> q = hn::MulAdd(hn::Sub(d_next, base), r.s, hn::Mul(hn::Add(r.c, r.c), b));
    p = hn::Mul(r.s, q);
    g = hn::MulSub(r.c, q, b);
    c = r.c;
    s = r.s;
    store<T>(hn::IfThenElse(active, hn::Add(base, p), d), di);
    store<T>(hn::IfThenElse(last, hn::Sub(d_next, p), d_next), di + kN);
    store<T>(hn::IfThenElse(last, g, e), ei);
    store<T>(hn::IfThenElse(active, c, one), t.c + i * kN);
    store<T>(hn::IfThenElse(active, s, zero), t.s + i * kN);
    g = hn::IfThenElse(active, g, one);  // nothing tiny in lanes that only wait
  }
}

// Diagonalises t and applies the rotations to the columns of q where `vectors`. Per lane, the number of elements
// beside the diagonal that did not converge goes to `failed`.
template <class T>
HWY_NOINLINE void diagonalise(int n, const Tridiagonal<T>& t, bool vectors, View<T> q, T* failed) {
  constexpr int kN = kLanes<T>;
  constexpr int kSweepsPerValue = 30;
  const Vec<T> zero = hn::Zero(Tag<T>()), one = set<T>(1);
  Vec<T> size = zero;
  for (int i = 0; i < n; ++i) size = hn::Max(size, hn::Abs(load(t.d + i * kN)));
  for (int i = 0; i + 1 < n; ++i) size = hn::Max(size, hn::Abs(load(t.e + i * kN)));
  const Vec<T> negligible = hn::Mul(size, set<T>(0.5 * std::numeric_limits<T>::epsilon()));

  Block<T> block;
  Vec<T> shift;
  for (int round = 0; find_block(n, t, negligible, block, shift) && round < kSweepsPerValue * n; ++round) {
    sweep(t, block, shift);
    if (vectors) rotate_columns(n, q, block.first, block.last, t.c, t.s);
  }
  Vec<T> left = zero;
  for (int i = 0; i + 1 < n; ++i) {
    left = hn::Add(left, hn::IfThenElse(hn::Ne(load(t.e + i * kN), zero), one, zero));
  }
  store(left, failed);
}

// Undoes the scaling of the values, and gives NaN to lanes with NaN or infinity in the matrix.
template <class T>
HWY_INLINE void finish(int n, bool vectors, Vec<T> back, Vec<T> bad, T* w, View<T> q, T* failed) {
  const Mask<T> lost = hn::IsNaN(bad);
  for (int i = 0; i < n; ++i) {
    T* wi = w + i * kLanes<T>;
    store<T>(hn::MulAdd(load(wi), back, bad), wi);
  }
  store<T>(hn::IfThenElse(lost, set<T>(n), load(failed)), failed);
  if (!vectors) return;
  // Adding zero also makes the sign of zeros independent of how long other lanes went on rotating.
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) q.put(i, j, hn::Add(q.get(i, j), bad));
  }
}

template <class T>
void eigh_items(int64_t begin, int64_t end, int n, Batch<T> batch, T* w, int64_t w_step, Batch<T> v,
                int32_t* info) {
  constexpr int kN = kLanes<T>;
  Arena<T> arena(2, 7);
  const View<T> a = arena.columns(n, n), q = arena.rows(n, n);
  const Tridiagonal<T> t(arena);
  T* taus = arena.vector();
  T* place = arena.vector();
  T* failed = arena.vector();
  const bool vectors = v.data != nullptr;
  each_group<T>(begin, end, [&](Group group) HWY_ATTR {
    load_group<T>(group, n, n, batch, a);
    Vec<T> bad;
    const Vec<T> scale = power_of_two_inverse<T>(largest(n, n, a, true, bad));
    multiply(n, n, a, scale);
    if (!hn::AllFalse(Tag<T>(), hn::IsNaN(bad))) {
      for (int j = 0; j < n; ++j) {
        for (int i = 0; i < n; ++i) a.put(i, j, hn::IfThenZeroElse(hn::IsNaN(bad), a.get(i, j)));
      }
    }
    reduce(n, a, t, taus);
    if (vectors) form_q(n, n, n - 1, 1, a, taus, q);
    diagonalise(n, t, vectors, q, failed);
    finish(n, vectors, power_of_two_inverse<T>(scale), bad, t.d, q, failed);
    rank<false>(n, t.d, place);
    if (vectors) store_columns(group, n, n, q, place, v, a.data);
    for (int l = 0; l < group.active; ++l) {
      T* to = w + (group.first + l) * w_step;
      for (int i = 0; i < n; ++i) to[place_of(place, i, l)] = t.d[i * kN + l];
      info[group.first + l] = static_cast<int32_t>(failed[l]);
    }
  });
}

void eigh_f32(int64_t begin, int64_t end, int n, Batch<float> a, float* w, int64_t w_step, Batch<float> v,
              int32_t* info) {
  eigh_items(begin, end, n, a, w, w_step, v, info);
}
void eigh_f64(int64_t begin, int64_t end, int n, Batch<double> a, double* w, int64_t w_step, Batch<double> v,
              int32_t* info) {
  eigh_items(begin, end, n, a, w, w_step, v, info);
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu::small {

HWY_EXPORT(eigh_f32);
HWY_EXPORT(eigh_f64);

template <class T>
void eigh(int64_t count, int64_t n, Batch<T> a, T* w, int64_t w_step, Batch<T> v, int32_t* info) {
  if (n == 0) {
    std::fill_n(info, count, 0);
    return;
  }
  for_groups<T>(count, 20.0 + 3.0 * n * n, [&](int64_t begin, int64_t end) {
    if constexpr (sizeof(T) == 4) {
      HWY_DYNAMIC_DISPATCH(eigh_f32)(begin, end, static_cast<int>(n), a, w, w_step, v, info);
    } else {
      HWY_DYNAMIC_DISPATCH(eigh_f64)(begin, end, static_cast<int>(n), a, w, w_step, v, info);
    }
  });
}

template void eigh<float>(int64_t, int64_t, Batch<float>, float*, int64_t, Batch<float>, int32_t*);
template void eigh<double>(int64_t, int64_t, Batch<double>, double*, int64_t, Batch<double>, int32_t*);

}  // namespace nngpu::cpu::small
#endif  // HWY_ONCE
