// Decompositions of the CPU backend beside Eigen and LAPACK (OpenBLAS or Accelerate), interleaved, medians.
//
//   lapack_bench [op,op,...|all] [n,n,...] [f32|f64|both] [seconds a case] [eigen limit for eigh and svd]
//   [wall|cpu]
//
// cpu is the processor time of the calling thread: for OMP_NUM_THREADS=1 on a machine that others use too.
#include <Eigen/Dense>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "backend/cpu/lapack.h"
#include "backend/cpu/lapack/fortran.h"
#include "backend/cpu/parallel.h"

#define NNGPU_PEERS(p, T)                                                                                     \
  void p##getrf_(const int*, const int*, T*, const int*, int*, int*);                                         \
  void p##getri_(const int*, T*, const int*, const int*, T*, const int*, int*);                               \
  void p##gesv_(const int*, const int*, T*, const int*, int*, T*, const int*, int*);                          \
  void p##potrf_(const char*, const int*, T*, const int*, int*, size_t);                                      \
  void p##geqrf_(const int*, const int*, T*, const int*, T*, T*, const int*, int*);                           \
  void p##orgqr_(const int*, const int*, const int*, T*, const int*, const T*, T*, const int*, int*);         \
  void p##syevd_(const char*, const char*, const int*, T*, const int*, T*, T*, const int*, int*, const int*,  \
                 int*, size_t, size_t);                                                                       \
  void p##gesdd_(const char*, const int*, const int*, T*, const int*, T*, T*, const int*, T*, const int*, T*, \
                 const int*, int*, int*, size_t);
extern "C" {
NNGPU_PEERS(s, float)
NNGPU_PEERS(d, double)
}

namespace {

using nngpu::cpu::Batch;

#define NNGPU_PICK(name, T, ...)              \
  do {                                        \
    if constexpr (sizeof(T) == sizeof(float)) \
      s##name##_(__VA_ARGS__);                \
    else                                      \
      d##name##_(__VA_ARGS__);                \
  } while (false)

clockid_t timer = CLOCK_MONOTONIC;

double seconds() {
  timespec now;
  clock_gettime(timer, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class T>
struct Case {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  explicit Case(int size) : n(size), general(Matrix::Random(n, n)), rhs(Matrix::Random(n, 64)), w(n) {
    symmetric = general + general.transpose();
    positive = symmetric;
    positive.diagonal().array() += T(4) * std::sqrt(T(n)) + T(n) / 8;
    u = v = r = Matrix::Zero(n, n);
    pivots.resize(n);
    work.resize(int64_t{8} * n * n + 400 * n + 4096);
    iwork.resize(8 * n + 16);
    lwork = static_cast<int>(work.size());
  }
  Batch<T> view(Matrix& x) { return {x.data(), x.rows(), x.size()}; }

  int n;
  Matrix general, symmetric, positive, rhs, a, b, u, v, r;
  Vector w;
  std::vector<int> pivots, iwork;
  std::vector<T> work;
  int lwork, info = 0;
  int32_t status = 0;
};

template <class T>
struct Contest {
  std::function<void()> ours, lapack, eigen;
};

template <class T>
Contest<T> contest(const std::string& op, Case<T>& c, int eigen_limit) {
  using Matrix = typename Case<T>::Matrix;
  const int* n = &c.n;
  T* work = c.work.data();
  Contest<T> out;
  if (op == "lu") {
    out.ours = [&] { c.a = c.general, nngpu::cpu::lu<T>(1, c.n, c.n, c.view(c.a), c.pivots.data(), &c.status); };
    out.lapack = [&, n] {
      c.a = c.general;
      NNGPU_PICK(getrf, T, n, n, c.a.data(), n, c.pivots.data(), &c.info);
    };
    out.eigen = [&] { c.w(0) = Eigen::PartialPivLU<Matrix>(c.general).matrixLU()(0, 0); };
  } else if (op == "cholesky") {
    out.ours = [&] { c.a = c.positive, nngpu::cpu::cholesky<T>(1, c.n, c.view(c.a), &c.status); };
    out.lapack = [&, n] {
      c.a = c.positive;
      NNGPU_PICK(potrf, T, "L", n, c.a.data(), n, &c.info, 1);
    };
    out.eigen = [&] { c.w(0) = Eigen::LLT<Matrix>(c.positive).matrixLLT()(0, 0); };
  } else if (op == "inverse") {
    out.ours = [&] { c.a = c.general, nngpu::cpu::inverse<T>(1, c.n, c.view(c.a), &c.status); };
    out.lapack = [&, n, work] {
      c.a = c.general;
      NNGPU_PICK(getrf, T, n, n, c.a.data(), n, c.pivots.data(), &c.info);
      NNGPU_PICK(getri, T, n, c.a.data(), n, c.pivots.data(), work, &c.lwork, &c.info);
    };
    out.eigen = [&] { c.a.noalias() = c.general.partialPivLu().inverse(); };
  } else if (op == "solve" || op == "solve1") {
    const int columns = op == "solve" ? 64 : 1;
    out.ours = [&, columns] {
      c.a = c.general, c.b = c.rhs;
      nngpu::cpu::solve<T>(1, c.n, columns, c.view(c.a), c.view(c.b), &c.status);
    };
    out.lapack = [&, n, columns] {
      c.a = c.general, c.b = c.rhs;
      NNGPU_PICK(gesv, T, n, &columns, c.a.data(), n, c.pivots.data(), c.b.data(), n, &c.info);
    };
    out.eigen = [&, columns] { c.b = c.general.partialPivLu().solve(c.rhs.leftCols(columns)); };
  } else if (op == "qr") {
    out.ours = [&] {
      c.a = c.general;
      nngpu::cpu::qr<T>(1, c.n, c.n, false, c.view(c.a), c.view(c.u), c.view(c.r));
    };
    out.lapack = [&, n, work] {
      c.a = c.general;
      NNGPU_PICK(geqrf, T, n, n, c.a.data(), n, c.w.data(), work, &c.lwork, &c.info);
      c.r = c.a.template triangularView<Eigen::Upper>();
      NNGPU_PICK(orgqr, T, n, n, n, c.a.data(), n, c.w.data(), work, &c.lwork, &c.info);
    };
    out.eigen = [&] {
      const Eigen::HouseholderQR<Matrix> qr(c.general);
      c.r = qr.matrixQR().template triangularView<Eigen::Upper>();
      c.u = qr.householderQ();
    };
  } else if (op == "eigh" || op == "eigvalsh") {
    const bool vectors = op == "eigh";
    out.ours = [&, vectors] {
      c.a = c.symmetric;
      nngpu::cpu::eigh<T>(1, c.n, c.view(c.a), c.w.data(), c.n, vectors ? c.view(c.v) : Batch<T>{}, &c.status);
    };
    out.lapack = [&, n, vectors, work] {
      c.a = c.symmetric;
      const int liwork = static_cast<int>(c.iwork.size());
      NNGPU_PICK(syevd, T, vectors ? "V" : "N", "L", n, c.a.data(), n, c.w.data(), work, &c.lwork, c.iwork.data(),
                 &liwork, &c.info, 1, 1);
    };
    if (c.n <= eigen_limit)
      out.eigen = [&, vectors] {
        Eigen::SelfAdjointEigenSolver<Matrix> solver(
            c.symmetric, vectors ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
        c.w = solver.eigenvalues();
      };
  } else if (op == "svd" || op == "svdvals") {
    const bool vectors = op == "svd";
    out.ours = [&, vectors] {
      c.a = c.general;
      nngpu::cpu::svd<T>(1, c.n, c.n, false, c.view(c.a), vectors ? c.view(c.u) : Batch<T>{}, c.w.data(), c.n,
                         vectors ? c.view(c.v) : Batch<T>{}, &c.status);
    };
    out.lapack = [&, n, vectors, work] {
      c.a = c.general;
      NNGPU_PICK(gesdd, T, vectors ? "S" : "N", n, n, c.a.data(), n, c.w.data(), c.u.data(), n, c.v.data(), n,
                 work, &c.lwork, c.iwork.data(), &c.info, 1);
    };
    if (c.n <= eigen_limit)
      out.eigen = [&, vectors] {
        const Eigen::BDCSVD<Matrix> svd(c.general, vectors ? Eigen::ComputeThinU | Eigen::ComputeThinV : 0);
        c.w = svd.singularValues();
      };
  }
  return out;
}

double median(std::vector<double>& times) {
  if (times.empty()) return 0;
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

template <class T>
void measure(const std::string& op, int n, double budget, int eigen_limit) {
  Case<T> data(n);
  const Contest<T> runs = contest(op, data, eigen_limit);
  if (!runs.ours) return;
  const std::function<void()> sides[] = {runs.ours, runs.lapack, runs.eigen};
  std::vector<double> times[3];
  const double start = seconds();
  for (int round = 0; round < 1001 && (round < 4 || seconds() - start < budget); ++round) {
    for (int side = 0; side < 3; ++side) {
      if (!sides[side]) continue;
      const double begin = seconds();
      sides[side]();
      if (round > 0) times[side].push_back(seconds() - begin);
    }
  }
  const auto least = [&](int side) {
    return times[side].empty() ? 0 : *std::min_element(times[side].begin(), times[side].end());
  };
  const double best[] = {least(0), least(1), least(2)};
  const double ours = median(times[0]), lapack = median(times[1]), eigen = median(times[2]);
  std::printf("%-9s %s %5d  ours %9.3f ms  lapack %9.3f (%5.2fx, minima %5.2fx)", op.c_str(),
              sizeof(T) == 4 ? "f32" : "f64", n, ours * 1e3, lapack * 1e3, lapack / ours, best[1] / best[0]);
  if (eigen > 0)
    std::printf("  eigen %9.3f (%5.2fx, minima %5.2fx)", eigen * 1e3, eigen / ours, best[2] / best[0]);
  std::printf("\n");
  std::fflush(stdout);
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string ops = argc > 1 && std::string(argv[1]) != "all"
                              ? argv[1]
                              : "lu,cholesky,qr,inverse,solve,solve1,eigh,eigvalsh,svd,svdvals";
  const std::string sizes = argc > 2 ? argv[2] : "64,256,1024,2048";
  const std::string types = argc > 3 ? argv[3] : "both";
  const double budget = argc > 4 ? std::atof(argv[4]) : 1.0;
  const int eigen_limit = argc > 5 ? std::atoi(argv[5]) : 256;
  if (argc > 6 && std::string(argv[6]) == "cpu") timer = CLOCK_THREAD_CPUTIME_ID;
  for (const std::string& op : split(ops)) {
    for (const std::string& size : split(sizes)) {
      if (types != "f64") measure<float>(op, std::atoi(size.c_str()), budget, eigen_limit);
      if (types != "f32") measure<double>(op, std::atoi(size.c_str()), budget, eigen_limit);
    }
  }
}
