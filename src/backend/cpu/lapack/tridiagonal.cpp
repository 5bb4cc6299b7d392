// Blocked Householder tridiagonalisation (Dongarra, Hammarling and Sorensen 1989; LAPACK's latrd): half the work
// is a symmetric matrix-vector product a column, the other half one rank-2k update a panel.
#include <algorithm>

#include "backend/cpu/blas.h"
#include "backend/cpu/lapack/matvec.h"
#include "backend/cpu/lapack/reduction.h"
#include "backend/cpu/lapack/workspace.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kPanel = 32;

// The panel's vectors v_i and w_i, A_now = A - sum v_i w_i^T + w_i v_i^T, are kept in turn (v0 w0 v1 w1 ...): one
// product with all of them, and the same product with neighbours exchanged, are all that is needed.
template <class T>
class TridiagonalPanel {
 public:
  explicit TridiagonalPanel(int64_t n)
      : ld_(padded_ld<T>(n)), pairs_(ld_ * 2 * kPanel), swapped_(ld_ * 2 * kPanel), work_(kMatvecChunks * n) {}

  // Columns [j0, j0 + width) of a.
  void reduce(int64_t n, int64_t j0, int64_t width, T* a, int64_t lda, T* d, T* e, T* tau, T* v, int64_t ldv) {
    for (int64_t i = 0; i < width; ++i) {
      const int64_t j = j0 + i, below = n - j - 1;
      T* column = a + j + j * lda;
      subtract(i, below + 1, j, row(i, j), column);
      d[j] = column[0];
      T* pair = pairs_.data() + 2 * i * ld_;
      e[j] = make_reflector(below, column + 1, &tau[j]);
      place(n, j0, j, column + 1, pair);
      if (v != nullptr) {
        std::fill(v + j * ldv, v + j * ldv + j + 1, T(0));
        std::copy(column + 1, column + 1 + below, v + j * ldv + j + 1);
      }
      T* w = pair + ld_ + j + 1;
      std::fill(pair + ld_ + j0, w, T(0));
      symmetric_matvec(below, column + 1 + lda, lda, pair + j + 1, w, work_.data());
      finish_w(i, below, j, tau[j], pair + j + 1, w);
    }
  }

  // The rest of the matrix from row and column j1 on.
  void update_trailing(int64_t n, int64_t j1, int64_t width, T* a, int64_t lda) {
    constexpr int64_t kStrip = 192;  // only this much above the diagonal is computed in vain
    for (int64_t i = 0; i < width; ++i) {
      const T* pair = pairs_.data() + 2 * i * ld_;
      std::copy(pair + ld_ + j1, pair + ld_ + n, swapped_.data() + 2 * i * ld_ + j1);
      std::copy(pair + j1, pair + n, swapped_.data() + (2 * i + 1) * ld_ + j1);
    }
    for (int64_t j = j1; j < n; j += kStrip)
      gemm<T>(n - j, std::min(kStrip, n - j), 2 * width, T(-1), {pairs_.data() + j, 1, ld_},
              {swapped_.data() + j, ld_, 1}, T(1), {a + j + j * lda, 1, lda});
  }

 private:
  // Row j of the first i pairs with neighbours exchanged.
  const T* row(int64_t i, int64_t j) {
    for (int64_t c = 0; c < 2 * i; ++c) factors_[c ^ 1] = pairs_[c * ld_ + j];
    return factors_;
  }

  void subtract(int64_t i, int64_t rows, int64_t first_row, const T* factors, T* y) {
    if (i > 0)
      product_kernels<T>().update(rows, 1, 2 * i, T(-1), pairs_.data() + first_row, ld_, factors, 2 * i, y, rows);
  }

  void place(int64_t n, int64_t j0, int64_t j, const T* reflector, T* pair) {
    std::fill(pair + j0, pair + j + 1, T(0));
    std::copy(reflector, reflector + n - j - 1, pair + j + 1);
  }

  // w = tau (A_now v - (tau / 2) (v^T A_now v) v) from w = A v.
  void finish_w(int64_t i, int64_t below, int64_t j, T tau, const T* v, T* w) {
    const auto& kernels = product_kernels<T>();
    if (i > 0) {
      T products[2 * kPanel];
      kernels.inner(below, 2 * i, 1, pairs_.data() + j + 1, ld_, v, below, T(0), products, 2 * i);
      for (int64_t c = 0; c < 2 * i; ++c) factors_[c ^ 1] = products[c];
      subtract(i, below, j + 1, factors_, w);
    }
    T dot;
    kernels.inner(below, 1, 1, v, below, w, below, T(0), &dot, 1);
    const T shift = T(-0.5) * tau * tau * dot;
    for (int64_t r = 0; r < below; ++r) w[r] = tau * w[r] + shift * v[r];
  }

  int64_t ld_;
  Workspace<T> pairs_, swapped_, work_;
  T factors_[2 * kPanel];
};

}  // namespace

template <class T>
void tridiagonalise(int64_t n, T* a, int64_t lda, T* d, T* e, T* tau, T* v, int64_t ldv) {
  TridiagonalPanel<T> panel(n);
  for (int64_t j0 = 0; j0 < n - 1; j0 += kPanel) {
    const int64_t width = std::min(kPanel, n - 1 - j0);
    panel.reduce(n, j0, width, a, lda, d, e, tau, v, ldv);
    panel.update_trailing(n, j0 + width, width, a, lda);
  }
  d[n - 1] = a[(n - 1) * (lda + 1)];
}

template void tridiagonalise(int64_t, float*, int64_t, float*, float*, float*, float*, int64_t);
template void tridiagonalise(int64_t, double*, int64_t, double*, double*, double*, double*, int64_t);

}  // namespace nngpu::cpu
