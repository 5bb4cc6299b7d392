#include <cmath>
#include <limits>

#include "backend/cpu/blas.h"
#include "backend/cpu/lapack/divide.h"
#include "backend/cpu/lapack/fortran.h"
#include "backend/cpu/lapack/panel.h"
#include "backend/cpu/lapack/workspace.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kLeaf = 128;          // LAPACK below
constexpr int64_t kRootsPerThread = 8;  // a root costs about ten sweeps over the poles

// One node of the tree: the rows of two solved halves (nl and nr) and the row (alpha, beta) between them; n =
// nl + 1 + nr rows, m = n + extra columns.
template <class T>
class Merge {
 public:
  Merge(int64_t nl, int64_t nr, int64_t extra, T* d, T* u, int64_t ldu, T* vt, int64_t ldvt)
      : nl_(nl),
        nr_(nr),
        n_(nl + nr + 1),
        m_(n_ + extra),
        extra_(extra),
        ldu_(ldu),
        ldvt_(ldvt),
        d_(d),
        u_(u),
        vt_(vt),
        z_(m_),
        poles_(n_),
        u2_(n_ * n_),
        vt2_(m_ * m_),
        integers_(5 * n_ + 4) {}

  int32_t run(T alpha, T beta) {
    d_[nl_] = 0;
    T largest = std::max(std::abs(alpha), std::abs(beta));
    for (int64_t i = 0; i < n_; ++i) largest = std::max(largest, std::abs(d_[i]));
    if (largest == T(0)) largest = 1;
    for (int64_t i = 0; i < n_; ++i) d_[i] /= largest;
    int32_t info = deflate(alpha / largest, beta / largest);
    if (info == 0) info = k_ == 1 ? single_root() : all_roots();
    for (int64_t i = 0; i < n_; ++i) d_[i] *= largest;
    return info;
  }

 private:
  int32_t deflate(T alpha, T beta) {
    int* sorted = integers_.data();
    int *idx = sorted + n_, *idxp = idx + n_;
    order_ = idxp + n_;
    groups_ = order_ + n_;
    sorting_order(nl_, d_, 1, sorted);
    sorting_order(nr_, d_ + nl_ + 1, 1, sorted + nl_ + 1);
    const fortran::SerialBlas serial;
    int info;
    fortran::lasd2(static_cast<int>(nl_), static_cast<int>(nr_), static_cast<int>(extra_), &k_, d_, z_.data(),
                   alpha, beta, u_, static_cast<int>(ldu_), vt_, static_cast<int>(ldvt_), poles_.data(),
                   u2_.data(), static_cast<int>(n_), vt2_.data(), static_cast<int>(m_), idxp, idx, order_, sorted,
                   groups_, &info);
    return info;
  }

  int32_t single_root() {
    d_[0] = std::abs(z_[0]);
    for (int64_t i = 0; i < m_; ++i) vt_[i * ldvt_] = vt2_[i * m_];
    for (int64_t i = 0; i < n_; ++i) u_[i] = z_[0] > T(0) ? u2_[i] : -u2_[i];
    return 0;
  }

  int32_t all_roots() {
    Workspace<T> difference(int64_t{k_} * k_), sum(int64_t{k_} * k_), left(int64_t{k_} * k_);
    const int32_t info = find_roots(difference.data(), sum.data());
    if (info != 0) return info;
    make_vectors(difference.data(), sum.data(), left.data());
    multiply_left(left.data());
    multiply_right(sum.data());
    return 0;
  }

  // Column j: poles - root j, poles + root j. Then z becomes the weights for which the roots are exact.
  int32_t find_roots(T* difference, T* sum) {
    const int64_t k = k_;
    T square;
    product_kernels<T>().inner(k, 1, 1, z_.data(), k, z_.data(), k, T(0), &square, 1);
    const T norm = std::sqrt(square);
    Workspace<T> unit(k);
    for (int64_t i = 0; i < k; ++i) unit[i] = z_[i] / norm;
    Workspace<int> info(k);
    parallel_for(k, kRootsPerThread, [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j)
        fortran::lasd4(k_, static_cast<int>(j + 1), poles_.data(), unit.data(), difference + j * k, norm * norm,
                       d_ + j, sum + j * k, &info[j]);
    });
    for (int64_t j = 0; j < k; ++j)
      if (info[j] != 0) return info[j];
    parallel_for(k, 128, [&](int64_t begin, int64_t end) { refit_weights(begin, end, difference, sum); });
    return 0;
  }

  void refit_weights(int64_t begin, int64_t end, const T* difference, const T* sum) {
    const int64_t k = k_;
    const T* last = difference + (k - 1) * k;
    Workspace<T> product(k);
    for (int64_t i = begin; i < end; ++i) product[i] = last[i] * sum[i + (k - 1) * k];
    // Root j lies between poles j and j + 1; each is paired with the pole on the side away from pole i.
    for (int64_t j = 0; j + 1 < k; ++j) {
      const T *minus = difference + j * k, *plus = sum + j * k;
      const auto update = [&](int64_t from, int64_t to, T pole) {
        for (int64_t i = from; i < to; ++i)
          product[i] *= minus[i] * plus[i] / (poles_[i] - pole) / (poles_[i] + pole);
      };
      update(begin, std::min(j + 1, end), poles_[j + 1]);
      update(std::max(j + 1, begin), end, poles_[j]);
    }
    for (int64_t i = begin; i < end; ++i) z_[i] = std::copysign(std::sqrt(std::abs(product[i])), z_[i]);
  }

  // Column j of `left` and, over `sum`, of the right vectors of root j, both in the order of the grouped columns.
  void make_vectors(const T* difference, T* sum, T* left) {
    const int64_t k = k_;
    parallel_for(k, 32, [&](int64_t begin, int64_t end) {
      Workspace<T> u(k), v(k);
      for (int64_t j = begin; j < end; ++j) {
        const T* minus = difference + j * k;
        T *plus = sum + j * k, *out = left + j * k;
        for (int64_t i = 0; i < k; ++i) {
          v[i] = z_[i] / minus[i] / plus[i];
          u[i] = poles_[i] * v[i];
        }
        u[0] = -1;
        place(u.data(), out);
        place(v.data(), plus);
      }
    });
  }

  void place(const T* vector, T* out) {
    const int64_t k = k_;
    T square;
    product_kernels<T>().inner(k, 1, 1, vector, k, vector, k, T(0), &square, 1);
    const T scale = T(1) / std::sqrt(square);
    out[0] = vector[0] * scale;
    for (int64_t i = 1; i < k; ++i) out[i] = vector[order_[i] - 1] * scale;
  }

  // The columns of u2 lie in groups after the first: nonzero in the upper rows only, the lower rows only, both.
  void multiply_left(const T* left) {
    const int64_t k = k_, upper = groups_[0], lower = groups_[1], both = groups_[2], n = n_;
    if (k == 2) {
      gemm<T>(n, k, k, T(1), {u2_.data(), 1, n}, {left, 1, k}, T(0), {u_, 1, ldu_});
      return;
    }
    const int64_t first_both = 1 + upper + lower, first_lower = 1 + upper;
    gemm<T>(nl_, k, upper, T(1), {u2_.data() + n, 1, n}, {left + 1, 1, k}, T(0), {u_, 1, ldu_});
    gemm<T>(nl_, k, both, T(1), {u2_.data() + first_both * n, 1, n}, {left + first_both, 1, k}, T(1),
            {u_, 1, ldu_});
    for (int64_t j = 0; j < k; ++j) u_[nl_ + j * ldu_] = left[j * k];
    gemm<T>(nr_, k, lower + both, T(1), {u2_.data() + nl_ + 1 + first_lower * n, 1, n}, {left + first_lower, 1, k},
            T(0), {u_ + nl_ + 1, 1, ldu_});
  }

  // Rows of vt2 likewise; the first is nonzero everywhere. right holds the vectors as columns: rows of Q.
  void multiply_right(T* right) {
    const int64_t k = k_, upper = groups_[0], lower = groups_[1], both = groups_[2], m = m_;
    if (k == 2) {
      gemm<T>(k, m, k, T(1), {right, k, 1}, {vt2_.data(), 1, m}, T(0), {vt_, 1, ldvt_});
      return;
    }
    const int64_t first_both = 1 + upper + lower;
    gemm<T>(k, nl_ + 1, 1 + upper, T(1), {right, k, 1}, {vt2_.data(), 1, m}, T(0), {vt_, 1, ldvt_});
    gemm<T>(k, nl_ + 1, both, T(1), {right + first_both, k, 1}, {vt2_.data() + first_both, 1, m}, T(1),
            {vt_, 1, ldvt_});
    if (upper > 0) {  // the first row moves next to the groups that are nonzero in the right columns
      for (int64_t j = 0; j < k; ++j) right[upper + j * k] = right[j * k];
      for (int64_t j = nl_ + 1; j < m; ++j) vt2_[upper + j * m] = vt2_[j * m];
    }
    gemm<T>(k, nr_ + extra_, 1 + lower + both, T(1), {right + upper, k, 1},
            {vt2_.data() + upper + (nl_ + 1) * m, 1, m}, T(0), {vt_ + (nl_ + 1) * ldvt_, 1, ldvt_});
  }

  int64_t nl_, nr_, n_, m_, extra_, ldu_, ldvt_;
  T *d_, *u_, *vt_;
  Workspace<T> z_, poles_, u2_, vt2_;
  Workspace<int> integers_;
  int *order_ = nullptr, *groups_ = nullptr;
  int k_ = 0;
};

template <class T>
int32_t leaf(int64_t n, int64_t extra, T* d, T* e, T* u, int64_t ldu, T* vt, int64_t ldvt) {
  constexpr int kUnblocked = 25;
  const fortran::SerialBlas serial;
  const int64_t m = n + extra;
  Workspace<T> work(3 * m * m + 2 * m + 4 * n);
  Workspace<int> iwork(8 * n + 8);
  int info;
  fortran::lasd0(static_cast<int>(n), static_cast<int>(extra), d, e, u, static_cast<int>(ldu), vt,
                 static_cast<int>(ldvt), kUnblocked, iwork.data(), work.data(), &info);
  return info;
}

// u and vt are the identity on entry.
template <class T>
int32_t divide(int64_t n, int64_t extra, T* d, T* e, T* u, int64_t ldu, T* vt, int64_t ldvt) {
  if (n <= kLeaf) return leaf(n, extra, d, e, u, ldu, vt, ldvt);
  const int64_t nl = n / 2, nr = n - nl - 1, at = nl + 1;
  const T alpha = d[nl], beta = e[nl];
  const int32_t info = both_halves([&](int64_t half) {
    if (half == 0) return divide(nl, int64_t{1}, d, e, u, ldu, vt, ldvt);
    return divide(nr, extra, d + at, e + at, u + at * (ldu + 1), ldu, vt + at * (ldvt + 1), ldvt);
  });
  return info != 0 ? info : Merge<T>(nl, nr, extra, d, u, ldu, vt, ldvt).run(alpha, beta);
}

template <class T>
void identity(int64_t n, T* a, int64_t lda) {
  for (int64_t j = 0; j < n; ++j) {
    std::fill(a + j * lda, a + j * lda + n, T(0));
    a[j + j * lda] = 1;
  }
}

}  // namespace

template <class T>
int32_t bidiagonal_divide(int64_t n, T* d, T* e, T* u, int64_t ldu, T* vt, int64_t ldvt) {
  identity(n, u, ldu);
  identity(n, vt, ldvt);
  T largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max({largest, std::abs(d[i]), i + 1 < n ? std::abs(e[i]) : T(0)});
  if (largest == T(0)) return 0;
  // A zero on the diagonal would make a row of the secular equation vanish; below the rounding error of the whole
  // matrix its value does not matter.
  constexpr T kTiny = std::numeric_limits<T>::epsilon() / 2;
  for (int64_t i = 0; i < n; ++i) {
    d[i] /= largest;
    if (std::abs(d[i]) < kTiny) d[i] = std::copysign(kTiny, d[i]);
  }
  for (int64_t i = 0; i + 1 < n; ++i) e[i] /= largest;
  const int32_t info = divide(n, int64_t{0}, d, e, u, ldu, vt, ldvt);
  for (int64_t i = 0; i < n; ++i) d[i] *= largest;
  return info;
}

template int32_t bidiagonal_divide(int64_t, float*, float*, float*, int64_t, float*, int64_t);
template int32_t bidiagonal_divide(int64_t, double*, double*, double*, int64_t, double*, int64_t);

}  // namespace nngpu::cpu
