// Blocked Householder bidiagonalisation (LAPACK's labrd) with both matrix-vector products of a column in one pass
// over the matrix. The row that makes the right reflector u is r = (row j) - y, where y needs A^T v; u is linear
// in r, so A u follows from A r, and A r can be accumulated while r is being found, strip of columns by strip (the
// idea of Howell, Demmel et al. 2008, "Cache efficient bidiagonalization using BLAS 2.5 operators").
#include <algorithm>

#include "backend/cpu/blas.h"
#include "backend/cpu/lapack/matvec.h"
#include "backend/cpu/lapack/reduction.h"
#include "backend/cpu/lapack/workspace.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kPanel = 32;

// A_now = A - sum v_i y_i^T + x_i u_i^T. The left vectors lie in turn in left_ (v0 x0 v1 x1 ...), the right ones
// in right_ (y0 u0 y1 u1 ...), so that A_now = A - left_ right_^T. Row indices are those of the matrix.
template <class T>
class BidiagonalPanel {
 public:
  BidiagonalPanel(int64_t m, int64_t n)
      : m_(m),
        n_(n),
        ldl_(padded_ld<T>(m)),
        ldr_(padded_ld<T>(n)),
        left_(ldl_ * 2 * kPanel),
        right_(ldr_ * 2 * kPanel),
        work_(kMatvecChunks * m),
        row_(n),
        g_(n),
        t_(m) {}

  // Step i of the panel that starts at column j0: column and row j = j0 + i.
  void step(int64_t i, int64_t j, T* a, int64_t lda, T* d, T* e, T* tau_q, T* tau_p) {
    const auto& kernels = product_kernels<T>();
    const int64_t rows = m_ - j, columns = n_ - j - 1, k = 2 * i;
    T* x = a + j + j * lda;
    T* v = left_.data() + k * ldl_ + j;
    gather(k, right_.data() + j, ldr_, factors_);
    kernels.update(rows, 1, k, T(-1), left_.data() + j, ldl_, factors_, k, x, rows);
    d[j] = make_reflector(rows, x, &tau_q[j]);
    std::copy(x, x + rows, v);
    if (columns == 0) return;
    find_row(i, j, a, lda, tau_q[j]);
    T* u = right_.data() + (k + 1) * ldr_ + j + 1;
    T* y = right_.data() + k * ldr_ + j + 1;
    const T* r = g_.data();
    two_sided_matvec(rows, columns, x + lda, lda, v, tau_q[j], r, u, t_.data(), work_.data());
    for (int64_t c = 0; c < columns; ++c) y[c] = row_[c] - u[c];
    const T first = u[0];
    e[j] = make_reflector(columns, u, &tau_p[j]);
    finish_x(i, j, x + 1 + lda, first, e[j], tau_p[j]);
  }

  void update_trailing(int64_t j1, int64_t width, T* a, int64_t lda) {
    gemm<T>(m_ - j1, n_ - j1, 2 * width, T(-1), {left_.data() + j1, 1, ldl_}, {right_.data() + j1, ldr_, 1}, T(1),
            {a + j1 + j1 * lda, 1, lda});
  }

  const T* v(int64_t i) { return left_.data() + 2 * i * ldl_; }
  const T* u(int64_t i) { return right_.data() + (2 * i + 1) * ldr_; }

 private:
  static void gather(int64_t k, const T* from, int64_t ld, T* to) {
    for (int64_t c = 0; c < k; ++c) to[c] = from[c * ld];
  }

  // row_ = row j of A_now right of the diagonal; g_ = row_ + tau * right_ (left_^T v), from which r = g_ - tau A^T
  // v.
  void find_row(int64_t i, int64_t j, const T* a, int64_t lda, T tau) {
    const auto& kernels = product_kernels<T>();
    const int64_t columns = n_ - j - 1, k = 2 * i;
    for (int64_t c = 0; c < columns; ++c) row_[c] = a[j + (j + 1 + c) * lda];
    if (k > 0) {
      const T* right = right_.data() + j + 1;
      gather(k, left_.data() + j, ldl_, factors_);
      kernels.update(columns, 1, k, T(-1), right, ldr_, factors_, k, row_.data(), columns);
      kernels.inner(m_ - j, k, 1, left_.data() + j, ldl_, left_.data() + k * ldl_ + j, ldl_, T(0), factors_, k);
      std::copy(row_.data(), row_.data() + columns, g_.data());
      kernels.update(columns, 1, k, tau, right, ldr_, factors_, k, g_.data(), columns);
    } else {
      std::copy(row_.data(), row_.data() + columns, g_.data());
    }
  }

  // x = tau * A_now u for rows from j + 1 on, where A u = (A r - beta A e1) / (r_1 - beta) and A_now includes the
  // left reflector just made.
  void finish_x(int64_t i, int64_t j, const T* first_column, T first, T beta, T tau) {
    const auto& kernels = product_kernels<T>();
    const int64_t rows = m_ - j - 1, columns = n_ - j - 1, k = 2 * i + 1;
    T* x = left_.data() + k * ldl_ + j + 1;
    left_[k * ldl_ + j] = 0;
    if (tau == T(0)) {
      std::fill(x, x + rows, T(0));
      return;
    }
    const T scale = T(1) / (first - beta);
    for (int64_t c = 0; c < rows; ++c) x[c] = (t_[c + 1] - beta * first_column[c]) * scale;
    kernels.inner(columns, k, 1, right_.data() + j + 1, ldr_, right_.data() + k * ldr_ + j + 1, ldr_, T(0),
                  factors_, k);
    kernels.update(rows, 1, k, T(-1), left_.data() + j + 1, ldl_, factors_, k, x, rows);
    for (int64_t c = 0; c < rows; ++c) x[c] *= tau;
  }

  int64_t m_, n_, ldl_, ldr_;
  Workspace<T> left_, right_, work_, row_, g_, t_;
  T factors_[2 * kPanel];
};

template <class T>
void keep(const T* reflector, int64_t n, int64_t first, T* column) {
  std::fill(column, column + first, T(0));
  std::copy(reflector + first, reflector + n, column + first);
}

}  // namespace

template <class T>
void bidiagonalise(int64_t m, int64_t n, T* a, int64_t lda, T* d, T* e, T* tau_q, T* v, int64_t ldv, T* tau_p,
                   T* u, int64_t ldu) {
  BidiagonalPanel<T> panel(m, n);
  for (int64_t j0 = 0; j0 < n; j0 += kPanel) {
    const int64_t width = std::min(kPanel, n - j0);
    for (int64_t i = 0; i < width; ++i) {
      const int64_t j = j0 + i;
      panel.step(i, j, a, lda, d, e, tau_q, tau_p);
      if (v != nullptr) keep(panel.v(i), m, j, v + j * ldv);
      if (u != nullptr && j < n - 1) keep(panel.u(i), n, j + 1, u + j * ldu);
    }
    if (j0 + width < n) panel.update_trailing(j0 + width, width, a, lda);
  }
}

template void bidiagonalise(int64_t, int64_t, float*, int64_t, float*, float*, float*, float*, int64_t, float*,
                            float*, int64_t);
template void bidiagonalise(int64_t, int64_t, double*, int64_t, double*, double*, double*, double*, int64_t,
                            double*, double*, int64_t);

}  // namespace nngpu::cpu
