// One rotation of a sweep needs the one before it, through a square root: some forty cycles in which the processor
// has nothing else to do. So each rotation is applied to the vectors as soon as it is known, and the vector work
// runs in the shadow of the chain.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lapack/tridiagonal_qr.cpp"
#include "backend/cpu/lapack/tridiagonal_qr.h"

#include <hwy/foreach_target.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/lapack/workspace.h"
#include "backend/cpu/targets.h"
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
struct Rotation {
  T c, s, r;  // c g + s f = r, c f - s g = 0
};

// The quotients do not wait for the root: c = (g / x) sqrt(x) for x = g^2 + f^2.
template <class T>
HWY_INLINE Rotation<T> make_rotation(T g, T f) {
  constexpr T kSmall = sizeof(T) == 4 ? T(0x1p-90) : T(0x1p-900);
  const T x = g * g + f * f;
  if (HWY_UNLIKELY(!(x >= kSmall))) {
    const T r = std::hypot(g, f);
    if (r < std::numeric_limits<T>::min()) return {T(1), T(0), g};
    return {g / r, f / r, r};
  }
  const T r = std::sqrt(x), inverse = T(1) / x;
  return {g * inverse * r, f * inverse * r, r};
}

// Columns a and b, `rows` long (whole vectors), become c a + s b and c b - s a.
template <class T>
HWY_INLINE void rotate(int64_t rows, T c, T s, T* HWY_RESTRICT a, T* HWY_RESTRICT b) {
  const hn::ScalableTag<T> d;
  const auto cv = hn::Set(d, c), sv = hn::Set(d, s);
  for (int64_t i = 0; i < rows; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto x = hn::Load(d, a + i), y = hn::Load(d, b + i);
    hn::Store(hn::MulAdd(cv, x, hn::Mul(sv, y)), d, a + i);
    hn::Store(hn::NegMulAdd(sv, x, hn::Mul(cv, y)), d, b + i);
  }
}

template <class T>
struct Problem {
  T *d, *e, *z;
  int64_t rows, ldz;
};

// The eigenvalue of [a b; b c] closer to c (Wilkinson's shift).
template <class T>
T wilkinson_shift(T a, T b, T c) {
  const T half = T(0.5) * (a - c);
  const T sum = half + std::copysign(std::sqrt(half * half + b * b), half);
  return sum == T(0) ? c : c - b * (b / sum);
}

// One sweep over the unreduced rows lo .. hi (the recurrence of EISPACK's imtql2, downwards).
template <class T>
HWY_NOINLINE void sweep(const Problem<T>& t, int64_t lo, int64_t hi) {
  T g = t.d[lo] - wilkinson_shift(t.d[hi - 1], t.e[hi - 1], t.d[hi]), c = 1, s = 1, p = 0;
  for (int64_t i = lo; i < hi; ++i) {
    const T f = s * t.e[i], b = c * t.e[i];
    const Rotation<T> rotation = make_rotation(g, f);
    c = rotation.c;
    s = rotation.s;
    if (i > lo) t.e[i - 1] = rotation.r;
    const T base = t.d[i] - p;
    const T q = (t.d[i + 1] - base) * s + (c + c) * b;
    p = s * q;
    g = c * q - b;
    t.d[i] = base + p;
    rotate(t.rows, c, s, t.z + i * t.ldz, t.z + (i + 1) * t.ldz);
  }
  t.d[hi] -= p;
  t.e[hi - 1] = g;
}

template <class T>
int32_t diagonalise(int64_t n, const Problem<T>& t) {
  constexpr int64_t kSweepsPerValue = 30;
  constexpr T kNegligible = std::numeric_limits<T>::epsilon() / 2;
  int64_t hi = n - 1;
  for (int64_t round = 0; round < kSweepsPerValue * n; ++round) {
    while (hi > 0 && std::abs(t.e[hi - 1]) <= kNegligible) --hi;
    if (hi <= 0) return 0;
    int64_t lo = hi - 1;
    while (lo > 0 && !(std::abs(t.e[lo - 1]) <= kNegligible)) --lo;
    sweep(t, lo, hi);
  }
  return static_cast<int32_t>(std::count_if(t.e, t.e + hi, [](T e) { return !(std::abs(e) <= kNegligible); }));
}

template <class T>
int32_t solve(int64_t n, T* d, T* e, T* z, int64_t ldz) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  const int64_t rows = (n + lanes - 1) / lanes * lanes, ld = padded_ld<T>(rows);
  Workspace<T> vectors(ld * n);
  for (int64_t j = 0; j < n; ++j) {
    T* column = vectors.data() + j * ld;
    std::fill(column, column + rows, T(0));
    column[j] = 1;
  }
  const int32_t info = diagonalise<T>(n, {d, e, vectors.data(), rows, ld});
  for (int64_t j = 0; j < n; ++j) std::copy_n(vectors.data() + j * ld, n, z + j * ldz);
  return info;
}

int32_t solve_f32(int64_t n, float* d, float* e, float* z, int64_t ldz) { return solve(n, d, e, z, ldz); }
int32_t solve_f64(int64_t n, double* d, double* e, double* z, int64_t ldz) { return solve(n, d, e, z, ldz); }

}  // namespace HWY_NAMESPACE
}  // namespace nngpu::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
namespace {
HWY_EXPORT(solve_f32);
HWY_EXPORT(solve_f64);
}  // namespace

template <>
int32_t tridiagonal_qr(int64_t n, float* d, float* e, float* z, int64_t ldz) {
  return HWY_DYNAMIC_DISPATCH(solve_f32)(n, d, e, z, ldz);
}
template <>
int32_t tridiagonal_qr(int64_t n, double* d, double* e, double* z, int64_t ldz) {
  return HWY_DYNAMIC_DISPATCH(solve_f64)(n, d, e, z, ldz);
}

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
