// Operations on many matrices at once. The matrices may have different shapes; everything a call computes is
// evaluated together, before it returns, and those of equal shape run as one batched call. Results have the order
// of the arguments.
//
// Two lists of different lengths are a ShapeError, as are matrices whose shapes do not fit. The failure of one
// matrix (singular, not positive definite, ...) is thrown, naming the operation; the others are not lost: use
// matrices one by one, whose errors come at the read, where a single failure must not stop the rest.
#ifndef NNGPU_BATCH_H_
#define NNGPU_BATCH_H_

#include <vector>

#include "nngpu/dense.h"

namespace nngpu::batch {

template <class T>
using Matrices = std::vector<GPUDense<T>>;

template <class T>
Matrices<T> matmul(const Matrices<T>& a, const Matrices<T>& b);
template <class T>
Matrices<T> add(const Matrices<T>& a, const Matrices<T>& b);
template <class T>
Matrices<T> sub(const Matrices<T>& a, const Matrices<T>& b);
template <class T>
Matrices<T> inverse(const Matrices<T>& a);
template <class T>
Matrices<T> solve(const Matrices<T>& a, const Matrices<T>& b);  // x[i] with a[i] x[i] = b[i]
template <class T>
std::vector<T> determinant(const Matrices<T>& a);

// The reduced factors a[i] = q[i] r[i].
template <class T>
struct QrResult {
  Matrices<T> q, r;
};
template <class T>
QrResult<T> qr(const Matrices<T>& a);

template <class T>
Matrices<T> cholesky(const Matrices<T>& a);  // lower triangular factors

// Eigenvalues w[i] (a column, ascending) and eigenvectors v[i] (columns) of symmetric matrices.
template <class T>
struct EighResult {
  Matrices<T> w, v;
};
template <class T>
EighResult<T> eigh(const Matrices<T>& a);

// The thin decompositions a[i] = u[i] diag(s[i]) vt[i]; s[i] is a column, descending.
template <class T>
struct SvdResult {
  Matrices<T> u, s, vt;
};
template <class T>
SvdResult<T> svd(const Matrices<T>& a);

}  // namespace nngpu::batch

#endif  // NNGPU_BATCH_H_
