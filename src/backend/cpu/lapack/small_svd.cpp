// Singular value decompositions of small matrices, one matrix a lane: Householder reduction to bidiagonal form,
// then implicit QR (Golub and Kahan; Demmel and Kahan's zero shift for singular blocks) in lockstep. Every lane
// follows its own blocks and shifts under masks, so the steps it takes are those it would take alone.
#include "backend/cpu/lapack/small.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lapack/small_svd.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include "backend/cpu/lapack/small_bidiagonal-inl.h"
#include "backend/cpu/lapack/small_permute-inl.h"
#include "backend/cpu/lapack/small_reflect-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// U^T A V = B upper bidiagonal, m >= n, unblocked as LAPACK's gebd2. The reflectors stay in a: those of U below
// the diagonal, those of V right of the superdiagonal.
template <class T>
HWY_NOINLINE void reduce(int m, int n, View<T> a, const Bidiagonal<T>& b, T* taus_u, T* taus_v) {
  constexpr int kN = kLanes<T>;
  const View<T> at = a.transposed();
  for (int k = 0; k < n; ++k) {
    const Vec<T> tau = make_reflector(a.at(k, k), a.rs, m - k);
    store(tau, taus_u + k * kN);
    store(a.get(k, k), b.d + k * kN);
    apply_reflector(a.at(k, k), a.rs, m - k, tau, n - k - 1, a.from(k, k + 1));
    if (k + 1 == n) break;
    const Vec<T> tau_v = make_reflector(a.at(k, k + 1), a.cs, n - k - 1);
    store(tau_v, taus_v + k * kN);
    store(a.get(k, k + 1), b.e + k * kN);
    apply_reflector(a.at(k, k + 1), a.cs, n - k - 1, tau_v, m - k - 1, at.from(k + 1, k + 1));
  }
}

// Makes the values nonnegative (turning columns of v), undoes their scaling, and gives NaN to lanes with NaN or
// infinity in the matrix.
template <class T>
HWY_INLINE void finish(int m, int n, int k, bool vectors, Vec<T> back, Vec<T> bad, const Bidiagonal<T>& b,
                       View<T> u, View<T> v, T* failed) {
  const Vec<T> zero = hn::Zero(Tag<T>());
  for (int j = 0; j < n; ++j) {
    T* dj = b.d + j * kLanes<T>;
    const Vec<T> x = load(dj);
    const Mask<T> negative = hn::Lt(x, zero);
    store<T>(hn::MulAdd(hn::Abs(x), back, bad), dj);
    if (!vectors) continue;
    // Adding zero also makes the sign of zeros independent of how long other lanes went on rotating.
    for (int i = 0; i < n; ++i) {
      const Vec<T> y = v.get(i, j);
      v.put(i, j, hn::Add(hn::IfThenElse(negative, hn::Neg(y), y), bad));
    }
  }
  store<T>(hn::IfThenElse(hn::IsNaN(bad), set<T>(n), load(failed)), failed);
  if (!vectors) return;
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < k; ++j) u.put(i, j, hn::Add(u.get(i, j), bad));
  }
}

// The scaled matrix in lanes, with zeros for lanes that hold NaN or infinity. Returns the scale.
template <class T>
HWY_INLINE Vec<T> prepare(int m, int n, View<T> a, Vec<T>& bad) {
  const Vec<T> scale = power_of_two_inverse<T>(largest(m, n, a, false, bad));
  multiply(m, n, a, scale);
  const Mask<T> lost = hn::IsNaN(bad);
  if (hn::AllFalse(Tag<T>(), lost)) return scale;
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < m; ++i) a.put(i, j, hn::IfThenZeroElse(lost, a.get(i, j)));
  }
  return scale;
}

// A matrix with fewer rows than columns is decomposed as its transpose, with u and vt changing places.
template <class T>
void svd_items(int64_t begin, int64_t end, int rows, int columns, bool full, Batch<T> batch, Batch<T> u_batch,
               T* values, int64_t values_step, Batch<T> vt_batch, int32_t* info) {
  constexpr int kN = kLanes<T>;
  const bool wide = rows < columns, vectors = u_batch.data != nullptr;
  const int m = std::max(rows, columns), n = std::min(rows, columns), k = full ? m : n;
  Arena<T> arena(3, 9);
  // a has room for u: it is the work space of the stores.
  const View<T> a = arena.columns(m, k), u = arena.rows(m, k), v = arena.rows(n, n);
  const Bidiagonal<T> b(arena);
  T* taus_u = arena.vector();
  T* taus_v = b.cl;  // free until the iteration
  T* place = arena.vector();
  T* failed = arena.vector();
  each_group<T>(begin, end, [&](Group group) HWY_ATTR {
    load_group<T>(group, rows, columns, batch, wide ? a.transposed() : a);
    Vec<T> bad;
    const Vec<T> scale = prepare(m, n, a, bad);
    reduce(m, n, a, b, taus_u, taus_v);
    if (vectors) {
      form_q(m, k, n, 0, a, taus_u, u);
      form_q(n, n, n - 1, 1, a.transposed(), taus_v, v);
    }
    diagonalise(m, n, b, vectors, u, v, failed);
    finish(m, n, k, vectors, power_of_two_inverse<T>(scale), bad, b, u, v, failed);
    rank<true>(n, b.d, place);
    for (int j = n; j < k; ++j) store<T>(set<T>(j), place + j * kN);
    if (vectors && wide) {
      store_columns(group, n, n, v, place, u_batch, a.data);
      store_rows(group, m, k, u, place, vt_batch, a.data);
    } else if (vectors) {
      store_columns(group, m, k, u, place, u_batch, a.data);
      store_rows(group, n, n, v, place, vt_batch, a.data);
    }
    for (int l = 0; l < group.active; ++l) {
      T* to = values + (group.first + l) * values_step;
      for (int i = 0; i < n; ++i) to[place_of(place, i, l)] = b.d[i * kN + l];
      info[group.first + l] = static_cast<int32_t>(failed[l]);
    }
  });
}

void svd_f32(int64_t begin, int64_t end, int m, int n, bool full, Batch<float> a, Batch<float> u, float* s,
             int64_t s_step, Batch<float> vt, int32_t* info) {
  svd_items(begin, end, m, n, full, a, u, s, s_step, vt, info);
}
void svd_f64(int64_t begin, int64_t end, int m, int n, bool full, Batch<double> a, Batch<double> u, double* s,
             int64_t s_step, Batch<double> vt, int32_t* info) {
  svd_items(begin, end, m, n, full, a, u, s, s_step, vt, info);
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu::small {

HWY_EXPORT(svd_f32);
HWY_EXPORT(svd_f64);

template <class T>
void svd(int64_t count, int64_t m, int64_t n, bool full, Batch<T> a, Batch<T> u, T* s, int64_t s_step, Batch<T> vt,
         int32_t* info) {
  const int rows = static_cast<int>(m), columns = static_cast<int>(n);
  for_groups<T>(count, 30.0 + 8.0 * m * n, [&](int64_t begin, int64_t end) {
    if constexpr (sizeof(T) == 4) {
      HWY_DYNAMIC_DISPATCH(svd_f32)(begin, end, rows, columns, full, a, u, s, s_step, vt, info);
    } else {
      HWY_DYNAMIC_DISPATCH(svd_f64)(begin, end, rows, columns, full, a, u, s, s_step, vt, info);
    }
  });
}

template void svd<float>(int64_t, int64_t, int64_t, bool, Batch<float>, Batch<float>, float*, int64_t,
                         Batch<float>, int32_t*);
template void svd<double>(int64_t, int64_t, int64_t, bool, Batch<double>, Batch<double>, double*, int64_t,
                          Batch<double>, int32_t*);

}  // namespace nngpu::cpu::small
#endif  // HWY_ONCE
