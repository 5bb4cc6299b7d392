// Singular value decomposition. A matrix with an entry that is not finite gets NaN values and vectors and info
// n + 1.
#include <algorithm>
#include <limits>

#include "backend/cpu/lapack.h"
#include "backend/cpu/lapack/dispatch.h"
#include "backend/cpu/lapack/divide.h"
#include "backend/cpu/lapack/fortran.h"
#include "backend/cpu/lapack/householder.h"
#include "backend/cpu/lapack/reduction.h"
#include "backend/cpu/lapack/scaling.h"
#include "backend/cpu/lapack/small.h"
#include "backend/cpu/lapack/workspace.h"

namespace nngpu::cpu {
namespace {

template <class T>
void transpose(int64_t m, int64_t n, const T* a, int64_t lda, T* out, int64_t ldo) {
  constexpr int64_t kTile = 32;
  for (int64_t j0 = 0; j0 < n; j0 += kTile)
    for (int64_t i0 = 0; i0 < m; i0 += kTile)
      for (int64_t j = j0; j < std::min(n, j0 + kTile); ++j)
        for (int64_t i = i0; i < std::min(m, i0 + kTile); ++i) out[j + i * ldo] = a[i + j * lda];
}

// Singular values alone of the upper bidiagonal (d, e), descending in d.
template <class T>
int32_t bidiagonal_values(int64_t n, T* d, T* e) {
  Workspace<T> work(4 * n);
  Workspace<int> iwork(8 * n);
  int info;
  fortran::bdsdc('N', static_cast<int>(n), d, e, static_cast<T*>(nullptr), 1, static_cast<T*>(nullptr), 1,
                 work.data(), iwork.data(), &info);
  return info;
}

// Where U and V^T of the result go. `u` is m x u_columns, `v` is n x v_columns; both may have any strides.
template <class T>
struct Vectors {
  Matrix<T> u, v;
  int64_t u_columns = 0, v_columns = 0;
  bool wanted() const { return u.data != nullptr; }
};

// to (rows x columns) = columns `order` of from (n x n) in the corner of an identity. With `transposed`, rows of
// it.
template <class T>
void embed(int64_t n, int64_t rows, int64_t columns, const T* from, int64_t ldf, bool transposed, const int* order,
           Matrix<T> to) {
  if (to.rs > to.cs) {  // row by row: `to` is written along its unit stride
    parallel_for(rows, 65536 / std::max<int64_t>(1, columns), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T* row = to.data + i * to.rs;
        std::fill(row, row + columns, T(0));
        if (i >= n && i < columns) row[i] = 1;
        for (int64_t j = 0; i < n && j < std::min(n, columns); ++j)
          row[j] = transposed ? from[order[j] + i * ldf] : from[i + order[j] * ldf];
      }
    });
    return;
  }
  parallel_for(columns, 65536 / std::max<int64_t>(1, rows), [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      T* column = to.data + j * to.cs;
      std::fill(column, column + rows, T(0));
      if (j >= n && j < rows) column[j] = 1;
      for (int64_t i = 0; j < n && i < std::min(n, rows); ++i)
        column[i] = transposed ? from[order[j] + i * ldf] : from[i + order[j] * ldf];
    }
  });
}

// The direct way for m >= n.
template <class T>
int32_t tall_svd(int64_t m, int64_t n, T* a, int64_t lda, T* s, const Vectors<T>& out) {
  const bool vectors = out.wanted();
  const int64_t ldv = padded_ld<T>(m), ldu = padded_ld<T>(n);
  Workspace<T> e(n), tau_q(n), tau_p(n), left(vectors ? ldv * n : 0), right(vectors ? ldu * n : 0);
  bidiagonalise(m, n, a, lda, s, e.data(), tau_q.data(), vectors ? left.data() : nullptr, ldv, tau_p.data(),
                vectors ? right.data() : nullptr, ldu);
  if (!vectors) return bidiagonal_values(n, s, e.data());
  Workspace<T> ub(ldu * n), vtb(ldu * n), values(n);
  Workspace<int> order(n);
  const int32_t info = bidiagonal_divide(n, s, e.data(), ub.data(), ldu, vtb.data(), ldu);
  if (info != 0) return info;
  sorting_order(n, s, 0, order.data());
  std::reverse(order.data(), order.data() + n);
  std::copy(s, s + n, values.data());
  for (int64_t i = 0; i < n; ++i) s[i] = values[order[i]];
  embed(n, m, out.u_columns, ub.data(), ldu, false, order.data(), out.u);
  embed(n, n, out.v_columns, vtb.data(), ldu, true, order.data(), out.v);
  apply_reflector_blocks<T>(m, n, out.u_columns, left.data(), ldv, tau_q.data(), out.u);
  apply_reflector_blocks<T>(n - 1, n - 1, out.v_columns, right.data() + 1, ldu, tau_p.data(),
                            {out.v.data + out.v.rs, out.v.rs, out.v.cs});
  return 0;
}

// m well above n: the SVD of R, and U = Q U_R. What the QR costs, a reduction of n x n instead of m x n saves.
template <class T>
int32_t very_tall_svd(int64_t m, int64_t n, T* a, int64_t lda, T* s, const Vectors<T>& out) {
  const bool vectors = out.wanted();
  const int64_t rows = out.u_columns > n ? m : n, ldq = padded_ld<T>(m), ldr = padded_ld<T>(rows),
                ldu = padded_ld<T>(n);
  Workspace<T> q(vectors ? ldq * rows : 0), r(ldr * n), u(vectors ? ldu * n : 0);
  qr<T>(1, m, n, rows > n, {a, lda, 0}, {vectors ? q.data() : nullptr, ldq, 0}, {r.data(), ldr, 0});
  if (!vectors) return tall_svd(n, n, r.data(), ldr, s, out);
  const int32_t info = tall_svd(n, n, r.data(), ldr, s, Vectors<T>{{u.data(), 1, ldu}, out.v, n, n});
  if (info != 0) return info;
  gemm<T>(m, n, n, T(1), {q.data(), 1, ldq}, {u.data(), 1, ldu}, T(0), out.u);
  for (int64_t j = n; j < out.u_columns; ++j)
    for (int64_t i = 0; i < m; ++i) out.u.data[i * out.u.rs + j * out.u.cs] = q[i + j * ldq];
  return 0;
}

// m >= n >= 1, entries of a moderate size.
template <class T>
int32_t any_tall_svd(int64_t m, int64_t n, T* a, int64_t lda, T* s, const Vectors<T>& out) {
  return 5 * m >= 8 * n ? very_tall_svd(m, n, a, lda, s, out) : tall_svd(m, n, a, lda, s, out);
}

template <class T>
int32_t fail(int64_t m, int64_t n, int32_t info, T* s, const Vectors<T>& out) {
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
  std::fill(s, s + std::min(m, n), kNan);
  const auto poison = [&](int64_t rows, int64_t columns, Matrix<T> x) {
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = 0; i < rows; ++i) x.data[i * x.rs + j * x.cs] = kNan;
  };
  if (out.wanted()) poison(m, out.u_columns, out.u), poison(n, out.v_columns, out.v);
  return info;
}

template <class T>
int32_t svd_item(int64_t m, int64_t n, bool full, T* a, int64_t lda, T* u, int64_t ldu, T* s, T* vt,
                 int64_t ldvt) {
  const int64_t k = std::min(m, n);
  Vectors<T> out{{u, 1, ldu}, {vt, ldvt, 1}, full ? m : k, full ? n : k};
  if (k == 0) {
    if (out.wanted()) embed<T>(0, m, out.u_columns, nullptr, 1, false, nullptr, out.u);
    if (out.wanted()) embed<T>(0, n, out.v_columns, nullptr, 1, false, nullptr, out.v);
    return 0;
  }
  const T largest = largest_magnitude(m, n, a, lda);
  if (!(largest <= std::numeric_limits<T>::max())) return fail(m, n, static_cast<int32_t>(n + 1), s, out);
  const T scale = range_scale(largest);
  scale_matrix(m, n, scale, a, lda);
  int32_t info;
  if (m >= n) {
    info = any_tall_svd(m, n, a, lda, s, out);
  } else {
    const int64_t ld = padded_ld<T>(n);
    Workspace<T> flipped(ld * m);
    transpose(m, n, a, lda, flipped.data(), ld);
    info = any_tall_svd(n, m, flipped.data(), ld, s, Vectors<T>{out.v, out.u, out.v_columns, out.u_columns});
  }
  if (info != 0) return fail(m, n, info, s, out);
  scale_matrix(k, 1, T(1) / scale, s, k);
  return 0;
}

}  // namespace

template <class T>
void svd(int64_t count, int64_t m, int64_t n, bool full, Batch<T> a, Batch<T> u, T* s, int64_t s_step, Batch<T> vt,
         int32_t* info) {
  if (small::fits(m, n)) return small::svd(count, m, n, full, a, u, s, s_step, vt, info);
  for_each_item(count, std::max(m, n), [&](int64_t i) {
    info[i] = svd_item(m, n, full, a.data + i * a.step, a.ld, u.data ? u.data + i * u.step : nullptr, u.ld,
                       s + i * s_step, vt.data ? vt.data + i * vt.step : nullptr, vt.ld);
  });
}

template void svd(int64_t, int64_t, int64_t, bool, Batch<float>, Batch<float>, float*, int64_t, Batch<float>,
                  int32_t*);
template void svd(int64_t, int64_t, int64_t, bool, Batch<double>, Batch<double>, double*, int64_t, Batch<double>,
                  int32_t*);

}  // namespace nngpu::cpu
