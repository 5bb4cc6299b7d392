// Eigen's decompositions of one matrix, as peers of the benchmarks.
#ifndef NNGPU_BENCH_EIGEN_DECOMPOSITIONS_H_
#define NNGPU_BENCH_EIGEN_DECOMPOSITIONS_H_

#include <benchmark/benchmark.h>

#include "peers.h"

namespace nngpu::bench {

enum class Kind { Lu, Cholesky, Qr, Inverse, Solve, Eigh, Svd };

// Singular values by Jacobi's rotations: the solver that Eigen's documentation names for small matrices.
template <class M>
void eigen_jacobi(const typename M::Scalar* data, int64_t n) {
  constexpr int kOptions = M::SizeAtCompileTime == Eigen::Dynamic ? Eigen::ComputeThinU | Eigen::ComputeThinV
                                                                  : Eigen::ComputeFullU | Eigen::ComputeFullV;
  const Eigen::JacobiSVD<M> svd(Eigen::Map<const M>(data, n, n), kOptions);
  benchmark::DoNotOptimize(svd.singularValues().data());
}

// M is a type of Eigen's: matrices of any size, or of one known to the compiler.
template <class M>
void eigen_item(Kind kind, const typename M::Scalar* data, const typename M::Scalar* rhs, int64_t n) {
  const Eigen::Map<const M> a(data, n, n), b(rhs, n, n);
  switch (kind) {
    case Kind::Lu: {
      const Eigen::PartialPivLU<M> lu(a);
      benchmark::DoNotOptimize(lu.matrixLU().data());
      break;
    }
    case Kind::Cholesky: {
      const Eigen::LLT<M> llt(a);
      benchmark::DoNotOptimize(llt.matrixLLT().data());
      break;
    }
    case Kind::Qr: {
      const Eigen::HouseholderQR<M> qr(a);
      const M q = qr.householderQ();
      benchmark::DoNotOptimize(q.data());
      break;
    }
    case Kind::Inverse: {
      const M x = a.inverse();
      benchmark::DoNotOptimize(x.data());
      break;
    }
    case Kind::Solve: {
      const M x = a.partialPivLu().solve(b);
      benchmark::DoNotOptimize(x.data());
      break;
    }
    case Kind::Eigh: {
      const Eigen::SelfAdjointEigenSolver<M> solver(a);
      benchmark::DoNotOptimize(solver.eigenvectors().data());
      break;
    }
    case Kind::Svd:
      if constexpr (M::SizeAtCompileTime == Eigen::Dynamic) {
        const Eigen::BDCSVD<M> svd(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
        benchmark::DoNotOptimize(svd.singularValues().data());
      } else {
        eigen_jacobi<M>(data, n);
      }
      break;
  }
}

// Matrices of size 8, known to the compiler; in a file of its own, for they take long to compile.
void eigen_item_8(Kind kind, const float* data, const float* rhs);
void eigen_item_8(Kind kind, const double* data, const double* rhs);

}  // namespace nngpu::bench

#endif  // NNGPU_BENCH_EIGEN_DECOMPOSITIONS_H_
