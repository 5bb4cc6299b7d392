// The libraries we compare with, called in their fastest documented way.
#ifndef NNGPU_BENCH_PEERS_H_
#define NNGPU_BENCH_PEERS_H_

#include <omp.h>

#include <Eigen/Dense>
#include <cstdint>
#include <vector>

#if defined(NNGPU_HAVE_ONEDNN)
#include <dnnl.h>
#endif

extern "C" {
void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*,
            const float*, const int*, const float*, float*, const int*);
void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*, const int*,
            const double*, const int*, const double*, double*, const int*);
#define NNGPU_PEER(T, p)                                                                                      \
  void p##getrf_(const int*, const int*, T*, const int*, int*, int*);                                         \
  void p##getri_(const int*, T*, const int*, const int*, T*, const int*, int*);                               \
  void p##gesv_(const int*, const int*, T*, const int*, int*, T*, const int*, int*);                          \
  void p##potrf_(const char*, const int*, T*, const int*, int*);                                              \
  void p##geqrf_(const int*, const int*, T*, const int*, T*, T*, const int*, int*);                           \
  void p##orgqr_(const int*, const int*, const int*, T*, const int*, const T*, T*, const int*, int*);         \
  void p##syevd_(const char*, const char*, const int*, T*, const int*, T*, T*, const int*, int*, const int*,  \
                 int*);                                                                                       \
  void p##gesdd_(const char*, const int*, const int*, T*, const int*, T*, T*, const int*, T*, const int*, T*, \
                 const int*, int*, int*);
NNGPU_PEER(float, s)
NNGPU_PEER(double, d)
#undef NNGPU_PEER
}

namespace nngpu::bench {

template <class T>
using EigenMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

// Column-major c (m x n) = a (m x k) b (k x n).
inline void blas_gemm(int m, int n, int k, const float* a, const float* b, float* c) {
  const float one = 1, zero = 0;
  sgemm_("N", "N", &m, &n, &k, &one, a, &m, b, &k, &zero, c, &m);
}
inline void blas_gemm(int m, int n, int k, const double* a, const double* b, double* c) {
  const double one = 1, zero = 0;
  dgemm_("N", "N", &m, &n, &k, &one, a, &m, b, &k, &zero, c, &m);
}

#if defined(NNGPU_HAVE_ONEDNN)
// oneDNN is row-major: the transposed problem.
inline void onednn_gemm(int m, int n, int k, const float* a, const float* b, float* c) {
  dnnl_sgemm('N', 'N', n, m, k, 1, b, k, a, m, 0, c, m);
}
#endif

// LAPACK by element type.
#define NNGPU_CALL(T, p)                                                             \
  inline void getrf(int n, T* a, int* pivots) {                                      \
    int info;                                                                        \
    p##getrf_(&n, &n, a, &n, pivots, &info);                                         \
  }                                                                                  \
  inline void getri(int n, T* a, const int* pivots, T* work, int size) {             \
    int info;                                                                        \
    p##getri_(&n, a, &n, pivots, work, &size, &info);                                \
  }                                                                                  \
  inline void gesv(int n, int nrhs, T* a, int* pivots, T* b) {                       \
    int info;                                                                        \
    p##gesv_(&n, &nrhs, a, &n, pivots, b, &n, &info);                                \
  }                                                                                  \
  inline void potrf(int n, T* a) {                                                   \
    int info;                                                                        \
    p##potrf_("L", &n, a, &n, &info);                                                \
  }                                                                                  \
  inline void geqrf_orgqr(int n, T* a, T* tau, T* work, int size) {                  \
    int info;                                                                        \
    p##geqrf_(&n, &n, a, &n, tau, work, &size, &info);                               \
    p##orgqr_(&n, &n, &n, a, &n, tau, work, &size, &info);                           \
  }                                                                                  \
  inline void syevd(int n, T* a, T* w, T* work, int size, int* iwork, int isize) {   \
    int info;                                                                        \
    p##syevd_("V", "L", &n, a, &n, w, work, &size, iwork, &isize, &info);            \
  }                                                                                  \
  inline void gesdd(int n, T* a, T* s, T* u, T* vt, T* work, int size, int* iwork) { \
    int info;                                                                        \
    p##gesdd_("S", &n, &n, a, &n, s, u, &n, vt, &n, work, &size, iwork, &info);      \
  }
NNGPU_CALL(float, s)
NNGPU_CALL(double, d)
#undef NNGPU_CALL

// FLOP/s of the fastest product of 1536 x 1536 matrices among all contenders.
template <class T>
double peak_flops();

}  // namespace nngpu::bench

#endif  // NNGPU_BENCH_PEERS_H_
