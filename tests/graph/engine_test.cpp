// What runs when: fusion, recipes, batching, memory, errors, threads.
#include <gtest/gtest.h>

#include <thread>

#include "nngpu/compile.h"
#include "nngpu/linalg.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

int64_t launches_of(const std::function<void()>& work) {
  const int64_t before = engine_stats().launches;
  work();
  return engine_stats().launches - before;
}

TEST(Fusion, AChainIsOneLaunch) {
  const Tensor x = rand({1000}).eval(), y = rand({1000}).eval(), z = rand({1000}).eval();
  EXPECT_EQ(launches_of([&] { (gelu(x * y + z) * x).eval(); }), 1);
}

TEST(Fusion, AChainFusesIntoItsReduction) {
  const Tensor x = rand({100, 30}).eval();
  EXPECT_EQ(launches_of([&] { sum(exp(x) * 2, 1).eval(); }), 1);
  // Mean and variance come from one pass.
  EXPECT_EQ(launches_of([&] { var(x, 1).eval(); }), 1);
}

TEST(Fusion, DiamondsAndSharedValuesAreRight) {
  const Tensor x = rand({64}).eval();
  const Tensor a = x + 1, b = a * a, c = a - b, d = matmul(expand_dims(a, 0), expand_dims(c, 1));
  const Tensor out = a * b + c * reshape(d, {1});
  const std::vector<double> v = x.to_vector<double>();
  double dot = 0;
  for (double e : v) dot += (e + 1) * ((e + 1) - (e + 1) * (e + 1));
  const std::vector<double> got = out.to_vector<double>();
  for (size_t i = 0; i < v.size(); ++i) {
    const double ai = v[i] + 1, bi = ai * ai, ci = ai - bi;
    EXPECT_NEAR(got[i], ai * bi + ci * dot, 1e-3);
  }
}

TEST(Fusion, LongChainsAndManyInputsSplit) {
  std::vector<Tensor> inputs;
  for (int i = 0; i < 40; ++i) inputs.push_back(full({50}, i).eval());
  Tensor total = inputs[0];
  for (int i = 1; i < 40; ++i) total = total + inputs[static_cast<size_t>(i)] * 2;
  for (int i = 0; i < 100; ++i) total = total + 1;
  EXPECT_EQ(total.to_vector<double>()[49], 2 * 780 + 100);
}

TEST(Reading, AnInteriorHandleKeepsItsRecipe) {
  const Tensor x = rand({100}).eval();
  const Tensor y = x * 2, z = y + 1;
  z.eval();
  EXPECT_FALSE(y.is_ready());
  EXPECT_EQ(y.to_vector<float>()[3], x.to_vector<float>()[3] * 2);
}

TEST(Reading, ARecipeThatWouldPinMemoryIsStored) {
  Tensor x = rand({100}).eval();
  const Tensor y = x * 2, z = y + 1;
  x = Tensor();  // only the graph holds it now
  z.eval();
  EXPECT_TRUE(y.is_ready());
}

TEST(Reading, UnrelatedWorkDoesNotRun) {
  const Tensor other = rand({10}) + 1, bad = linalg::inverse(zeros({40, 40}) + rand({40, 40}) * 0);
  const Tensor wanted = rand({10}) * 2;
  wanted.eval();
  EXPECT_FALSE(other.is_ready());
  EXPECT_FALSE(bad.is_ready());
}

TEST(Batching, ALoopOfInversesIsOneLaunch) {
  std::vector<Tensor> inputs, inverses;
  for (int i = 0; i < 100; ++i) inputs.push_back((randn({8, 8}) + eye(8) * 4).eval());
  for (const Tensor& a : inputs) inverses.push_back(linalg::inverse(a));
  EXPECT_EQ(launches_of([&] { inverses[0].eval(); }), 1);
  for (size_t i = 0; i < inverses.size(); ++i) {
    EXPECT_TRUE(inverses[i].is_ready());
    EXPECT_EQ(inverses[i].to_vector<float>(), linalg::inverse(inputs[i]).to_vector<float>()) << "bitwise as alone";
  }
}

TEST(Batching, OneSingularItemFailsAlone) {
  std::vector<Tensor> inverses;
  for (int i = 0; i < 5; ++i) inverses.push_back(linalg::inverse(i == 3 ? zeros({6, 6}) : eye(6)));
  EXPECT_NO_THROW(inverses[0].eval());
  EXPECT_THROW(inverses[3].eval(), SingularMatrixError);
  EXPECT_THROW((inverses[3] + 1).eval(), SingularMatrixError);
  EXPECT_THROW(inverses[3].eval(), SingularMatrixError) << "at every read";
  EXPECT_EQ(inverses[4].to_vector<float>(), eye(6).to_vector<float>());
}

TEST(Errors, NameOperationItemAndPivot) {
  const Tensor a = stack({eye(3), zeros({3, 3})});
  try {
    linalg::inverse(a).eval();
    FAIL();
  } catch (const SingularMatrixError& error) {
    EXPECT_NE(std::string(error.what()).find("[inverse]"), std::string::npos);
    EXPECT_EQ(error.item(), 1);
    EXPECT_EQ(error.pivot(), 0);
  }
  const Tensor info = linalg::inverse_ex(a).info;
  EXPECT_EQ(info.to_vector<int32_t>(), (std::vector<int32_t>{0, 1}));
}

TEST(Growth, AMillionNodesRunInPieces) {
  Tensor x = zeros({3});
  for (int i = 0; i < 1000000; ++i) x = x + 1;
  EXPECT_EQ(x.to_vector<float>()[2], 1000000);
  std::vector<Tensor> kept;
  for (int i = 0; i < 20000; ++i) kept.push_back(full({2}, i) + 1);
  EXPECT_EQ(kept[12345].to_vector<float>()[0], 12346);
}

TEST(Growth, DestroyingADeepGraphDoesNotRecurse) {
  const auto f = compile([](const Tensor& in) {
    Tensor x = in;
    for (int i = 0; i < 200000; ++i) x = x + 1;
    return x;
  });
  EXPECT_EQ(f(zeros({1})).item<float>(), 200000);
}

TEST(Memory, ReturnsToWhereItWas) {
  trim_memory();
  const int64_t before = memory_stats().in_use;
  {
    const Tensor x = rand({1 << 20}).eval();
    EXPECT_GE(memory_stats().in_use, before + (4 << 20));
    (exp(x) + 1).eval();
  }
  EXPECT_EQ(memory_stats().in_use, before);
  EXPECT_GE(memory_stats().peak, before + (8 << 20));
}

TEST(Memory, TheLimitIsATypedErrorAndTheProcessGoesOn) {
  const Tensor x = rand({1 << 20}).eval();
  set_memory_limit(memory_stats().in_use + (2 << 20));
  const Tensor y = x + 1;
  EXPECT_THROW(y.eval(), OutOfMemoryError);
  set_memory_limit(0);
  EXPECT_NO_THROW(y.eval());
}

TEST(Memory, IntermediatesShareTheArena) {
  const Tensor x = rand({1 << 18}).eval();
  reset_peak_memory();
  const int64_t before = memory_stats().in_use;
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = cumsum(y, 0) * 0.5;
  y.eval();
  EXPECT_LE(memory_stats().peak - before, 5 * (1 << 20));
}

TEST(Variables, UpdateInPlaceUnlessSomebodyHoldsTheOldValue) {
  Variable v(zeros({1000}).eval());
  const void* storage = v.value().data();
  v.assign(v.value() + 1);
  EXPECT_EQ(v.value().data(), storage);
  const Tensor old = v.value();
  v.assign(v.value() + 1);
  EXPECT_EQ(v.value().to_vector<float>()[5], 2);
  EXPECT_EQ(old.to_vector<float>()[5], 1);
  EXPECT_THROW(v.assign(zeros({3})), ShapeError);
  EXPECT_THROW(v.assign(zeros({1000}, DType::F64)), DTypeError);
}

TEST(Variables, AReadRunsPendingUpdates) {
  Variable v(zeros({4}));
  for (int i = 0; i < 10; ++i) v.assign(v.value() + 1);
  rand({2}).eval();
  EXPECT_TRUE(v.value().is_ready());
  EXPECT_EQ(v.value().to_vector<float>()[0], 10);
}

TEST(Borrowing, UsesTheMemoryAndNeverWritesIt) {
  std::vector<float> data(1000, 3);
  Tensor x = Tensor::borrow(data.data(), DType::F32, {1000}, {1});
  EXPECT_EQ(x.data(), data.data());
  Variable v(x);
  x = Tensor();
  v.assign(v.value() + 1);
  EXPECT_EQ(v.value().to_vector<float>()[9], 4);
  EXPECT_EQ(data[9], 3);
}

TEST(Threads, EvaluateConcurrently) {
  const Tensor shared = exp(rand({5000})) + 1;
  const Tensor common = shared * 2;
  std::vector<std::thread> threads;
  std::vector<double> sums(8, 0);
  for (size_t t = 0; t < sums.size(); ++t) {
    threads.emplace_back([&, t] {
      Tensor x = common;
      for (int i = 0; i < 50; ++i) {
        x = x + static_cast<double>(t) - static_cast<double>(t);
        if (i % 7 == 0) x.eval();
      }
      sums[t] = sum(x).item<double>();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double expected = sum(common).item<double>();
  for (double s : sums) EXPECT_NEAR(s, expected, 1e-3 * expected);
}

TEST(Threads, TheNumberIsSettable) {
  const int before = num_threads();
  const Tensor x = rand({1 << 18}).eval(), a = randn({150, 150}).eval();
  const auto run = [&] { return std::make_pair(sum(exp(x)).item<float>(), matmul(a, a).to_vector<float>()); };
  set_num_threads(1);
  EXPECT_EQ(num_threads(), 1);
  const auto one = run();
  set_num_threads(2);
  EXPECT_EQ(run(), one) << "results do not depend on the number of threads";
  EXPECT_THROW(set_num_threads(0), ValueError);
  set_num_threads(before);
}

}  // namespace
}  // namespace nngpu
