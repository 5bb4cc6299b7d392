// compile and explain.
#include "nngpu/compile.h"

#include <gtest/gtest.h>

#include <thread>

#include "nngpu/autograd.h"
#include "nngpu/linalg.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

TEST(Explain, SaysWhatHoldsMemoryAtThePeak) {
  const Tensor x = ones({64, 64}).eval();
  const std::string text = explain(
      [](const Tensor& a) {
        const Tensor large = matmul(a, a);
        return matmul(large, a) + large;
      },
      x);
  const size_t peak = text.find("at the peak, during launch ");
  ASSERT_NE(peak, std::string::npos) << text;
  EXPECT_NE(text.find("16.0 KiB of Matmul (launch 0, read until ", peak), std::string::npos) << text;
}

TEST(Compile, ReplaysWithoutTracing) {
  int traces = 0;
  const auto f = compile([&](const Tensor& x, const Tensor& w) {
    ++traces;
    return relu(matmul(x, w)) + 1;
  });
  for (int i = 0; i < 5; ++i) {
    const Tensor x = randn({4, 6}), w = randn({6, 3});
    EXPECT_EQ(f(x, w).to_vector<float>(), (relu(matmul(x, w)) + 1).to_vector<float>());
  }
  EXPECT_EQ(traces, 1);
  f(randn({5, 6}), randn({6, 3}));                          // another shape
  f(randn({4, 6}, DType::F64), randn({6, 3}, DType::F64));  // another dtype
  f(transpose(randn({6, 4})).eval(), randn({6, 3}));        // other strides
  EXPECT_EQ(traces, 4);
}

TEST(Compile, ReturnsTuplesAndVectors) {
  const auto pair = compile([](const Tensor& x) { return std::pair<Tensor, Tensor>(x + 1, sum(x)); });
  const auto [a, b] = pair(ones({3}));
  EXPECT_EQ(a.to_vector<float>()[2], 2);
  EXPECT_EQ(b.item<float>(), 3);
  const auto list = compile([](const std::vector<Tensor>& x) {
    return std::vector<Tensor>{x[0] * 2, x[1], Tensor(7)};
  });
  const std::vector<Tensor> result = list({ones({2}), zeros({2})});
  EXPECT_EQ(result[0].to_vector<float>()[0], 2);
  EXPECT_EQ(result[1].to_vector<float>()[0], 0);
  EXPECT_EQ(result[2].item<int>(), 7);
}

TEST(Compile, ReadingATracedValueThrows) {
  const auto f = compile([](const Tensor& x) { return x * sum(x).item<double>(); });
  EXPECT_THROW(f(ones({3})), ValueError);
}

TEST(Compile, HeldResultsSurviveTheNextReplay) {
  const auto f = compile([](const Tensor& x) { return x * 2 + 1; });
  const Tensor first = f(full({100}, 1));
  const Tensor second = f(full({100}, 5));
  EXPECT_EQ(first.to_vector<float>()[0], 3);
  EXPECT_EQ(second.to_vector<float>()[0], 11);
}

TEST(Compile, VariablesAreReadAndWrittenAtEachReplay) {
  Variable weight(ones({10}).eval()), steps(zeros({}));
  int traces = 0;
  const auto step = compile([&](const Tensor& gradient) {
    ++traces;
    weight.assign(weight.value() - gradient * 0.5);
    steps.assign(steps.value() + 1);
    return sum(weight.value());
  });
  const Tensor gradient = ones({10}).eval();
  step(gradient);
  const void* storage = weight.value().data();
  for (int i = 0; i < 9; ++i) step(gradient);
  EXPECT_EQ(weight.value().to_vector<float>()[0], -4);
  EXPECT_EQ(steps.value().item<float>(), 10);
  EXPECT_EQ(weight.value().data(), storage) << "updated in place";
  EXPECT_LE(traces, 2);
  weight.assign(full({10}, 100));  // not baked in
  EXPECT_EQ(step(gradient).item<float>(), 995);
}

TEST(Compile, RandomNumbersAdvance) {
  Generator generator(5);
  const auto f = compile([&](const Tensor& x) { return x + rand({4}, DType::F32, generator); });
  const Tensor zero = zeros({4}).eval();
  const auto a = f(zero).to_vector<float>(), b = f(zero).to_vector<float>();
  EXPECT_NE(a, b);
  Generator again(5);
  EXPECT_EQ(rand({4}, DType::F32, again).to_vector<float>(), a);
  EXPECT_EQ(rand({4}, DType::F32, again).to_vector<float>(), b);
  generator.seed(9);  // not baked in
  EXPECT_EQ(f(zero).to_vector<float>(), rand({4}, DType::F32, Generator(9)).to_vector<float>());
}

TEST(Compile, FailuresAreThrownAtTheRead) {
  const auto f = compile([](const Tensor& a) { return std::pair<Tensor, Tensor>(linalg::inverse(a), a + 1); });
  const auto [inverse, sum] = f(zeros({3, 3}));
  EXPECT_THROW(inverse.eval(), SingularMatrixError);
  EXPECT_EQ(sum.to_vector<float>()[0], 1);
  const auto [good, other] = f(eye(3));
  EXPECT_EQ(good.to_vector<float>(), eye(3).to_vector<float>());
}

TEST(Compile, TheCacheIsBounded) {
  const CompiledFunction f([](const std::vector<Tensor>& x) { return std::vector<Tensor>{x[0] + 1}; }, 4);
  for (int64_t n = 1; n < 20; ++n) f({ones({n})});
  EXPECT_EQ(f.cached_plans(), 4u);
}

TEST(Compile, CapturesValuesAndNests) {
  const Tensor scale = full({3}, 2) + 1;  // still pending
  const auto inner = compile([&](const Tensor& x) { return x * scale; });
  const auto outer = compile([&](const Tensor& x) { return inner(x + 1); });
  EXPECT_EQ(outer(ones({3})).to_vector<float>(), (std::vector<float>{6, 6, 6}));
}

TEST(Compile, UpdatesAVariableInPlaceAfterTheLastReader) {
  const Tensor x = rand({8, 8}).eval();
  const Tensor start = rand({8, 8}).eval();
  Variable w(contiguous(start + 0.0f));
  const auto step = compile([&](const Tensor& a) {
    const Tensor y = matmul(a, w.value());
    w.assign(w.value() - matmul(transpose(a), y) * 0.01f);
    return y;
  });
  step(x).eval();
  const void* place = w.value().data();
  step(x).eval();
  EXPECT_EQ(w.value().data(), place);
  Tensor expected = start;
  for (int i = 0; i < 2; ++i) expected = (expected - matmul(transpose(x), matmul(x, expected)) * 0.01f).eval();
  EXPECT_EQ(w.value().to_vector<float>(), expected.to_vector<float>());
}

TEST(Compile, AVariableThatIsReadLaterOrTransposedBesideIsNotOverwritten) {
  const Tensor x = rand({8, 8}).eval(), start = rand({8, 8}).eval();
  Variable w(contiguous(start + 0.0f));
  const auto step = compile([&](const Tensor& a) {
    const Tensor old = w.value();
    w.assign(old + transpose(old));
    return matmul(a + sum(w.value()), old);  // its first operand comes from the new value
  });
  const Tensor y = step(x).eval();
  const Tensor next = start + transpose(start);
  EXPECT_EQ(w.value().to_vector<float>(), next.to_vector<float>());
  EXPECT_EQ(y.to_vector<float>(), matmul(x + sum(next), start).to_vector<float>());
}

TEST(Compile, ThreadsShareAPlan) {
  const auto f = compile([](const Tensor& x) { return matmul(x, x) + 1; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(f(full({2, 2}, t)).to_vector<float>()[0], 2 * t * t + 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Explain, OfACompiledFunctionIsThatOfTheFunction) {
  const auto function = [](const Tensor& a, const Tensor& b) { return sum(exp(a) * b); };
  const auto compiled = compile(function);
  const Tensor x = rand({100}).eval(), y = rand({100}).eval();
  const std::string text = explain(function, x, y);
  EXPECT_NE(text.find("exp, multiply -> sum"), std::string::npos) << text;
  EXPECT_EQ(explain(compiled, x, y), text);
  EXPECT_EQ(compiled.cached_plans(), 0u);
  EXPECT_NEAR(compiled(x, y).item<double>(), function(x, y).item<double>(), 1e-4);
  EXPECT_EQ(explain(compiled, x, y), text);
  EXPECT_EQ(compiled.cached_plans(), 1u);
  const std::vector<Tensor> both = {x, y};
  const CompiledFunction erased(
      [&](const std::vector<Tensor>& in) { return std::vector{function(in[0], in[1])}; });
  EXPECT_EQ(explain(erased, both), text);
  const auto of_a_vector = compile([&](const std::vector<Tensor>& in) { return function(in[0], in[1]); });
  EXPECT_EQ(explain(of_a_vector, both), text);
  EXPECT_NEAR(of_a_vector({x, y}).item<double>(), function(x, y).item<double>(), 1e-4);
}

// A compiled function is one of tensors like any other.
TEST(Compile, OfACompiledFunctionAndItsGradient) {
  const auto square_sum = compile([](const Tensor& a) { return sum(square(a)); });
  const auto twice = compile([&](const Tensor& a) { return square_sum(a) * 2; });
  const Tensor x = Tensor::from_vector<float>({1, 2, 3}, {3});
  EXPECT_EQ(twice(x).item<double>(), 28);
  EXPECT_EQ(grad(square_sum)(x).to_vector<double>(), (std::vector<double>{2, 4, 6}));
  const std::function<Tensor(const Tensor&)> stored = square_sum;
  EXPECT_EQ(stored(x).item<double>(), 14);
}

TEST(Explain, ShowsLaunchesFusionAndBytes) {
  const Tensor x = rand({1000});
  const std::string text = explain([](const Tensor& a) { return sum(exp(a) * 2); }, x);
  EXPECT_NE(text.find("1 launches"), std::string::npos) << text;
  EXPECT_NE(text.find("exp, multiply -> sum"), std::string::npos) << text;
  EXPECT_NE(text.find("moves 3.9 KiB"), std::string::npos) << text;
  const Tensor pending = matmul(rand({4, 4}), rand({4, 4}));
  EXPECT_NE(explain(pending).find("Matmul"), std::string::npos);
  EXPECT_FALSE(pending.is_ready());
  EXPECT_NE(explain(pending.eval()).find("nothing would run"), std::string::npos);
}

}  // namespace
}  // namespace nngpu
