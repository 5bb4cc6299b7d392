// Decompositions of one matrix, and of thousands of small ones, against Eigen, LAPACK and Armadillo.
#include "cases.h"
#include "eigen_decompositions.h"
#include "nngpu/linalg.h"
#include "peers.h"

#if defined(NNGPU_HAVE_ARMADILLO)
#define ARMA_DONT_PRINT_FAST_MATH_WARNING
#define ARMA_WARN_LEVEL 0
#include <armadillo>
#endif

namespace nngpu::bench {
namespace {

constexpr Kind kKinds[] = {Kind::Lu, Kind::Cholesky, Kind::Qr, Kind::Inverse, Kind::Solve, Kind::Eigh, Kind::Svd};
constexpr const char* kNames[] = {"lu", "cholesky", "qr", "inverse", "solve", "eigh", "svd"};

// Operations of the usual algorithm, for the floor by the matmul peak.
double flops(Kind kind, double n) {
  const double cube = n * n * n;
  switch (kind) {
    case Kind::Lu:
    case Kind::Solve:
      return 2.0 / 3 * cube;
    case Kind::Cholesky:
      return cube / 3;
    case Kind::Qr:  // R, then Q
      return 8.0 / 3 * cube;
    case Kind::Inverse:
      return 2 * cube;
    case Kind::Eigh:  // reduction 4/3, eigenvectors of the tridiagonal matrix and back-transformation
      return (4.0 / 3 + 4.0 / 3 + 2) * cube;
    case Kind::Svd:
      return (8.0 / 3 + 8.0 / 3 + 4) * cube;
  }
  return cube;
}

// `count` matrices of size n, twice, so that inputs rotate; symmetric positive definite where the kind needs it.
template <class T>
struct Matrices {
  int64_t count, n;
  std::vector<T> a[2], b;
  Tensor ta[2], tb;
  int turn = 0;
  Matrices(Kind kind, int64_t items, int64_t size) : count(items), n(size) {
    const bool spd = kind == Kind::Cholesky || kind == Kind::Eigh;
    for (int half = 0; half < 2; ++half) {
      a[half].resize(static_cast<size_t>(count * n * n));
      for (int64_t i = 0; i < count; ++i) {
        Eigen::Map<EigenMatrix<T>> m(a[half].data() + i * n * n, n, n);
        m.setRandom();
        if (spd) m = (m * m.transpose() + EigenMatrix<T>::Identity(n, n) * static_cast<T>(n)).eval();
      }
      ta[half] = tensor(a[half], n);
    }
    b.resize(static_cast<size_t>(count * n * n));
    Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>(b.data(), static_cast<Eigen::Index>(b.size())).setRandom();
    tb = tensor(b, n);
  }
  Tensor tensor(std::vector<T>& memory, int64_t cols) const {
    if (count == 1) return Tensor::borrow(memory.data(), dtype_of<T>(), {n, cols}, {1, n});
    return Tensor::borrow(memory.data(), dtype_of<T>(), {count, n, cols}, {n * cols, 1, n});
  }
  const T* item(int half, int64_t i) const { return a[half].data() + i * n * n; }
  int next() { return turn ^= 1; }
};

template <class T>
std::function<void()> ours(Kind kind, std::shared_ptr<Matrices<T>> m) {
  return [=] {
    const Tensor& a = m->ta[m->next()];
    switch (kind) {
      case Kind::Lu:
        eval({linalg::lu_factor(a).lu});
        break;
      case Kind::Cholesky:
        eval({linalg::cholesky(a)});
        break;
      case Kind::Qr: {
        const auto [q, r] = linalg::qr(a);
        eval({q, r});
        break;
      }
      case Kind::Inverse:
        eval({linalg::inverse(a)});
        break;
      case Kind::Solve:
        eval({linalg::solve(a, m->tb)});
        break;
      case Kind::Eigh: {
        const linalg::Eigh e = linalg::eigh(a);
        eval({e.w, e.v});
        break;
      }
      case Kind::Svd: {
        const linalg::Svd s = linalg::svd(a);
        eval({s.u, s.s, s.vt});
        break;
      }
    }
  };
}

// Storage of one thread's LAPACK calls, allocated before the clock starts.
template <class T>
struct Lapack {
  int n;
  std::vector<T> a, x, u, vt, s, work;
  std::vector<int> pivots, iwork;
  explicit Lapack(int64_t size) : n(static_cast<int>(size)) {
    const auto elements = static_cast<size_t>(size * size);
    for (auto* v : {&a, &x, &u, &vt}) v->resize(elements);
    s.resize(static_cast<size_t>(size));
    work.resize(std::max<size_t>(4096, 5 * elements + 64 * static_cast<size_t>(size)));
    pivots.resize(static_cast<size_t>(size));
    iwork.resize(8 * static_cast<size_t>(size) + 64);
  }
  void run(Kind kind, const T* input, const T* rhs) {
    std::copy(input, input + a.size(), a.begin());
    const int size = static_cast<int>(work.size());
    switch (kind) {
      case Kind::Lu:
        return getrf(n, a.data(), pivots.data());
      case Kind::Cholesky:
        return potrf(n, a.data());
      case Kind::Qr:
        return geqrf_orgqr(n, a.data(), s.data(), work.data(), size);
      case Kind::Inverse:
        getrf(n, a.data(), pivots.data());
        return getri(n, a.data(), pivots.data(), work.data(), size);
      case Kind::Solve:
        std::copy(rhs, rhs + x.size(), x.begin());
        return gesv(n, n, a.data(), pivots.data(), x.data());
      case Kind::Eigh:
        return syevd(n, a.data(), s.data(), work.data(), size, iwork.data(), static_cast<int>(iwork.size()));
      case Kind::Svd:
        return gesdd(n, a.data(), s.data(), u.data(), vt.data(), work.data(), size, iwork.data());
    }
  }
};

#if defined(NNGPU_HAVE_ARMADILLO)
template <class T>
void armadillo_item(Kind kind, const T* data, int64_t n) {
  const arma::Mat<T> a(const_cast<T*>(data), static_cast<arma::uword>(n), static_cast<arma::uword>(n), false,
                       true);
  arma::Mat<T> x, y, z;
  arma::Col<T> s;
  switch (kind) {
    case Kind::Lu:
      arma::lu(x, y, z, a);
      break;
    case Kind::Cholesky:
      arma::chol(x, a, "lower");
      break;
    case Kind::Qr:
      arma::qr_econ(x, y, a);
      break;
    case Kind::Inverse:
      arma::inv(x, a);
      break;
    case Kind::Solve:
      return;  // refines its solution, which is other work
    case Kind::Eigh:
      arma::eig_sym(s, x, a);
      break;
    case Kind::Svd:
      arma::svd_econ(x, s, y, a);
      break;
  }
  benchmark::DoNotOptimize(x.memptr());
}
#endif

template <class T>
void run_single(Harness& harness, Kind kind, int64_t n) {
  auto m = std::make_shared<Matrices<T>>(kind, 1, n);
  auto lapack = std::make_shared<Lapack<T>>(n);
  Case c;
  c.group = "decompositions";
  c.operation =
      std::string(kNames[static_cast<int>(kind)]) + " " + dtype_name(dtype_of<T>()) + " " + std::to_string(n);
  c.flops = flops(kind, static_cast<double>(n));
  c.f64 = std::is_same_v<T, double>;
  c.target = 1;
  c.ours = ours(kind, m);
  c.peers.push_back({"Eigen", [=] { eigen_item<EigenMatrix<T>>(kind, m->item(m->next(), 0), m->b.data(), n); }});
  c.peers.push_back({"LAPACK", [=] { lapack->run(kind, m->item(m->next(), 0), m->b.data()); }});
#if defined(NNGPU_HAVE_ARMADILLO)
  if (kind != Kind::Solve)
    c.peers.push_back({"Armadillo", [=] { armadillo_item(kind, m->item(m->next(), 0), n); }});
#endif
  harness.run(c);
}

// item(a, b) for all matrices, spread over the threads.
template <class T, class Item>
Contender loop(const char* name, std::shared_ptr<Matrices<T>> m, const Item& item) {
  return {name, [=] {
            const int half = m->next();
            const int64_t step = m->n * m->n;
#pragma omp parallel for
            for (int64_t i = 0; i < m->count; ++i) item(m->item(half, i), m->b.data() + i * step);
          }};
}

template <class T>
void run_batch(Harness& harness, Kind kind, int64_t n) {
  constexpr int64_t kCount = 10000;
  auto m = std::make_shared<Matrices<T>>(kind, kCount, n);
  auto workers = std::make_shared<std::vector<Lapack<T>>>();
  for (int t = 0; t < omp_get_max_threads(); ++t) workers->emplace_back(n);
  Case c;
  c.group = "small decompositions";
  c.operation = std::string("10,000 ") + kNames[static_cast<int>(kind)] + " " + dtype_name(dtype_of<T>()) + " " +
                std::to_string(n);
  c.flops = kCount * flops(kind, static_cast<double>(n));
  c.bytes = 2.0 * kCount * static_cast<double>(n * n) * sizeof(T);
  c.f64 = std::is_same_v<T, double>;
  c.target = 2;
  c.ours = ours(kind, m);
  c.peers.push_back(
      loop("Eigen loop", m, [=](const T* a, const T* b) { eigen_item<EigenMatrix<T>>(kind, a, b, n); }));
  // Larger fixed sizes take the compiler minutes.
  if (n == 8)
    c.peers.push_back(loop("fixed Eigen loop", m,
                           [=](const T* a, const T* b) { eigen_item<Eigen::Matrix<T, 8, 8>>(kind, a, b, n); }));
  if (kind == Kind::Svd)
    c.peers.push_back(
        loop("Jacobi Eigen loop", m, [=](const T* a, const T*) { eigen_jacobi<EigenMatrix<T>>(a, n); }));
  c.peers.push_back(loop("LAPACK loop", m, [=](const T* a, const T* b) {
    (*workers)[static_cast<size_t>(omp_get_thread_num())].run(kind, a, b);
  }));
  harness.run(c);
}

}  // namespace

void run_decompositions(Harness& harness, bool quick) {
  for (Kind kind : kKinds) {
    for (int64_t n : {64, 256, 1024, 2048}) {
      if (quick && n > 256) continue;
      run_single<float>(harness, kind, n);
      run_single<double>(harness, kind, n);
    }
  }
}

void run_batches(Harness& harness, bool quick) {
  for (Kind kind : kKinds) {
    for (int64_t n : {8, 16, 32}) {
      if (quick && n == 32) continue;
      run_batch<float>(harness, kind, n);
      run_batch<double>(harness, kind, n);
    }
  }
}

}  // namespace nngpu::bench
