// Dense level-3 kernels of the CPU backend on raw memory. T is float or double in all of them.
//
// A matrix is a pointer and two strides in elements: element (i, j) of `a` is a[i * rs + j * cs]. Strides may be
// any value (column-major, row-major, general, negative); outputs must not overlap inputs. All of them use
// num_threads() threads (parallel.h), accept sizes of zero, and never allocate more than packing buffers
// that are kept per thread.
#ifndef NNGPU_BACKEND_CPU_BLAS_H_
#define NNGPU_BACKEND_CPU_BLAS_H_

#include <cstdint>

namespace nngpu::cpu {

template <class T>
struct ConstMatrix {
  const T* data;
  int64_t rs, cs;  // strides in elements between rows and between columns
};

template <class T>
struct Matrix {
  T* data;
  int64_t rs, cs;
  operator ConstMatrix<T>() const { return {data, rs, cs}; }
};

enum class Triangle { Lower, Upper };
enum class Diagonal { NonUnit, Unit };

// What is done to the elements of products once they are sums over all of k, while they are in the cache. `base`
// is where element 0 lies; the matrices are dense behind it.
class Finish {
 public:
  explicit Finish(const void* base) : base_(base) {}
  virtual ~Finish() = default;
  // `count` runs of `length` elements, `step` apart, of which the first starts at element `start`. Called on any
  // thread, once an element.
  virtual void apply(int64_t start, int64_t length, int64_t count, int64_t step) const = 0;
  // All elements, on all threads.
  virtual void apply_all() const = 0;
  template <class T>
  int64_t index(const T* element) const {
    return element - static_cast<const T*>(base_);
  }

 private:
  const void* base_;
};

// c (m x n) = alpha * a (m x k) * b (k x n) + beta * c. With beta == 0, c is write-only (it may hold NaN).
template <class T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, ConstMatrix<T> b, T beta, Matrix<T> c,
          const Finish* finish = nullptr);

// count products of the same shape; matrices of item i start at *_data + i * *_step elements.
template <class T>
void gemm_batch(int64_t count, int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, int64_t a_step,
                ConstMatrix<T> b, int64_t b_step, T beta, Matrix<T> c, int64_t c_step,
                const Finish* finish = nullptr);

// count products of the same shape through tables of pointers (no packing of scattered matrices).
template <class T>
void gemm_pointers(int64_t count, int64_t m, int64_t n, int64_t k, T alpha, const T* const* a, int64_t a_rs,
                   int64_t a_cs, const T* const* b, int64_t b_rs, int64_t b_cs, T beta, T* const* c, int64_t c_rs,
                   int64_t c_cs);

// The `triangle` of c (n x n) = alpha * a (n x k) * a^T + beta * c; the other triangle is not touched.
template <class T>
void syrk(Triangle triangle, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, T beta, Matrix<T> c);

// Solves a * x = b in place of b (m x n) for triangular a (m x m), of which only `triangle` is read. A right-side
// solve is the same call on transposed strides.
template <class T>
void trsm(Triangle triangle, Diagonal diagonal, int64_t m, int64_t n, ConstMatrix<T> a, Matrix<T> b);

// b (m x n) = a * b for triangular a (m x m), in place.
template <class T>
void trmm(Triangle triangle, Diagonal diagonal, int64_t m, int64_t n, ConstMatrix<T> a, Matrix<T> b);

// y (m) = alpha * a (m x n) * x + beta * y.
template <class T>
void gemv(int64_t m, int64_t n, T alpha, ConstMatrix<T> a, const T* x, int64_t incx, T beta, T* y, int64_t incy);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_BLAS_H_
