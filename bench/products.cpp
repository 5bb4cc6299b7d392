// Matrix products: single ones of all sizes, and thousands of small ones.
#include <benchmark/benchmark.h>

#include <chrono>

#include "cases.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"
#include "peers.h"

namespace nngpu::bench {
namespace {

// Column-major tensors, as every peer here works on them; two of each, used in turn.
template <class T>
struct Product {
  int64_t m, n, k;
  EigenMatrix<T> a[2], b[2], c;
  Tensor ta[2], tb[2];
  int turn = 0;
  Product(int64_t rows, int64_t cols, int64_t inner) : m(rows), n(cols), k(inner), c(rows, cols) {
    for (int i = 0; i < 2; ++i) {
      a[i] = EigenMatrix<T>::Random(m, k);
      b[i] = EigenMatrix<T>::Random(k, n);
      ta[i] = Tensor::borrow(a[i].data(), dtype_of<T>(), {m, k}, {1, m});
      tb[i] = Tensor::borrow(b[i].data(), dtype_of<T>(), {k, n}, {1, k});
    }
  }
  int next() { return turn ^= 1; }
};

template <class T>
std::vector<Contender> product_peers(std::shared_ptr<Product<T>> p) {
  const int m = static_cast<int>(p->m), n = static_cast<int>(p->n), k = static_cast<int>(p->k);
  std::vector<Contender> peers;
  peers.push_back({"Eigen", [=] {
                     const int i = p->next();
                     p->c.noalias() = p->a[i] * p->b[i];
                     benchmark::DoNotOptimize(p->c.data());
                   }});
  peers.push_back({"OpenBLAS", [=] {
                     const int i = p->next();
                     blas_gemm(m, n, k, p->a[i].data(), p->b[i].data(), p->c.data());
                   }});
#if defined(NNGPU_HAVE_ONEDNN)
  if constexpr (std::is_same_v<T, float>) {
    peers.push_back({"oneDNN", [=] {
                       const int i = p->next();
                       onednn_gemm(m, n, k, p->a[i].data(), p->b[i].data(), p->c.data());
                     }});
  }
#endif
  return peers;
}

template <class T>
void run_product(Harness& harness, int64_t m, int64_t n, int64_t k) {
  auto p = std::make_shared<Product<T>>(m, n, k);
  Case c;
  c.group = "matmul";
  c.operation = std::string("matmul ") + dtype_name(dtype_of<T>()) + " " + std::to_string(m) + "x" +
                std::to_string(k) + " * " + std::to_string(k) + "x" + std::to_string(n);
  c.flops = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  c.f64 = std::is_same_v<T, double>;
  c.target = std::max({m, n, k}) <= 256 ? 0.90 : 0.95;
  c.ours = [=] {
    const int i = p->next();
    matmul(p->ta[i], p->tb[i]).eval();
  };
  c.peers = product_peers(p);
  harness.run(c);
}

template <class T, int kSize>
void run_small_products(Harness& harness) {
  constexpr int64_t kCount = 10000;
  using Small = Eigen::Matrix<T, kSize, kSize>;
  struct Data {
    std::vector<T> a, b, c;
    Tensor ta, tb;
  };
  auto d = std::make_shared<Data>();
  const auto elements = static_cast<size_t>(kCount) * kSize * kSize;
  d->a.resize(elements);
  d->b.resize(elements);
  d->c.resize(elements);
  Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>(d->a.data(), static_cast<Eigen::Index>(elements)).setRandom();
  Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>(d->b.data(), static_cast<Eigen::Index>(elements)).setRandom();
  const Dims strides{kSize * kSize, 1, kSize};
  d->ta = Tensor::borrow(d->a.data(), dtype_of<T>(), {kCount, kSize, kSize}, strides);
  d->tb = Tensor::borrow(d->b.data(), dtype_of<T>(), {kCount, kSize, kSize}, strides);
  Case c;
  c.group = "small products";
  c.operation = std::string("10,000 matmul ") + dtype_name(dtype_of<T>()) + " " + std::to_string(kSize) + "x" +
                std::to_string(kSize);
  c.flops = 2.0 * kCount * kSize * kSize * kSize;
  c.bytes = 3.0 * static_cast<double>(elements) * sizeof(T);
  c.f64 = std::is_same_v<T, double>;
  c.target = 1.5;
  c.ours = [=] { matmul(d->ta, d->tb).eval(); };
  c.peers.push_back({"Eigen fixed-size", [=] {
#pragma omp parallel for
                       for (int64_t i = 0; i < kCount; ++i) {
                         const int64_t at = i * kSize * kSize;
                         Eigen::Map<Small>(d->c.data() + at).noalias() =
                             Eigen::Map<const Small>(d->a.data() + at) * Eigen::Map<const Small>(d->b.data() + at);
                       }
                     }});
  c.peers.push_back({"OpenBLAS loop", [=] {
#pragma omp parallel for
                       for (int64_t i = 0; i < kCount; ++i) {
                         const int64_t at = i * kSize * kSize;
                         blas_gemm(kSize, kSize, kSize, d->a.data() + at, d->b.data() + at, d->c.data() + at);
                       }
                     }});
  harness.run(c);
}

template <class T>
void run_type(Harness& harness, bool quick) {
  for (int64_t n : {64, 128, 256, 512, 1024, 2048, 4096}) {
    if (!quick || n <= 1024) run_product<T>(harness, n, n, n);
  }
  run_product<T>(harness, 8192, 64, 64);
  run_product<T>(harness, 64, 64, 8192);
  run_product<T>(harness, 4096, 256, 256);
  run_small_products<T, 8>(harness);
  run_small_products<T, 16>(harness);
  run_small_products<T, 32>(harness);
}

}  // namespace

template <class T>
double peak_flops() {
  const auto p = std::make_shared<Product<T>>(1536, 1536, 1536);
  std::vector<Contender> all = product_peers(p);
  all.push_back({"nngpu", [=] { matmul(p->ta[p->next()], p->tb[0]).eval(); }});
  double best = 1e30;
  for (const Contender& contender : all) {
    for (int i = 0; i < 6; ++i) {
      const auto start = std::chrono::steady_clock::now();
      contender.run();
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }
  return 2.0 * 1536 * 1536 * 1536 / best;
}
template double peak_flops<float>();
template double peak_flops<double>();

void run_products(Harness& harness, bool quick) {
  run_type<float>(harness, quick);
  run_type<double>(harness, quick);
}

}  // namespace nngpu::bench
