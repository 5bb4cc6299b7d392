// Memory-bound operations, and elementary functions in the first-level cache.
#include <benchmark/benchmark.h>

#include <unsupported/Eigen/SpecialFunctions>

#include "backend/cpu/elementwise/kernels.h"
#include "cases.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"
#include "peers.h"

namespace nngpu::bench {
namespace {

using ArrayF = Eigen::ArrayXf;

struct Vectors {
  int64_t n;
  ArrayF x[2], y, z, out;
  Tensor tx[2], ty, tz;
  int turn = 0;
  explicit Vectors(int64_t count) : n(count), y(ArrayF::Random(count)), z(ArrayF::Random(count)), out(count) {
    for (int i = 0; i < 2; ++i) {
      x[i] = ArrayF::Random(count);
      tx[i] = Tensor::borrow(x[i].data(), DType::F32, {n}, {1});
    }
    ty = Tensor::borrow(y.data(), DType::F32, {n}, {1});
    tz = Tensor::borrow(z.data(), DType::F32, {n}, {1});
    out.setZero();
  }
  int next() { return turn ^= 1; }
};

template <class X, class Y, class Z>
auto eigen_chain(const X& x, const Y& y, const Z& z) {
  return (x * y + z) * 0.5f * (1.0f + ((x * y + z) * 0.70710678f).erf()) * x;
}

void run_chain(Harness& harness, int64_t n) {
  auto v = std::make_shared<Vectors>(n);
  Case c;
  c.group = "memory-bound";
  c.operation = "gelu(x*y+z)*x f32 " + std::to_string(n >> 20) + "M";
  c.bytes = 16.0 * static_cast<double>(n);
  c.target = 1.05;
  c.share_target = 0.8;
  c.ours = [=] {
    const Tensor x = v->tx[v->next()];
    (gelu(x * v->ty + v->tz) * x).eval();
  };
  c.peers.push_back({"Eigen", [=] {
                       const ArrayF& x = v->x[v->next()];
                       v->out = eigen_chain(x, v->y, v->z);
                       benchmark::DoNotOptimize(v->out.data());
                     }});
  c.peers.push_back({"Eigen, chunked over the threads", [=] {
                       const ArrayF& x = v->x[v->next()];
                       constexpr int64_t kChunk = 4096;
#pragma omp parallel for
                       for (int64_t i = 0; i < v->n; i += kChunk) {
                         const int64_t m = std::min(kChunk, v->n - i);
                         v->out.segment(i, m) =
                             eigen_chain(x.segment(i, m), v->y.segment(i, m), v->z.segment(i, m));
                       }
                       benchmark::DoNotOptimize(v->out.data());
                     }});
  harness.run(c);
}

void run_reduction(Harness& harness, const char* name, int64_t n, const std::function<Tensor(const Tensor&)>& ours,
                   const std::function<float(const Eigen::Ref<const ArrayF>&)>& eigen) {
  auto v = std::make_shared<Vectors>(n);
  Case c;
  c.group = "memory-bound";
  c.operation = std::string(name) + " f32 " + std::to_string(n >> 20) + "M";
  // Expressed in copy bandwidth so that the floor is that of reading.
  c.bytes = 4.0 * static_cast<double>(n) * harness.machine().copy_bandwidth / harness.machine().read_bandwidth;
  c.share_target = 0.8;
  c.ours = [=] { benchmark::DoNotOptimize(ours(v->tx[v->next()]).item<float>()); };
  c.peers.push_back({"Eigen", [=] { benchmark::DoNotOptimize(eigen(v->x[v->next()])); }});
  harness.run(c);
}

// In the first-level cache, on one core: our kernel is reached through a tensor that stays there.
template <class Ours, class Theirs>
void run_function(Harness& harness, const char* name, float low, float high, double target, const Ours& ours,
                  const Theirs& theirs) {
  constexpr int64_t kCount = 1024;
  struct Data {
    ArrayF x, out;
  };
  auto d = std::make_shared<Data>();
  d->x = (ArrayF::Random(kCount) + 1) * 0.5f * (high - low) + low;
  d->out.resize(kCount);
  Case c;
  c.group = "functions in the first-level cache";
  c.operation = std::string(name) + " f32 1024";
  c.target = target;
  c.ours = [=] {
    ours(d->out.data(), d->x.data(), kCount);
    benchmark::DoNotOptimize(d->out.data());
  };
  c.peers.push_back({"Eigen", [=] {
                       d->out = theirs(d->x);
                       benchmark::DoNotOptimize(d->out.data());
                     }});
  harness.run(c);
}

auto kernel(Elementwise code) {
  const cpu::StepKernel step = cpu::step_kernels().table[static_cast<int>(code)][static_cast<int>(DType::F32)][0];
  return [step](float* out, const float* x, int64_t n) { step(out, x, nullptr, nullptr, static_cast<size_t>(n)); };
}

}  // namespace

void run_elementwise(Harness& harness, bool quick) {
  const int64_t n = quick ? int64_t{4} << 20 : int64_t{16} << 20;
  run_chain(harness, n);
  run_reduction(
      harness, "sum", n, [](const Tensor& x) { return sum(x); }, [](const auto& x) { return x.sum(); });
  run_reduction(
      harness, "max", n, [](const Tensor& x) { return max(x); }, [](const auto& x) { return x.maxCoeff(); });
  run_reduction(
      harness, "mean", n, [](const Tensor& x) { return mean(x); }, [](const auto& x) { return x.mean(); });
}

void run_functions(Harness& harness, bool) {
  run_function(harness, "exp", -80, 80, 1.0, kernel(Elementwise::Exp), [](const ArrayF& x) { return x.exp(); });
  run_function(harness, "log", 1e-3f, 1e3f, 1.0, kernel(Elementwise::Log),
               [](const ArrayF& x) { return x.log(); });
  run_function(harness, "sin", -100, 100, 1.0, kernel(Elementwise::Sin), [](const ArrayF& x) { return x.sin(); });
  run_function(harness, "tanh", -10, 10, 0.8, kernel(Elementwise::Tanh), [](const ArrayF& x) { return x.tanh(); });
  run_function(harness, "erf", -4, 4, 0.8, kernel(Elementwise::Erf), [](const ArrayF& x) { return x.erf(); });
}

}  // namespace nngpu::bench
