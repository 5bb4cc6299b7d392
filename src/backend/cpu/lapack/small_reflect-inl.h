// Scaling by powers of two and Householder reflectors for matrices in lanes.
#if defined(NNGPU_SMALL_REFLECT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_SMALL_REFLECT_INL_H_
#undef NNGPU_SMALL_REFLECT_INL_H_
#else
#define NNGPU_SMALL_REFLECT_INL_H_
#endif

#include <limits>

#include "backend/cpu/lapack/small_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// For x >= 0 a power of two s with 1 <= s x < 2, nearly so at the ends of the range: s and 1 / s are normal.
template <class T>
HWY_INLINE Vec<T> power_of_two_inverse(Vec<T> x) {
  constexpr Tag<T> d;
  constexpr hn::RebindToUnsigned<Tag<T>> du;
  using U = hn::TFromD<decltype(du)>;
  constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  constexpr U kBias = std::numeric_limits<T>::max_exponent - 1;
  constexpr U kExponent = (2 * kBias + 1) << kMantissa;
  constexpr T kLeast = 4 * std::numeric_limits<T>::min();
  const Vec<T> inside = hn::Min(hn::Max(x, set<T>(kLeast)), set<T>(1 / kLeast));
  const auto exponent = hn::And(hn::BitCast(du, inside), hn::Set(du, kExponent));
  return hn::BitCast(d, hn::Sub(hn::Set(du, (2 * kBias) << kMantissa), exponent));
}

// Largest |a(i, j)| of an m x n matrix; `bad` is NaN in lanes with an infinity or NaN, else 0.
template <class T>
HWY_INLINE Vec<T> largest(int m, int n, View<T> a, bool lower, Vec<T>& bad) {
  const Vec<T> zero = hn::Zero(Tag<T>());
  Vec<T> most = zero;
  bad = zero;
  for (int j = 0; j < n; ++j) {
    for (int i = lower ? j : 0; i < m; ++i) {
      const Vec<T> x = a.get(i, j);
      most = hn::Max(most, hn::Abs(x));
      bad = hn::MulAdd(x, zero, bad);
    }
  }
  return most;
}

template <class T>
HWY_INLINE void multiply(int m, int n, View<T> a, Vec<T> factor) {
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < m; ++i) a.put(i, j, hn::Mul(a.get(i, j), factor));
  }
}

// H = I - tau v v^T with v(0) = 1 and H x = (beta, 0, ...). x has len >= 1 elements `stride` apart: x(0) becomes
// beta, the others v. As LAPACK's larfg, but the norm is taken of x scaled by a power of two, which can neither
// overflow nor underflow. A tail too small to matter beside 1 (the size of the matrix) is dropped, with tau = 0.
template <class T>
HWY_INLINE Vec<T> make_reflector(T* x, int64_t stride, int len) {
  constexpr Tag<T> d;
  constexpr T kNothing = sizeof(T) == 4 ? T(0x1p-100) : T(0x1p-900);
  const Vec<T> zero = hn::Zero(d), one = set<T>(1), alpha = load(x);
  Vec<T> tail = zero;
  for (int i = 1; i < len; ++i) tail = hn::Max(tail, hn::Abs(load(x + i * stride)));
  const Mask<T> nothing = hn::Lt(tail, set<T>(kNothing));
  const Vec<T> scale = power_of_two_inverse<T>(hn::Max(hn::Max(tail, hn::Abs(alpha)), set<T>(kNothing)));

  Vec<T> even = zero, odd = zero;
  int i = 1;
  for (; i + 1 < len; i += 2) {
    const Vec<T> y = hn::Mul(load(x + i * stride), scale), z = hn::Mul(load(x + (i + 1) * stride), scale);
    even = hn::MulAdd(y, y, even);
    odd = hn::MulAdd(z, z, odd);
  }
  if (i < len) {
    const Vec<T> y = hn::Mul(load(x + i * stride), scale);
    even = hn::MulAdd(y, y, even);
  }
  const Vec<T> head = hn::Mul(alpha, scale);
  const Vec<T> norm = hn::Sqrt(hn::MulAdd(head, head, hn::Add(even, odd)));
  const Vec<T> beta = hn::CopySign(norm, hn::Neg(head));
  const Vec<T> gap = hn::Sub(head, beta);  // no cancellation: the signs differ
  const Vec<T> tau = hn::IfThenZeroElse(nothing, hn::Neg(hn::Div(gap, beta)));
  const Vec<T> factor = hn::IfThenZeroElse(nothing, hn::Mul(scale, hn::Div(one, gap)));
  for (i = 1; i < len; ++i) store<T>(hn::Mul(load(x + i * stride), factor), x + i * stride);
  // Dividing by a power of two is exact.
  store<T>(hn::IfThenElse(nothing, alpha, hn::Mul(beta, power_of_two_inverse<T>(scale))), x);
  return tau;
}

// Columns j .. j + kCols of a: a := H a for a reflector of len elements (v(0) = 1 is not read).
template <int kCols, class T>
HWY_INLINE void reflect(const T* v, int64_t stride, int len, Vec<T> tau, View<T> a) {
  Vec<T> w[kCols];
  HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) w[c] = a.get(0, c);
  for (int i = 1; i < len; ++i) {
    const Vec<T> x = load(v + i * stride);
    HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) w[c] = hn::MulAdd(x, a.get(i, c), w[c]);
  }
  HWY_UNROLL(8)
  for (int c = 0; c < kCols; ++c) {
    w[c] = hn::Mul(w[c], tau);
    a.put(0, c, hn::Sub(a.get(0, c), w[c]));
  }
  for (int i = 1; i < len; ++i) {
    const Vec<T> x = load(v + i * stride);
    HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) a.put(i, c, hn::NegMulAdd(x, w[c], a.get(i, c)));
  }
}

template <class T>
HWY_INLINE void apply_reflector(const T* v, int64_t stride, int len, Vec<T> tau, int columns, View<T> a) {
  int j = 0;
  for (; j + 8 <= columns; j += 8) reflect<8>(v, stride, len, tau, a.from(0, j));
  for (; j + 4 <= columns; j += 4) reflect<4>(v, stride, len, tau, a.from(0, j));
  for (; j < columns; ++j) reflect<1>(v, stride, len, tau, a.from(0, j));
}

// q (m x k) := H_0 H_1 ... H_(count-1) applied to the first k columns of the identity. H_i acts on rows
// offset + i ..; its vector lies in column i of a below row offset + i, its tau in vector i of taus.
template <class T>
HWY_NOINLINE void form_q(int m, int k, int count, int offset, View<T> a, const T* taus, View<T> q) {
  const Vec<T> zero = hn::Zero(Tag<T>()), one = set<T>(1);
  for (int j = 0; j < k; ++j) {
    for (int i = 0; i < m; ++i) q.put(i, j, i == j ? one : zero);
  }
  for (int i = count - 1; i >= 0; --i) {
    const int row = offset + i;
    const Vec<T> tau = load(taus + i * kLanes<T>);
    apply_reflector(a.at(row, i), a.rs, m - row, tau, k - row, q.from(row, row));
  }
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NNGPU_SMALL_REFLECT_INL_H_
