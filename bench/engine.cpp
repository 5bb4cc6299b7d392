// What the engine itself costs: tiny operations replayed and rebuilt, element writes.
#include <benchmark/benchmark.h>

#include "cases.h"
#include "nngpu/compile.h"
#include "nngpu/dense.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu::bench {
namespace {

constexpr int kOperations = 1000;

// Matmul, softmax, reduction, in turn, each reading the one before.
Tensor alternating(const Tensor& x, const Tensor& w) {
  Tensor y = x;
  for (int i = 0; i < kOperations; ++i) {
    if (i % 3 == 0)
      y = matmul(y, w);
    else if (i % 3 == 1)
      y = softmax(y);
    else
      y = broadcast_to(sum(y, 1, true), {4, 4});
  }
  return y;
}

Case tiny_case(const char* name, double microseconds, std::function<void()> run) {
  Case c;
  c.group = "engine";
  c.operation = name;
  c.ours = std::move(run);
  // The floor is the time allowed: the share reaches 1 where the target is met.
  c.share_target = 1;
  c.flops = microseconds * 1e-6 * kOperations;
  return c;
}

}  // namespace

void run_engine(Harness& harness, bool) {
  const Tensor x = rand({4, 4}).eval(), w = rand({4, 4}).eval();
  const auto compiled = std::make_shared<CompiledFunction>(
      [w](const std::vector<Tensor>& in) { return std::vector<Tensor>{alternating(in[0], w)}; });
  Case replayed = tiny_case("1,000 tiny operations, replayed (1 us each)", 1, [=] { (*compiled)({x})[0].eval(); });
  replayed.flops *= harness.machine().peak_f32;
  harness.run(replayed);
  Case rebuilt = tiny_case("1,000 tiny operations, rebuilt (3 us each)", 3, [=] { alternating(x, w).eval(); });
  rebuilt.flops *= harness.machine().peak_f32;
  harness.run(rebuilt);
  auto m = std::make_shared<GPUDense<float>>(1000, 1000);
  Case writes = tiny_case("1e6 element writes (20 ns each)", 20, [=] {
    for (int64_t j = 0; j < 1000; ++j) {
      for (int64_t i = 0; i < 1000; ++i) (*m)(i, j) = static_cast<float>(i + j);
    }
    benchmark::DoNotOptimize(*m);
  });
  writes.flops *= harness.machine().peak_f32;
  harness.run(writes);
}

}  // namespace nngpu::bench
