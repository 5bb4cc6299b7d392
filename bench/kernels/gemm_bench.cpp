// Products against Eigen, OpenBLAS and oneDNN.
//
//   gemm_bench [square] [tall] [batch] [triangular] [max_n]     (no word: all of them)
//
// The contenders take turns within every round, so that whatever else the machine does hits all of them alike. A
// ratio is of medians over the rounds and, after the slash, of best times: where they disagree, teams of threads
// were waiting for busy cores, and only the latter says something about the kernels. Compile this file with
// -march=native: Eigen has no run-time choice of instruction set.
#include <cblas.h>
#include <dnnl.h>
#include <omp.h>

#include <Eigen/Dense>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "backend/cpu/blas.h"

namespace {

using nngpu::cpu::Diagonal;
using nngpu::cpu::Triangle;
using Clock = std::chrono::steady_clock;

template <class T>
using Dense = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

struct Contender {
  std::string name;
  std::function<void()> run;
  std::vector<double> seconds = {};
};

double timed(const std::function<void()>& run, int repeats) {
  const auto start = Clock::now();
  for (int i = 0; i < repeats; ++i) run();
  return std::chrono::duration<double>(Clock::now() - start).count() / repeats;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// The first contender is ours. Prints its rate, and its speed relative to each of the others.
void compete(const std::string& label, double flops, std::vector<Contender> contenders) {
  const double once = std::max(1e-7, std::min(timed(contenders[0].run, 1), timed(contenders[0].run, 3)));
  const int repeats = std::max(1, static_cast<int>(4e-3 / once));
  const int rounds = std::max(7, std::min(31, static_cast<int>(0.25 / (once * repeats))));
  for (int round = 0; round < rounds + 1; ++round) {
    for (Contender& contender : contenders) {
      const double seconds = timed(contender.run, repeats);
      if (round > 0) contender.seconds.push_back(seconds);
    }
  }
  const auto least = [](const std::vector<double>& values) {
    return *std::min_element(values.begin(), values.end());
  };
  const double ours = median(contenders[0].seconds), ours_least = least(contenders[0].seconds);
  double best = std::numeric_limits<double>::max();
  std::string ratios;
  for (size_t i = 1; i < contenders.size(); ++i) {
    const double theirs = median(contenders[i].seconds);
    best = std::min(best, theirs);
    char text[64];
    std::snprintf(text, sizeof text, "  %s %.2f/%.2f", contenders[i].name.c_str(), theirs / ours,
                  least(contenders[i].seconds) / ours_least);
    ratios += text;
  }
  std::printf("%-24s %9.2f us %8.1f GF/s  worst ratio %.2f :%s\n", label.c_str(), ours * 1e6, flops / ours * 1e-9,
              best / ours, ratios.c_str());
  std::fflush(stdout);
}

template <class T>
void blas_gemm(int m, int n, int k, const T* a, const T* b, T* c) {
  if constexpr (std::is_same_v<T, float>) {
    cblas_sgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, m, b, k, 0, c, m);
  } else {
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, m, b, k, 0, c, m);
  }
}

// oneDNN is row-major: c^T = b^T * a^T.
void dnnl_gemm(int m, int n, int k, const float* a, const float* b, float* c) {
  dnnl_sgemm('N', 'N', n, m, k, 1, b, k, a, m, 0, c, m);
}

template <class T>
const char* name() {
  return std::is_same_v<T, float> ? "f32" : "f64";
}

template <class T>
void single(int m, int n, int k) {
  const Dense<T> a = Dense<T>::Random(m, k), b = Dense<T>::Random(k, n);
  Dense<T> ours(m, n), eigen(m, n), blas(m, n), dnnl(m, n);
  std::vector<Contender> contenders;
  contenders.push_back(
      {"ours", [&] {
         nngpu::cpu::gemm<T>(m, n, k, 1, {a.data(), 1, m}, {b.data(), 1, k}, 0, {ours.data(), 1, m});
       }});
  contenders.push_back({"eigen", [&] { eigen.noalias() = a * b; }});
  contenders.push_back({"openblas", [&] { blas_gemm(m, n, k, a.data(), b.data(), blas.data()); }});
  if constexpr (std::is_same_v<T, float>) {
    contenders.push_back({"onednn", [&] { dnnl_gemm(m, n, k, a.data(), b.data(), dnnl.data()); }});
  }
  compete(std::string(name<T>()) + " " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k),
          2.0 * m * n * k, std::move(contenders));
  const auto wrong = [&](const Dense<T>& c) { return (c - ours).norm() > 1e-4 * ours.norm(); };
  if (wrong(eigen) || wrong(blas) || (std::is_same_v<T, float> && wrong(dnnl))) std::printf("  RESULTS DIFFER\n");
}

// A loop over a batch as a user of that library would write it.
template <class Body>
std::function<void()> loop(int count, const Body& body) {
  return [count, body] {
#pragma omp parallel for schedule(static)
    for (int i = 0; i < count; ++i) body(i);
  };
}

template <class T, int N>
void batch(int count) {
  using Fixed = Eigen::Matrix<T, N, N>;
  constexpr int kSize = N * N;
  const Eigen::Matrix<T, Eigen::Dynamic, 1> a = Eigen::Matrix<T, Eigen::Dynamic, 1>::Random(kSize * count);
  const Eigen::Matrix<T, Eigen::Dynamic, 1> b = Eigen::Matrix<T, Eigen::Dynamic, 1>::Random(kSize * count);
  Eigen::Matrix<T, Eigen::Dynamic, 1> c(kSize * count);
  const T *pa = a.data(), *pb = b.data();
  T* pc = c.data();
  std::vector<const T*> ta(count), tb(count);
  std::vector<T*> tc(count);
  for (int i = 0; i < count; ++i) ta[i] = pa + i * kSize, tb[i] = pb + i * kSize, tc[i] = pc + i * kSize;
  const auto strided = [=] {
    nngpu::cpu::gemm_batch<T>(count, N, N, N, 1, {pa, 1, N}, kSize, {pb, 1, N}, kSize, 0, {pc, 1, N}, kSize);
  };
  const auto pointers = [&] {
    nngpu::cpu::gemm_pointers<T>(count, N, N, N, 1, ta.data(), 1, N, tb.data(), 1, N, 0, tc.data(), 1, N);
  };
  std::vector<Contender> peers;
  peers.push_back({"eigen_fixed", loop(count, [=](int i) {
                     Eigen::Map<Fixed> out(pc + i * kSize);
                     out.noalias() =
                         Eigen::Map<const Fixed>(pa + i * kSize) * Eigen::Map<const Fixed>(pb + i * kSize);
                   })});
  peers.push_back({"eigen_dynamic", loop(count, [=](int i) {
                     Eigen::Map<Dense<T>> out(pc + i * kSize, N, N);
                     out.noalias() = Eigen::Map<const Dense<T>>(pa + i * kSize, N, N) *
                                     Eigen::Map<const Dense<T>>(pb + i * kSize, N, N);
                   })});
  peers.push_back({"openblas", loop(count, [=](int i) {
                     blas_gemm(N, N, N, pa + i * kSize, pb + i * kSize, pc + i * kSize);
                   })});
  if constexpr (std::is_same_v<T, float>) {
    peers.push_back({"onednn", loop(count, [=](int i) {
                       dnnl_gemm(N, N, N, pa + i * kSize, pb + i * kSize, pc + i * kSize);
                     })});
  }
  const double flops = 2.0 * N * N * N * count;
  const std::string shape = std::to_string(count) + " of " + std::to_string(N);
  std::vector<Contender> all = peers;
  all.insert(all.begin(), {"ours", strided});
  compete(std::string(name<T>()) + " batch " + shape, flops, std::move(all));
  all = peers;
  all.insert(all.begin(), {"ours", pointers});
  compete(std::string(name<T>()) + " pointers " + shape, flops, std::move(all));
}

template <class T>
void triangular(int n) {
  Dense<T> a = Dense<T>::Random(n, n) / T(n);
  a.diagonal().array() += T(2);
  const Dense<T> b = Dense<T>::Random(n, n);
  Dense<T> x = b, y = b, z = b;
  const std::string suffix = " " + std::to_string(n);
  const double flops = double(n) * n * n;
  const auto label = [&](const char* kernel) { return std::string(name<T>()) + " " + kernel + suffix; };
  const auto solve = [&](T* data) {
    if constexpr (std::is_same_v<T, float>) {
      cblas_strsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, n, 1, a.data(), n, data, n);
    } else {
      cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, n, 1, a.data(), n, data, n);
    }
  };
  // Solving again and again in place would underflow; copying b costs all of them the same.
  compete(
      label("trsm left"), flops,
      {{"ours",
        [&] {
          x = b, nngpu::cpu::trsm<T>(Triangle::Lower, Diagonal::NonUnit, n, n, {a.data(), 1, n}, {x.data(), 1, n});
        }},
       {"eigen", [&] { y = b, a.template triangularView<Eigen::Lower>().solveInPlace(y); }},
       {"openblas", [&] { z = b, solve(z.data()); }}});
  const auto right = [&](T* data) {
    if constexpr (std::is_same_v<T, float>) {
      cblas_strsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, n, n, 1, a.data(), n, data, n);
    } else {
      cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, n, n, 1, a.data(), n, data, n);
    }
  };
  compete(
      label("trsm right"), flops,
      {{"ours",
        [&] {
          x = b, nngpu::cpu::trsm<T>(Triangle::Lower, Diagonal::NonUnit, n, n, {a.data(), 1, n}, {x.data(), n, 1});
        }},
       {"openblas", [&] { z = b, right(z.data()); }}});
  const auto rank_k = [&](T* data) {
    if constexpr (std::is_same_v<T, float>) {
      cblas_ssyrk(CblasColMajor, CblasLower, CblasNoTrans, n, n, 1, a.data(), n, 0, data, n);
    } else {
      cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, n, 1, a.data(), n, 0, data, n);
    }
  };
  compete(label("syrk"), flops,
          {{"ours",
            [&] {
              nngpu::cpu::syrk<T>(Triangle::Lower, n, n, 1, {a.data(), 1, n}, 0, {x.data(), 1, n});
            }},
           {"openblas", [&] { rank_k(z.data()); }}});
  const auto multiply = [&](T* data) {
    if constexpr (std::is_same_v<T, float>) {
      cblas_strmm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, n, 1, a.data(), n, data, n);
    } else {
      cblas_dtrmm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, n, 1, a.data(), n, data, n);
    }
  };
  compete(
      label("trmm"), flops,
      {{"ours",
        [&] {
          x = b, nngpu::cpu::trmm<T>(Triangle::Lower, Diagonal::NonUnit, n, n, {a.data(), 1, n}, {x.data(), 1, n});
        }},
       {"openblas", [&] { z = b, multiply(z.data()); }}});
  const auto vector = [&](T* out) {
    if constexpr (std::is_same_v<T, float>) {
      cblas_sgemv(CblasColMajor, CblasNoTrans, n, n, 1, a.data(), n, b.data(), 1, 0, out, 1);
    } else {
      cblas_dgemv(CblasColMajor, CblasNoTrans, n, n, 1, a.data(), n, b.data(), 1, 0, out, 1);
    }
  };
  const auto transposed = [&](T* out) {
    if constexpr (std::is_same_v<T, float>) {
      cblas_sgemv(CblasColMajor, CblasTrans, n, n, 1, a.data(), n, b.data(), 1, 0, out, 1);
    } else {
      cblas_dgemv(CblasColMajor, CblasTrans, n, n, 1, a.data(), n, b.data(), 1, 0, out, 1);
    }
  };
  compete(label("gemv"), 2.0 * n * n,
          {{"ours",
            [&] {
              nngpu::cpu::gemv<T>(n, n, 1, {a.data(), 1, n}, b.data(), 1, 0, x.data(), 1);
            }},
           {"eigen", [&] { y.col(0).noalias() = a * b.col(0); }},
           {"openblas", [&] { vector(z.data()); }}});
  compete(label("gemv transposed"), 2.0 * n * n,
          {{"ours",
            [&] {
              nngpu::cpu::gemv<T>(n, n, 1, {a.data(), n, 1}, b.data(), 1, 0, x.data(), 1);
            }},
           {"eigen", [&] { y.col(0).noalias() = a.transpose() * b.col(0); }},
           {"openblas", [&] { transposed(z.data()); }}});
}

template <class T>
void run_all(const std::function<bool(const char*)>& wanted, int max_n) {
  if (wanted("square")) {
    for (int n : {16, 32, 64, 96, 128, 200, 256, 384, 512, 768, 1024, 2048, 4096}) {
      if (n <= max_n) single<T>(n, n, n);
    }
  }
  if (wanted("tall")) {
    single<T>(10000, 64, 64), single<T>(10000, 16, 64), single<T>(4096, 256, 256), single<T>(64, 4096, 64);
    single<T>(64, 64, 10000), single<T>(1000, 10, 784), single<T>(2048, 128, 2048), single<T>(32, 32, 4096);
  }
  if (wanted("batch")) batch<T, 8>(10000), batch<T, 16>(10000), batch<T, 32>(10000), batch<T, 4>(10000);
  if (wanted("triangular")) {
    for (int n : {64, 128, 256, 512, 1024, 2048}) {
      if (n <= max_n) triangular<T>(n);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  int max_n = 4096;
  words.erase(std::remove_if(words.begin(), words.end(),
                             [&](const std::string& word) {
                               const int number = std::atoi(word.c_str());
                               if (number > 0) max_n = number;
                               return number > 0;
                             }),
              words.end());
  const auto chosen = [&](const char* word) { return std::find(words.begin(), words.end(), word) != words.end(); };
  const auto wanted = [&](const char* word) {
    return words.empty() || chosen(word) || (words.size() == 1 && (chosen("f32") || chosen("f64")));
  };
  std::printf("OpenBLAS core %s, %d threads\n", openblas_get_corename(), omp_get_max_threads());
  if (!chosen("f64")) run_all<float>(wanted, max_n);
  if (!chosen("f32")) run_all<double>(wanted, max_n);
}
