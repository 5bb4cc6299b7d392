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

}  // namespace nngpu::cpu::fortran

#endif  // NNGPU_BACKEND_CPU_LAPACK_FORTRAN_H_
