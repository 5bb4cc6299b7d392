// Small batched decompositions against OpenMP loops over Eigen (fixed and dynamic sizes) and LAPACK.
//
//   GOMP_SPINCOUNT=0 small_lapack_bench [count] [words...]     (default 10000; words select lines, as in: 10000
//   svd f64)
//
// The contenders take turns within every round and a line gives the median over rounds, so that whatever else the
// machine does hits all of them alike. Copying the inputs back before each run is not timed. Contenders ten times
// slower than ours run only twice. Eigen's BDCSVD is absent: GCC 12 takes many minutes to compile it. Compile with
// -march=native: Eigen has no run-time choice of instruction set.
#include <omp.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/cpu/lapack/small.h"

// The contenders' LAPACK, by its Fortran interface.
#define NNGPU_BENCH_LAPACK(p, T)                                                                                 \
  void p##potrf_(const char*, const int*, T*, const int*, int*, size_t);                                         \
  void p##getrf_(const int*, const int*, T*, const int*, int*, int*);                                            \
  void p##getri_(const int*, T*, const int*, const int*, T*, const int*, int*);                                  \
  void p##getrs_(const char*, const int*, const int*, const T*, const int*, const int*, T*, const int*, int*,    \
                 size_t);                                                                                        \
  void p##gesv_(const int*, const int*, T*, const int*, int*, T*, const int*, int*);                             \
  void p##geqrf_(const int*, const int*, T*, const int*, T*, T*, const int*, int*);                              \
  void p##orgqr_(const int*, const int*, const int*, T*, const int*, const T*, T*, const int*, int*);            \
  void p##syev_(const char*, const char*, const int*, T*, const int*, T*, T*, const int*, int*, size_t, size_t); \
  void p##syevd_(const char*, const char*, const int*, T*, const int*, T*, T*, const int*, int*, const int*,     \
                 int*, size_t, size_t);                                                                          \
  void p##gesdd_(const char*, const int*, const int*, T*, const int*, T*, T*, const int*, T*, const int*, T*,    \
                 const int*, int*, int*, size_t);                                                                \
  void p##gesvd_(const char*, const char*, const int*, const int*, T*, const int*, T*, T*, const int*, T*,       \
                 const int*, T*, const int*, int*, size_t, size_t);
extern "C" {
NNGPU_BENCH_LAPACK(s, float)
NNGPU_BENCH_LAPACK(d, double)
}

namespace {

namespace ours = nngpu::cpu::small;
using nngpu::cpu::Batch;

// Processor seconds of all threads: on a machine that others use as well, waiting for it says nothing about a
// contender. Set GOMP_SPINCOUNT=0, or threads that wait count as working.
double processor_seconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// LAPACK(getrf)(...) calls sgetrf_ or dgetrf_ as T says.
#define LAPACK(name)                \
  [] {                              \
    if constexpr (sizeof(T) == 4) { \
      return &s##name##_;           \
    } else {                        \
      return &d##name##_;           \
    }                               \
  }()

struct Contender {
  std::string name;
  std::function<void()> run;
  std::vector<double> seconds = {};
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

std::vector<std::string> selected;
int64_t count = 10000;

// The first contender is ours. Prints its time an item, and how many times as long each of the others takes.
void compete(const std::string& label, const std::function<void()>& prepare, std::vector<Contender> contenders) {
  for (const std::string& word : selected) {
    if ((" " + label + " ").find(" " + word + " ") == std::string::npos) return;
  }
  constexpr int kRounds = 9;
  for (int round = 0; round <= kRounds; ++round) {
    for (Contender& c : contenders) {
      if (round > 2 && median(c.seconds) > 10 * median(contenders[0].seconds)) continue;
      prepare();
      const double start = processor_seconds();
      c.run();
      const double seconds = processor_seconds() - start;
      if (round > 0) c.seconds.push_back(seconds);
    }
  }
  const double mine = median(contenders[0].seconds);
  double best = 1e300;
  std::string ratios;
  for (size_t i = 1; i < contenders.size(); ++i) {
    const double theirs = median(contenders[i].seconds);
    best = std::min(best, theirs);
    char text[64];
    std::snprintf(text, sizeof text, "  %s %.1f", contenders[i].name.c_str(), theirs / mine);
    ratios += text;
  }
  std::printf("%-20s %9.1f ns an item   worst ratio %5.2f :%s\n", label.c_str(), mine / count * 1e9, best / mine,
              ratios.c_str());
  std::fflush(stdout);
}

template <class Body>
std::function<void()> loop(const Body& body) {
  return [body] {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; ++i) body(i);
  };
}

template <class T, int N>
struct Contest {
  // From 16 on, a fixed size gains Eigen little and costs minutes of compilation.
  static constexpr int kSide = N <= 8 ? N : Eigen::Dynamic;
  using Fixed = Eigen::Matrix<T, kSide, kSide>;
  using Dynamic = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using FixedMap = Eigen::Map<Fixed>;
  using DynamicMap = Eigen::Map<Dynamic>;
  static constexpr int kSize = N * N;
  static constexpr int kWork = 4096;

  std::vector<T> general, symmetric, a, b, u, v, w;
  std::vector<int> pivots, info;
  std::string suffix = std::string(sizeof(T) == 4 ? " f32 " : " f64 ") + std::to_string(N);

  T* at(std::vector<T>& x, int64_t i) { return x.data() + i * kSize; }
  FixedMap fixed(std::vector<T>& x, int64_t i) { return FixedMap(at(x, i), N, N); }
  DynamicMap dynamic(std::vector<T>& x, int64_t i) { return DynamicMap(at(x, i), N, N); }
  auto values(int64_t i) { return Eigen::Map<Eigen::Matrix<T, N, 1>>(w.data() + i * N); }
  auto order(int64_t i) { return Eigen::Map<Eigen::Matrix<int, N, 1>>(pivots.data() + i * N); }
  Batch<T> batch(std::vector<T>& x) { return {x.data(), N, kSize}; }

  Contest() {
    general.resize(count * kSize);
    symmetric = a = b = u = v = general;
    w.resize(count * N);
    pivots.resize(count * N);
    info.resize(count);
    for (int64_t i = 0; i < count; ++i) {
      fixed(general, i).setRandom();
      fixed(symmetric, i) = fixed(general, i) * fixed(general, i).transpose() + Fixed::Identity(N, N);
    }
  }

  void run() {
    const auto from_general = [this] { std::copy(general.begin(), general.end(), a.begin()); };
    const auto from_symmetric = [this] { std::copy(symmetric.begin(), symmetric.end(), a.begin()); };
    const auto with_rhs = [this] {
      std::copy(general.begin(), general.end(), a.begin());
      std::copy(symmetric.begin(), symmetric.end(), b.begin());
    };
    compete("cholesky" + suffix, from_symmetric, cholesky());
    compete("lu" + suffix, from_general, lu());
    std::copy(general.begin(), general.end(), a.begin());
    ours::lu<T>(count, N, N, batch(a), pivots.data(), info.data());
    const std::vector<T> factors = a;
    const auto factored = [&] {
      std::copy(factors.begin(), factors.end(), a.begin());
      std::copy(symmetric.begin(), symmetric.end(), b.begin());
    };
    compete("lu_solve 1" + suffix, factored, lu_solve(1));
    compete("lu_solve n" + suffix, factored, lu_solve(N));
    compete("solve 1" + suffix, with_rhs, solve(1));
    compete("solve n" + suffix, with_rhs, solve(N));
    compete("inverse" + suffix, from_general, inverse());
    compete("qr" + suffix, from_general, qr());
    compete("eigh" + suffix, from_symmetric, eigh());
    compete("svd" + suffix, from_general, svd());
  }

  std::vector<Contender> cholesky() {
    return {{"ours", [this] { ours::cholesky<T>(count, N, batch(a), info.data()); }},
            {"eigen", loop([this](int64_t i) { fixed(a, i) = Eigen::LLT<Fixed>(fixed(a, i)).matrixL(); })},
            {"eigen-dyn", loop([this](int64_t i) {
               DynamicMap x = dynamic(a, i);
               Eigen::LLT<Eigen::Ref<Dynamic>> llt(x);
             })},
            {"lapack", loop([this](int64_t i) {
               const int n = N;
               LAPACK(potrf)("L", &n, at(a, i), &n, &info[i], 1);
             })}};
  }

  std::vector<Contender> lu() {
    return {{"ours", [this] { ours::lu<T>(count, N, N, batch(a), pivots.data(), info.data()); }},
            {"eigen", loop([this](int64_t i) {
               Eigen::PartialPivLU<Fixed> x(fixed(a, i));
               fixed(a, i) = x.matrixLU();
               order(i) = x.permutationP().indices();
             })},
            {"eigen-dyn", loop([this](int64_t i) {
               DynamicMap y = dynamic(a, i);
               Eigen::PartialPivLU<Eigen::Ref<Dynamic>> x(y);
               order(i) = x.permutationP().indices();
             })},
            {"lapack", loop([this](int64_t i) {
               const int n = N;
               LAPACK(getrf)(&n, &n, at(a, i), &n, &pivots[i * N], &info[i]);
             })}};
  }

  std::vector<Contender> lu_solve(int nrhs) {
    auto solvers = std::make_shared<std::vector<Eigen::PartialPivLU<Fixed>>>();
    auto fortran = std::make_shared<std::vector<int>>(pivots);
    for (int& p : *fortran) ++p;
    for (int64_t i = 0; i < count; ++i) solvers->emplace_back(fixed(general, i));
    return {{"ours",
             [=, this] {
               ours::lu_solve<T>(count, N, nrhs, {a.data(), N, kSize}, pivots.data(), batch(b));
             }},
            {"eigen", loop([=, this](int64_t i) {
               if (nrhs == 1) {
                 Eigen::Map<Eigen::Matrix<T, N, 1>> x(at(b, i));
                 x = (*solvers)[i].solve(x).eval();
               } else {
                 fixed(b, i) = (*solvers)[i].solve(fixed(b, i)).eval();
               }
             })},
            {"lapack", loop([=, this](int64_t i) {
               const int n = N;
               LAPACK(getrs)("N", &n, &nrhs, at(a, i), &n, fortran->data() + i * N, at(b, i), &n, &info[i], 1);
             })}};
  }

  std::vector<Contender> solve(int nrhs) {
    return {{"ours", [=, this] { ours::solve<T>(count, N, nrhs, batch(a), batch(b), info.data()); }},
            {"eigen", loop([=, this](int64_t i) {
               const Eigen::PartialPivLU<Fixed> x(fixed(a, i));
               if (nrhs == 1) {
                 Eigen::Map<Eigen::Matrix<T, N, 1>> y(at(b, i));
                 y = x.solve(y).eval();
               } else {
                 fixed(b, i) = x.solve(fixed(b, i)).eval();
               }
             })},
            {"eigen-dyn", loop([=, this](int64_t i) {
               DynamicMap x = dynamic(a, i);
               DynamicMap y(at(b, i), N, nrhs);
               y = Eigen::PartialPivLU<Eigen::Ref<Dynamic>>(x).solve(y).eval();
             })},
            {"lapack", loop([=, this](int64_t i) {
               const int n = N;
               int p[N];
               LAPACK(gesv)(&n, &nrhs, at(a, i), &n, p, at(b, i), &n, &info[i]);
             })}};
  }

  std::vector<Contender> inverse() {
    return {{"ours", [this] { ours::inverse<T>(count, N, batch(a), info.data()); }},
            {"eigen", loop([this](int64_t i) { fixed(a, i) = fixed(a, i).inverse().eval(); })},
            {"eigen-dyn", loop([this](int64_t i) { dynamic(a, i) = dynamic(a, i).inverse().eval(); })},
            {"lapack", loop([this](int64_t i) {
               const int n = N, lwork = kWork;
               int p[N];
               T work[kWork];
               LAPACK(getrf)(&n, &n, at(a, i), &n, p, &info[i]);
               LAPACK(getri)(&n, at(a, i), &n, p, work, &lwork, &info[i]);
             })}};
  }

  std::vector<Contender> qr() {
    return {{"ours", [this] { ours::qr<T>(count, N, N, false, batch(a), batch(u), batch(v)); }},
            {"eigen", loop([this](int64_t i) {
               const Eigen::HouseholderQR<Fixed> x(fixed(a, i));
               fixed(u, i) = x.householderQ();
               fixed(v, i) = x.matrixQR().template triangularView<Eigen::Upper>();
             })},
            {"eigen-dyn", loop([this](int64_t i) {
               const Eigen::HouseholderQR<Dynamic> x(dynamic(a, i));
               dynamic(u, i) = x.householderQ();
               dynamic(v, i) = x.matrixQR().template triangularView<Eigen::Upper>();
             })},
            {"lapack", loop([this](int64_t i) {
               const int n = N, lwork = kWork;
               T tau[N], work[kWork];
               LAPACK(geqrf)(&n, &n, at(a, i), &n, tau, work, &lwork, &info[i]);
               fixed(v, i) = fixed(a, i).template triangularView<Eigen::Upper>();
               fixed(u, i) = fixed(a, i);
               LAPACK(orgqr)(&n, &n, &n, at(u, i), &n, tau, work, &lwork, &info[i]);
             })}};
  }

  std::vector<Contender> eigh() {
    return {{"ours", [this] { ours::eigh<T>(count, N, batch(a), w.data(), N, batch(v), info.data()); }},
            {"eigen", loop([this](int64_t i) {
               const Eigen::SelfAdjointEigenSolver<Fixed> x(fixed(a, i));
               fixed(v, i) = x.eigenvectors();
               values(i) = x.eigenvalues();
             })},
            {"eigen-dyn", loop([this](int64_t i) {
               const Eigen::SelfAdjointEigenSolver<Dynamic> x(dynamic(a, i));
               dynamic(v, i) = x.eigenvectors();
               values(i) = x.eigenvalues();
             })},
            {"syev", loop([this](int64_t i) {
               const int n = N, lwork = kWork;
               T work[kWork];
               LAPACK(syev)("V", "L", &n, at(a, i), &n, &w[i * N], work, &lwork, &info[i], 1, 1);
             })},
            {"syevd", loop([this](int64_t i) {
               const int n = N, lwork = kWork, liwork = 256;
               T work[kWork];
               int iwork[256];
               LAPACK(syevd)("V", "L", &n, at(a, i), &n, &w[i * N], work, &lwork, iwork, &liwork, &info[i], 1, 1);
             })}};
  }

  std::vector<Contender> svd() {
    const unsigned both = Eigen::ComputeFullU | Eigen::ComputeFullV;
    return {
        {"ours",
         [this] { ours::svd<T>(count, N, N, false, batch(a), batch(u), w.data(), N, batch(v), info.data()); }},
        {"eigen-jacobi", loop([=, this](int64_t i) {
           const Eigen::JacobiSVD<Fixed> x(fixed(a, i), both);
           fixed(u, i) = x.matrixU();
           fixed(v, i) = x.matrixV().transpose();
           values(i) = x.singularValues();
         })},
        {"gesdd", loop([this](int64_t i) {
           const int n = N, lwork = 4 * kWork;
           T work[4 * kWork];
           int iwork[8 * N];
           LAPACK(gesdd)
           ("A", &n, &n, at(a, i), &n, &w[i * N], at(u, i), &n, at(v, i), &n, work, &lwork, iwork, &info[i], 1);
         })},
        {"gesvd", loop([this](int64_t i) {
           const int n = N, lwork = kWork;
           T work[kWork];
           LAPACK(gesvd)
           ("A", "A", &n, &n, at(a, i), &n, &w[i * N], at(u, i), &n, at(v, i), &n, work, &lwork, &info[i], 1, 1);
         })}};
  }
};

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const int64_t number = std::atoll(argv[i]);
    if (i == 1 && number > 0) {
      count = number;
    } else {
      selected.emplace_back(argv[i]);
    }
  }
  std::printf("%lld matrices, %d threads\n", static_cast<long long>(count), omp_get_max_threads());
  std::make_unique<Contest<float, 8>>()->run();
  std::make_unique<Contest<double, 8>>()->run();
  std::make_unique<Contest<float, 16>>()->run();
  std::make_unique<Contest<double, 16>>()->run();
  std::make_unique<Contest<float, 32>>()->run();
  std::make_unique<Contest<double, 32>>()->run();
}
