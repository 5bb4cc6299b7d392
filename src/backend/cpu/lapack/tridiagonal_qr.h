// Implicit QR for symmetric tridiagonal matrices that are too small for divide and conquer to pay.
#ifndef NNGPU_BACKEND_CPU_LAPACK_TRIDIAGONAL_QR_H_
#define NNGPU_BACKEND_CPU_LAPACK_TRIDIAGONAL_QR_H_

#include <cstdint>

namespace nngpu::cpu {

// Eigenvalues d (any order) and vectors z (n x n, written whole) of the tridiagonal (d, e), whose entries are one
// at most in magnitude; e is overwritten. Returns the number of off-diagonal entries that did not vanish.
template <class T>
int32_t tridiagonal_qr(int64_t n, T* d, T* e, T* z, int64_t ldz);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_TRIDIAGONAL_QR_H_
