#include <cmath>

#include "backend/cpu/blas.h"
#include "backend/cpu/lapack/divide.h"
#include "backend/cpu/lapack/fortran.h"
#include "backend/cpu/lapack/panel.h"
#include "backend/cpu/lapack/tridiagonal_qr.h"
#include "backend/cpu/lapack/workspace.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kLeaf = 96;           // QR iterations below
constexpr int64_t kRootsPerThread = 8;  // a root costs about ten sweeps over the poles

// The k roots that deflation left: poles, weights w (squares sum to one), and q, whose column j becomes the
// distances of root j to the poles.
template <class T>
struct Secular {
  int64_t k;
  T rho;
  const T* poles;
  T* w;
  T* q;
  int64_t ldq;
};

template <class T>
int32_t find_roots(const Secular<T>& s, T* roots) {
  Workspace<int> info(s.k);
  parallel_for(s.k, kRootsPerThread, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j)
      fortran::laed4(static_cast<int>(s.k), static_cast<int>(j + 1), s.poles, s.w, s.q + j * s.ldq, s.rho,
                     roots + j, &info[j]);
  });
  for (int64_t j = 0; j < s.k; ++j)
    if (info[j] != 0) return info[j];
  return 0;
}

// The weights for which the computed roots are exact (Loewner's formula): with them the vectors are orthogonal
// however close the roots are.
template <class T>
void refit_weights(const Secular<T>& s) {
  parallel_for(s.k, 128, [&](int64_t begin, int64_t end) {
    Workspace<T> product(s.k);
    for (int64_t i = begin; i < end; ++i) product[i] = s.q[i + i * s.ldq];
    for (int64_t j = 0; j < s.k; ++j) {
      const T* column = s.q + j * s.ldq;
      const T pole = s.poles[j];
      for (int64_t i = begin; i < std::min(j, end); ++i) product[i] *= column[i] / (s.poles[i] - pole);
      for (int64_t i = std::max(j + 1, begin); i < end; ++i) product[i] *= column[i] / (s.poles[i] - pole);
    }
    for (int64_t i = begin; i < end; ++i) s.w[i] = std::copysign(std::sqrt(-product[i]), s.w[i]);
  });
}

// Column j of q becomes the unit vector of root j, in the order of the grouped columns.
template <class T>
void make_vectors(const Secular<T>& s, const int* order) {
  parallel_for(s.k, 32, [&](int64_t begin, int64_t end) {
    Workspace<T> vector(s.k);
    for (int64_t j = begin; j < end; ++j) {
      T* column = s.q + j * s.ldq;
      if (s.k > 2)
        for (int64_t i = 0; i < s.k; ++i) vector[i] = s.w[i] / column[i];
      else  // the solver returns unit vectors
        for (int64_t i = 0; i < s.k; ++i) vector[i] = column[i];
      T square;
      product_kernels<T>().inner(s.k, 1, 1, vector.data(), s.k, vector.data(), s.k, T(0), &square, 1);
      const T scale = T(1) / std::sqrt(square);
      for (int64_t i = 0; i < s.k; ++i) column[i] = vector[order[i] - 1] * scale;
    }
  });
}

// Joins the solved halves (n1 and n - n1) across the off-diagonal entry rho.
template <class T>
int32_t merge(int64_t n, int64_t n1, T rho, T* d, T* z, int64_t ldz) {
  const int64_t n2 = n - n1;
  // Deflated columns are stored whole, so q2 may need more than its two diagonal blocks.
  Workspace<T> weights(n), poles(n), w(n), q2(n * n);
  Workspace<int> integers(5 * n + 4);
  int* indxq = integers.data();
  int *indx = indxq + n, *order = indx + n, *indxp = order + n, *groups = indxp + n;
  for (int64_t i = 0; i < n1; ++i) weights[i] = z[n1 - 1 + i * ldz];
  for (int64_t i = n1; i < n; ++i) weights[i] = z[n1 + i * ldz];
  sorting_order(n1, d, 1, indxq);
  sorting_order(n2, d + n1, 1, indxq + n1);
  int k = 0, info = 0;
  {
    const fortran::SerialBlas serial;
    fortran::laed2(&k, static_cast<int>(n), static_cast<int>(n1), d, z, static_cast<int>(ldz), indxq, &rho,
                   weights.data(), poles.data(), w.data(), q2.data(), indx, order, indxp, groups, &info);
  }
  if (info != 0 || k == 0) return info;
  const int64_t ldq = k;
  Workspace<T> q(ldq * k);
  const Secular<T> secular{k, rho, poles.data(), w.data(), q.data(), ldq};
  info = find_roots(secular, d);
  if (info != 0) return info;
  if (k > 2) refit_weights(secular);
  make_vectors(secular, order);
  // Columns lie in groups: nonzero in the upper half only, in both, in the lower half only.
  const int64_t upper = groups[0] + groups[1], lower = groups[1] + groups[2];
  gemm<T>(n2, k, lower, T(1), {q2.data() + n1 * upper, 1, n2}, {q.data() + groups[0], 1, ldq}, T(0),
          {z + n1, 1, ldz});
  gemm<T>(n1, k, upper, T(1), {q2.data(), 1, n1}, {q.data(), 1, ldq}, T(0), {z, 1, ldz});
  return 0;
}

// z is zero on entry.
template <class T>
int32_t divide(int64_t n, T* d, T* e, T* z, int64_t ldz) {
  if (n <= kLeaf) return tridiagonal_qr(n, d, e, z, ldz);
  const int64_t n1 = n / 2;
  const T rho = e[n1 - 1];
  d[n1 - 1] -= std::abs(rho);
  d[n1] -= std::abs(rho);
  const int32_t info = both_halves([&](int64_t half) {
    const int64_t at = half * n1;
    return divide(half == 0 ? n1 : n - n1, d + at, e + at, z + at * (ldz + 1), ldz);
  });
  return info != 0 ? info : merge(n, n1, rho, d, z, ldz);
}

}  // namespace

template <class T>
int32_t tridiagonal_divide(int64_t n, T* d, T* e, T* z, int64_t ldz) {
  for (int64_t j = 0; j < n; ++j) std::fill(z + j * ldz, z + j * ldz + n, T(0));
  T largest = 0;  // deflation compares with weights of order one
  for (int64_t i = 0; i < n; ++i) largest = std::max({largest, std::abs(d[i]), i + 1 < n ? std::abs(e[i]) : T(0)});
  if (largest == T(0)) {
    for (int64_t i = 0; i < n; ++i) z[i + i * ldz] = 1;
    return 0;
  }
  for (int64_t i = 0; i < n; ++i) d[i] /= largest;
  for (int64_t i = 0; i + 1 < n; ++i) e[i] /= largest;
  const int32_t info = divide(n, d, e, z, ldz);
  for (int64_t i = 0; i < n; ++i) d[i] *= largest;
  return info;
}

template int32_t tridiagonal_divide(int64_t, float*, float*, float*, int64_t);
template int32_t tridiagonal_divide(int64_t, double*, double*, double*, int64_t);

}  // namespace nngpu::cpu
