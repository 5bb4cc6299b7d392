// The LAPACK routines used, under their standard Fortran names (OpenBLAS or Accelerate), overloaded on the type.
//
// OpenBLAS splits work, and so sums, differently for different numbers of threads. SerialBlas makes it use the
// calling thread alone, which keeps results the same everywhere; what is worth more threads is our own code.
#ifndef NNGPU_BACKEND_CPU_LAPACK_FORTRAN_H_
#define NNGPU_BACKEND_CPU_LAPACK_FORTRAN_H_

#include <omp.h>

#include <cstddef>
#include <cstdint>

extern "C" {
// Trailing size_t: the hidden lengths of character arguments of Fortran compilers.
void ssyevd_(const char*, const char*, const int*, float*, const int*, float*, float*, const int*, int*,
             const int*, int*, size_t, size_t);
void dsyevd_(const char*, const char*, const int*, double*, const int*, double*, double*, const int*, int*,
             const int*, int*, size_t, size_t);
void sgesdd_(const char*, const int*, const int*, float*, const int*, float*, float*, const int*, float*,
             const int*, float*, const int*, int*, int*, size_t);
void dgesdd_(const char*, const int*, const int*, double*, const int*, double*, double*, const int*, double*,
             const int*, double*, const int*, int*, int*, size_t);
void ssterf_(const int*, float*, float*, int*);
void dsterf_(const int*, double*, double*, int*);
void sbdsdc_(const char*, const char*, const int*, float*, float*, float*, const int*, float*, const int*, float*,
             int*, float*, int*, int*, size_t, size_t);
void dbdsdc_(const char*, const char*, const int*, double*, double*, double*, const int*, double*, const int*,
             double*, int*, double*, int*, int*, size_t, size_t);
void slaed2_(int*, const int*, const int*, float*, float*, const int*, int*, float*, float*, float*, float*,
             float*, int*, int*, int*, int*, int*);
void dlaed2_(int*, const int*, const int*, double*, double*, const int*, int*, double*, double*, double*, double*,
             double*, int*, int*, int*, int*, int*);
void slaed4_(const int*, const int*, const float*, const float*, float*, const float*, float*, int*);
void dlaed4_(const int*, const int*, const double*, const double*, double*, const double*, double*, int*);
void slasd0_(const int*, const int*, float*, float*, float*, const int*, float*, const int*, const int*, int*,
             float*, int*);
void dlasd0_(const int*, const int*, double*, double*, double*, const int*, double*, const int*, const int*, int*,
             double*, int*);
void slasd2_(const int*, const int*, const int*, int*, float*, float*, const float*, const float*, float*,
             const int*, float*, const int*, float*, float*, const int*, float*, const int*, int*, int*, int*,
             int*, int*, int*);
void dlasd2_(const int*, const int*, const int*, int*, double*, double*, const double*, const double*, double*,
             const int*, double*, const int*, double*, double*, const int*, double*, const int*, int*, int*, int*,
             int*, int*, int*);
void slasd4_(const int*, const int*, const float*, const float*, float*, const float*, float*, float*, int*);
void dlasd4_(const int*, const int*, const double*, const double*, double*, const double*, double*, double*, int*);
}

namespace nngpu::cpu::fortran {

// OpenBLAS asks OpenMP for the number of threads at every call, and that number belongs to the calling thread.
class SerialBlas {
 public:
  SerialBlas() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SerialBlas() { omp_set_num_threads(threads_); }
  SerialBlas(const SerialBlas&) = delete;
  SerialBlas& operator=(const SerialBlas&) = delete;

 private:
  int threads_;
};

inline void syevd(char job, int n, float* a, int lda, float* w, float* work, int lwork, int* iwork, int liwork,
                  int* info) {
  ssyevd_(&job, "L", &n, a, &lda, w, work, &lwork, iwork, &liwork, info, 1, 1);
}
inline void syevd(char job, int n, double* a, int lda, double* w, double* work, int lwork, int* iwork, int liwork,
                  int* info) {
  dsyevd_(&job, "L", &n, a, &lda, w, work, &lwork, iwork, &liwork, info, 1, 1);
}

inline void gesdd(char job, int m, int n, float* a, int lda, float* s, float* u, int ldu, float* vt, int ldvt,
                  float* work, int lwork, int* iwork, int* info) {
  sgesdd_(&job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &lwork, iwork, info, 1);
}
inline void gesdd(char job, int m, int n, double* a, int lda, double* s, double* u, int ldu, double* vt, int ldvt,
                  double* work, int lwork, int* iwork, int* info) {
  dgesdd_(&job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &lwork, iwork, info, 1);
}

// Eigenvalues alone of the tridiagonal (d, e), ascending in d.
inline void sterf(int n, float* d, float* e, int* info) { ssterf_(&n, d, e, info); }
inline void sterf(int n, double* d, double* e, int* info) { dsterf_(&n, d, e, info); }

// Singular values ('N') and vectors ('I') of the upper bidiagonal (d, e).
inline void bdsdc(char job, int n, float* d, float* e, float* u, int ldu, float* vt, int ldvt, float* work,
                  int* iwork, int* info) {
  float q;
  int iq;
  sbdsdc_("U", &job, &n, d, e, u, &ldu, vt, &ldvt, &q, &iq, work, iwork, info, 1, 1);
}
inline void bdsdc(char job, int n, double* d, double* e, double* u, int ldu, double* vt, int ldvt, double* work,
                  int* iwork, int* info) {
  double q;
  int iq;
  dbdsdc_("U", &job, &n, d, e, u, &ldu, vt, &ldvt, &q, &iq, work, iwork, info, 1, 1);
}

// Deflation of a rank-one update of two eigenproblems; k roots remain.
inline void laed2(int* k, int n, int n1, float* d, float* q, int ldq, int* indxq, float* rho, float* z,
                  float* dlamda, float* w, float* q2, int* indx, int* indxc, int* indxp, int* coltyp, int* info) {
  slaed2_(k, &n, &n1, d, q, &ldq, indxq, rho, z, dlamda, w, q2, indx, indxc, indxp, coltyp, info);
}
inline void laed2(int* k, int n, int n1, double* d, double* q, int ldq, int* indxq, double* rho, double* z,
                  double* dlamda, double* w, double* q2, int* indx, int* indxc, int* indxp, int* coltyp,
                  int* info) {
  dlaed2_(k, &n, &n1, d, q, &ldq, indxq, rho, z, dlamda, w, q2, indx, indxc, indxp, coltyp, info);
}

// Root i (1-based) of the secular equation and its distances to the poles.
inline void laed4(int n, int i, const float* d, const float* z, float* delta, float rho, float* root, int* info) {
  slaed4_(&n, &i, d, z, delta, &rho, root, info);
}
inline void laed4(int n, int i, const double* d, const double* z, double* delta, double rho, double* root,
                  int* info) {
  dlaed4_(&n, &i, d, z, delta, &rho, root, info);
}

// Divide and conquer for a small bidiagonal n x (n + sqre).
inline void lasd0(int n, int sqre, float* d, float* e, float* u, int ldu, float* vt, int ldvt, int smlsiz,
                  int* iwork, float* work, int* info) {
  slasd0_(&n, &sqre, d, e, u, &ldu, vt, &ldvt, &smlsiz, iwork, work, info);
}
inline void lasd0(int n, int sqre, double* d, double* e, double* u, int ldu, double* vt, int ldvt, int smlsiz,
                  int* iwork, double* work, int* info) {
  dlasd0_(&n, &sqre, d, e, u, &ldu, vt, &ldvt, &smlsiz, iwork, work, info);
}

// Deflation of two joined bidiagonal problems; k roots remain.
inline void lasd2(int nl, int nr, int sqre, int* k, float* d, float* z, float alpha, float beta, float* u, int ldu,
                  float* vt, int ldvt, float* dsigma, float* u2, int ldu2, float* vt2, int ldvt2, int* idxp,
                  int* idx, int* idxc, int* idxq, int* coltyp, int* info) {
  slasd2_(&nl, &nr, &sqre, k, d, z, &alpha, &beta, u, &ldu, vt, &ldvt, dsigma, u2, &ldu2, vt2, &ldvt2, idxp, idx,
          idxc, idxq, coltyp, info);
}
inline void lasd2(int nl, int nr, int sqre, int* k, double* d, double* z, double alpha, double beta, double* u,
                  int ldu, double* vt, int ldvt, double* dsigma, double* u2, int ldu2, double* vt2, int ldvt2,
                  int* idxp, int* idx, int* idxc, int* idxq, int* coltyp, int* info) {
  dlasd2_(&nl, &nr, &sqre, k, d, z, &alpha, &beta, u, &ldu, vt, &ldvt, dsigma, u2, &ldu2, vt2, &ldvt2, idxp, idx,
          idxc, idxq, coltyp, info);
}

// Root i (1-based) of the secular equation of singular values: differences to and sums with the poles.
inline void lasd4(int n, int i, const float* d, const float* z, float* delta, float rho, float* sigma, float* work,
                  int* info) {
  slasd4_(&n, &i, d, z, delta, &rho, sigma, work, info);
}
inline void lasd4(int n, int i, const double* d, const double* z, double* delta, double rho, double* sigma,
                  double* work, int* info) {
  dlasd4_(&n, &i, d, z, delta, &rho, sigma, work, info);
}

}  // namespace nngpu::cpu::fortran

#endif  // NNGPU_BACKEND_CPU_LAPACK_FORTRAN_H_
