// Bugs that were: one test each.
#include <gtest/gtest.h>

#include <new>
#include <thread>

#include "core/buffer.h"
#include "graph/plan.h"
#include "nngpu/compile.h"
#include "nngpu/linalg.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

double largest_difference(const Tensor& a, const Tensor& b) { return max(abs(a - b)).item<double>(); }

// Every output of a computed node has a layout of its own.
TEST(Regression, OutputsOfComputedDecompositionsKeepTheirLayouts) {
  const Tensor a = randn({5, 3}, DType::F64).eval();
  const linalg::Svd svd = linalg::svd(a);
  svd.s.eval();
  EXPECT_LT(largest_difference(matmul(svd.u * expand_dims(svd.s, 0), svd.vt), a), 1e-12);
  const Tensor gram = matmul(transpose(a), a).eval();
  const linalg::Eigh eigh = linalg::eigh(gram);
  eigh.w.eval();
  EXPECT_LT(largest_difference(matmul(eigh.v * expand_dims(eigh.w, 0), transpose(eigh.v)), gram), 1e-12);
}

TEST(Regression, AnyOutputOfACapturedNodeIsReturned) {
  const linalg::Svd svd = linalg::svd(randn({4, 3}));
  svd.u.eval();
  const auto f = compile([&](const Tensor& x) { return std::pair<Tensor, Tensor>(svd.vt, x + svd.s); });
  const auto [vt, sum] = f(zeros({3}));
  EXPECT_EQ(vt.to_vector<float>(), svd.vt.to_vector<float>());
  EXPECT_EQ(sum.to_vector<float>(), svd.s.to_vector<float>());
}

TEST(Regression, ACapturedFailureIsThrownByTheCall) {
  const Tensor bad = linalg::inverse(zeros({3, 3}));
  const auto f = compile([&](const Tensor& x) { return x + bad; });
  EXPECT_THROW(f(ones({3, 3})), SingularMatrixError);
  EXPECT_THROW(f(ones({3, 3})), SingularMatrixError) << "at every call";
}

TEST(Regression, WhatReadsALeakedTracedValueNeverRuns) {
  Tensor leaked;
  compile([&](const Tensor& x) { return (leaked = x) + 1; })(ones({3}));
  const Tensor y = leaked + 1;
  std::vector<Tensor> kept;
  for (int i = 0; i < 5000; ++i) kept.push_back(full({2}, i) + 1);  // more than may be pending
  EXPECT_EQ(kept[0].to_vector<float>()[1], 1);
  EXPECT_THROW(y.eval(), ValueError);
}

TEST(Regression, AFlushStoresWhatHandlesHold) {
  const Tensor x = zeros({4}).eval();
  std::vector<Tensor> kept{x};
  for (int i = 0; i < 6000; ++i) kept.push_back(kept.back() + 1);
  EXPECT_TRUE(kept[1000].is_ready());
  EXPECT_EQ(kept[3000].to_vector<float>()[0], 3000);
}

TEST(Regression, ViewsAreNoPendingMemory) {
  const Tensor row = rand({100000});
  const Tensor square = broadcast_to(row, {100000, 100000});  // 40 GB, were it stored
  const Tensor corner = slice(slice(square, 0, 0, 2), 1, 0, 2);
  EXPECT_FALSE(square.is_ready());
  EXPECT_EQ(corner.to_vector<float>()[3], row.to_vector<float>()[1]);
}

TEST(Regression, SizesInBytesDoNotOverflow) {
  EXPECT_THROW(zeros({int64_t{1} << 62}), ShapeError);
  EXPECT_THROW(zeros({int64_t{1} << 31, int64_t{1} << 31}), ShapeError);
  float value = 0;
  EXPECT_THROW(Tensor::borrow(&value, DType::F32, {1, 1}, {1}), ShapeError);
}

TEST(Regression, WideSumsNeedNoPartialMatrix) {
  const Tensor x = ones({300, 200000}).eval();
  EXPECT_EQ(min(sum(x, 0)).item<float>(), 300);
  EXPECT_EQ(max(sum(x, 0)).item<float>(), 300);
}

// The value that one reader of a number has been given stays when another computes it again.
TEST(Regression, ThreadsReadOneNumber) {
  for (int round = 0; round < 200; ++round) {
    const Tensor number(2.5);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const auto* data = static_cast<const float*>(number.data());
        for (int i = 0; i < 100; ++i) ASSERT_EQ(*data, 2.5F);
        ASSERT_EQ(number.data(), data);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(Regression, BatchPartnersGiveWayWhenMemoryIsShort) {
  std::vector<Tensor> inputs, inverses;
  for (int i = 0; i < 100; ++i) inputs.push_back(eye(128).eval());
  for (const Tensor& a : inputs) inverses.push_back(linalg::inverse(a));
  set_memory_limit(memory_stats().in_use + (1 << 20));
  EXPECT_NO_THROW(inverses[0].eval());
  set_memory_limit(0);
  EXPECT_FALSE(inverses[50].is_ready());
}

TEST(Regression, AssigningWhileReplaying) {
  Variable v(zeros({64, 3}).eval());
  const auto f = compile([&](const Tensor& x) { return sum(v.value() * x); });
  const Tensor x = ones({64, 3}).eval();
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) {
      v.assign(i % 2 == 0 ? transpose(full({3, 64}, 1)).eval() : full({64, 3}, 1) + zeros({64, 3}));
      EXPECT_EQ(v.shape(), (Shape{64, 3}));
    }
  });
  for (int i = 0; i < 200; ++i) {
    const auto total = f(x).item<float>();
    EXPECT_TRUE(total == 0 || total == 192) << total;
  }
  writer.join();
}

// Batching two small launches leaves the order of the others, and so the memory they need.
TEST(Regression, BatchingKeepsFewIntermediatesAlive) {
  const Tensor x = rand({1 << 18}).eval(), a = eye(4).eval(), b = (eye(4) * 2).eval();
  Tensor total = sum(linalg::inverse(a));
  for (int i = 0; i < 30; ++i) total = total + sum(cumsum(cumsum(x + i, 0), 0));
  total = total + sum(linalg::inverse(b));
  reset_peak_memory();
  const int64_t before = memory_stats().in_use;
  EXPECT_TRUE(total.eval().is_ready());
  EXPECT_LE(memory_stats().peak - before, 5 << 20);
}

class ThrowingBackend : public Backend {
 public:
  Device device() const override { return {}; }
  MemoryPool& pool() override { return backend_for({}).pool(); }
  void prepare(graph::Launch&) override {}
  void run(const graph::Launch&, const graph::RunContext&) override { throw std::bad_alloc(); }
  void synchronize() override {}
  bool host_addressable() const override { return true; }
  void upload(char* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void download(void* to, const char* from, size_t bytes) override { std::memcpy(to, from, bytes); }
};

// One launch whose output takes over its input where that is donated.
TEST(Regression, AThrowingLaunchFailsWhatItMayHaveOverwritten) {
  graph::Plan plan;
  plan.slots.resize(2);
  plan.slots[0] = {graph::SlotKind::Input, DType::F32, 0};
  plan.slots[1] = {graph::SlotKind::Output, DType::F32, -1, 4, 0, 0};
  plan.launches.emplace_back();
  plan.item_inputs = {{}, {0}};
  ThrowingBackend backend;
  std::vector<graph::Binding> bindings(2);
  bindings[0].buffer = backend.pool().allocate(4);
  bindings[0].address = bindings[0].buffer->data;
  EXPECT_THROW(run_plan(plan, backend, bindings), OutOfMemoryError) << "to be tried again";
  bindings[0].donate = true;
  const graph::RunResult result = run_plan(plan, backend, bindings);
  ASSERT_EQ(result.item_errors.size(), 2u);
  EXPECT_THROW(std::rethrow_exception(result.item_errors[1]), OutOfMemoryError);
}

TEST(Regression, ExplainingWhileAnotherThreadComputes) {
  for (int round = 0; round < 100; ++round) {
    const Tensor a = matmul(rand({64, 64}), rand({64, 64})), b = exp(a) + 1, c = b * a;
    std::thread reader([&] { b.eval(); });
    for (int i = 0; i < 5; ++i) EXPECT_NE(explain(c), "");
    reader.join();
    EXPECT_EQ(c.to_vector<float>(), (b * a).to_vector<float>());
  }
}

Tensor of_static_lifetime;  // destroyed after the main thread's own objects

TEST(Regression, TensorsMayBeStatic) {
  of_static_lifetime = rand({4}) + 1;
  for (int i = 0; i < 100; ++i) of_static_lifetime = of_static_lifetime + 1;
}

}  // namespace
}  // namespace nngpu
