// Chains behind products that a vendor's library computes: which become its epilogues, and what is done about the
// others. A naive library of the same conventions stands behind the simulated device.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "backend/gpu/backend.h"
#include "gpu/forwarding_runtime.h"
#include "graph/collect.h"
#include "graph/plan.h"
#include "nngpu/nngpu.h"

namespace nngpu::gpu {
namespace {

using E = GemmEpilogue;
const Device kSim{DeviceType::Sim, 0};

class ProductRuntime : public ForwardingRuntime {
 public:
  bool plan_gemm(const Gemm& g) override { return has(g); }
  bool gemm(const Gemm& g) override {
    if (!has(g) || fails) return false;
    calls.push_back(g);
    g.dtype == DType::F16 ? run<Half>(g) : run<float>(g);
    return true;
  }
  std::set<E> refused;
  bool fails = false;
  std::vector<Gemm> calls;

 private:
  bool has(const Gemm& g) const { return refused.count(g.epilogue) == 0; }

  template <class T>
  static void run(const Gemm& g) {
    const auto at = [](const void* p, int64_t i) {
      return static_cast<double>(static_cast<float>(static_cast<const T*>(p)[i]));
    };
    std::vector<T> results;  // c may be `added`
    for (int64_t s = 0; s < g.batch; ++s)
      for (int64_t j = 0; j < g.n; ++j)
        for (int64_t i = 0; i < g.m; ++i) {
          double sum = 0;
          for (int64_t l = 0; l < g.k; ++l)
            sum += at(g.a, s * g.stride_a + (g.transpose_a ? i * g.lda + l : l * g.lda + i)) *
                   at(g.b, s * g.stride_b + (g.transpose_b ? l * g.ldb + j : j * g.ldb + l));
          if (g.adds) sum += at(g.added, s * g.stride_c + j * g.ldc + i);
          if (g.bias != nullptr) sum += at(g.bias, i);
          if (g.epilogue == E::Relu || g.epilogue == E::ReluBias) sum = std::max(sum, 0.0);
          if (g.epilogue == E::GeluTanh || g.epilogue == E::GeluTanhBias)
            sum = 0.5 * sum * (1 + std::tanh(std::sqrt(2 / M_PI) * (sum + 0.044715 * sum * sum * sum)));
          results.push_back(T(static_cast<float>(sum)));
        }
    size_t next = 0;
    for (int64_t s = 0; s < g.batch; ++s)
      for (int64_t j = 0; j < g.n; ++j)
        for (int64_t i = 0; i < g.m; ++i) static_cast<T*>(g.c)[s * g.stride_c + j * g.ldc + i] = results[next++];
  }
};

class Epilogues : public ::testing::TestWithParam<DType> {
 protected:
  Epilogues() {
    auto owned = std::make_unique<ProductRuntime>();
    runtime_ = owned.get();
    gpu_ = std::make_unique<GpuBackend>(kSim, std::move(owned));
  }
  Tensor random(const Shape& shape) const { return randn(shape, GetParam()).to(kSim).eval(); }

  struct Outcome {
    size_t launches = 0;
    std::vector<double> values;
  };
  // The plan of `y` by the library, run three times: the second is recorded, the third replayed.
  Outcome run(const std::function<Tensor()>& make) {
    const Tensor y = make();
    graph::Collector collector;
    EXPECT_TRUE(collector.add(y.node().get()));
    collector.decide_escapes({y.node().get()});
    const graph::GraphView& view = collector.view();
    const auto plan = graph::build_plan(view, *gpu_);
    std::vector<graph::Binding> bindings(plan->slots.size());
    for (size_t i = 0; i < plan->slots.size(); ++i) {
      const graph::Slot& slot = plan->slots[i];
      if (slot.item < 0) continue;
      const graph::Node& node = *view.items[static_cast<size_t>(slot.item)].node;
      if (slot.kind == graph::SlotKind::Constant) {
        bindings[i].constant = node.params.as<graph::ConstantParams>().bits;
      } else {
        const graph::Value& value = node.outputs[0].value;
        bindings[i].buffer = value.buffer;
        bindings[i].address = value.buffer->data + value.offset * static_cast<int64_t>(dtype_size(y.dtype()));
      }
    }
    Outcome outcome;
    outcome.launches = plan->launches.size();
    const graph::Operand& where = plan->escapes[0].value;
    for (int turn = 0; turn < 3; ++turn) {
      const graph::RunResult result = graph::run_plan(*plan, *gpu_, bindings);
      std::vector<double> values = elements(where, result.outputs[static_cast<size_t>(where.slot)]->data);
      if (turn > 0) {
        EXPECT_EQ(values, outcome.values) << "run " << turn;
      }
      outcome.values = std::move(values);
    }
    return outcome;
  }
  static std::vector<double> elements(const graph::Operand& x, const char* data) {
    std::vector<double> values;
    const Dims rows = row_major_strides(x.shape);
    for (int64_t i = 0; i < numel(x.shape); ++i) {
      int64_t at = x.offset;
      for (int k = 0; k < x.shape.size(); ++k) at += i / rows[k] % x.shape[k] * x.strides[k];
      values.push_back(x.dtype == DType::F16 ? static_cast<float>(reinterpret_cast<const Half*>(data)[at])
                                             : reinterpret_cast<const float*>(data)[at]);
    }
    return values;
  }
  // a b + bias by the definition, in double precision, and a function of it.
  static std::vector<double> reference(const Tensor& a, const Tensor& b,
                                       const std::function<double(double, int64_t, int64_t)>& f) {
    const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
    const int64_t k = b.size(-2), n = b.size(-1), rows = a.numel() / k;
    std::vector<double> values;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l)
          sum += x[static_cast<size_t>(i * k + l)] * y[static_cast<size_t>(l * n + j)];
        values.push_back(f(sum, i, j));
      }
    return values;
  }
  void expect_near(const std::vector<double>& got, const std::vector<double>& want, const std::string& what) {
    const double bound = GetParam() == DType::F16 ? 2e-2 : 2e-5;
    ASSERT_EQ(got.size(), want.size()) << what;
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], want[i], bound * (1 + std::abs(want[i]))) << what << " " << i;
  }
  // One product by the library with this epilogue, three times.
  void expect_epilogue(E epilogue, bool adds, const std::string& what) {
    ASSERT_EQ(runtime_->calls.size(), 3u) << what;
    for (const Gemm& g : runtime_->calls) {
      EXPECT_TRUE(g.epilogue == epilogue) << what;
      EXPECT_EQ(g.adds, adds) << what;
    }
    runtime_->calls.clear();
  }
  ProductRuntime* runtime_;
  std::unique_ptr<GpuBackend> gpu_;
};

double gelu_tanh_of(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double gelu_of(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

TEST_P(Epilogues, OfOneLaunch) {
  const Tensor a = random({131, 23}), b = random({23, 127}), bias = random({127}), other = random({131, 127});
  const std::vector<double> s = bias.to_vector<double>(), r = other.to_vector<double>();
  struct Case {
    const char* name;
    Tensor y;
    E epilogue;
    bool adds;
    std::function<double(double, int64_t, int64_t)> f;
  };
  const auto with = [&](double x, int64_t j) { return x + s[static_cast<size_t>(j)]; };
  const auto plus = [&](double x, int64_t i, int64_t j) { return x + r[static_cast<size_t>(i * 127 + j)]; };
  const std::vector<Case> cases = {
      {"bias", matmul(a, b) + bias, E::Bias, false, [&](double x, int64_t, int64_t j) { return with(x, j); }},
      {"relu", relu(matmul(a, b)), E::Relu, false, [](double x, int64_t, int64_t) { return std::max(x, 0.0); }},
      {"relu of bias", relu(bias + matmul(a, b)), E::ReluBias, false,
       [&](double x, int64_t, int64_t j) { return std::max(with(x, j), 0.0); }},
      {"sum", other + matmul(a, b), E::None, true, plus},
      {"relu of sum and bias", relu(matmul(a, b) + bias + other), E::ReluBias, true,
       [&](double x, int64_t i, int64_t j) { return std::max(plus(with(x, j), i, j), 0.0); }},
      {"gelu_tanh", gelu_tanh(matmul(a, b)), E::GeluTanh, false,
       [](double x, int64_t, int64_t) { return gelu_tanh_of(x); }},
      {"gelu_tanh of bias", gelu_tanh(matmul(a, b) + bias), E::GeluTanhBias, false,
       [&](double x, int64_t, int64_t j) { return gelu_tanh_of(with(x, j)); }},
  };
  for (const Case& c : cases) {
    const Outcome outcome = run([&] { return c.y; });
    EXPECT_EQ(outcome.launches, 1u) << c.name;
    expect_epilogue(c.epilogue, c.adds, c.name);
    expect_near(outcome.values, reference(a, b, c.f), c.name);
  }
}

// Nothing but what the library computes is left to it.
TEST_P(Epilogues, OfTwoLaunches) {
  const Tensor a = random({131, 23}), b = random({23, 127}), bias = random({127}), other = random({131, 127});
  const Tensor column = random({131, 1}), number = random({});
  const std::vector<double> s = bias.to_vector<double>(), c = column.to_vector<double>(),
                            r = other.to_vector<double>();
  const double t = number.to_vector<double>()[0];
  const auto expect_two = [&](const std::function<Tensor()>& make,
                              const std::function<double(double, int64_t, int64_t)>& f, const std::string& what) {
    const Outcome outcome = run(make);
    EXPECT_EQ(outcome.launches, 2u) << what;
    expect_epilogue(E::None, false, what);
    expect_near(outcome.values, reference(a, b, f), what);
  };
  expect_two([&] { return gelu(matmul(a, b) + bias); },
             [&](double x, int64_t, int64_t j) { return gelu_of(x + s[static_cast<size_t>(j)]); }, "gelu");
  expect_two([&] { return matmul(a, b) + column; },
             [&](double x, int64_t i, int64_t) { return x + c[static_cast<size_t>(i)]; }, "column");
  expect_two([&] { return matmul(a, b) + number; }, [&](double x, int64_t, int64_t) { return x + t; }, "number");
  expect_two(
      [&] { return relu(matmul(a, b)) + other; },
      [&](double x, int64_t i, int64_t j) { return std::max(x, 0.0) + r[static_cast<size_t>(i * 127 + j)]; },
      "sum behind relu");
  expect_two([&] { return matmul(a, b) - bias; },
             [&](double x, int64_t, int64_t j) { return x - s[static_cast<size_t>(j)]; }, "difference");
}

// What the library does not have is seen while the plan is made.
TEST_P(Epilogues, ThatTheLibraryRefuses) {
  const Tensor a = random({131, 23}), b = random({23, 127}), bias = random({127});
  const std::vector<double> s = bias.to_vector<double>();
  runtime_->refused = {E::ReluBias};
  const Outcome outcome = run([&] { return relu(matmul(a, b) + bias); });
  EXPECT_EQ(outcome.launches, 2u);
  expect_epilogue(E::None, false, "refused");
  expect_near(
      outcome.values,
      reference(a, b, [&](double x, int64_t, int64_t j) { return std::max(x + s[static_cast<size_t>(j)], 0.0); }),
      "refused");
}

// A plan knows where a number lies, not what it is: a run with another one takes the chain for what it is.
TEST_P(Epilogues, OfOtherNumbers) {
  const Tensor a = random({131, 23}), b = random({23, 127});
  const Outcome outcome = run([&] { return maximum(matmul(a, b), 0.25); });
  EXPECT_EQ(outcome.launches, 1u);
  expect_epilogue(E::None, false, "number");
  expect_near(outcome.values, reference(a, b, [](double x, int64_t, int64_t) { return std::max(x, 0.25); }),
              "number");
}

// Where the library refuses at a run what it has planned, our kernels compute all of it.
TEST_P(Epilogues, OfALibraryThatFails) {
  const Tensor a = random({131, 23}), b = random({23, 127});
  runtime_->fails = true;
  const Outcome outcome = run([&] { return relu(matmul(a, b)); });
  EXPECT_EQ(outcome.launches, 1u);
  EXPECT_TRUE(runtime_->calls.empty());
  expect_near(outcome.values, reference(a, b, [](double x, int64_t, int64_t) { return std::max(x, 0.0); }),
              "failed");
}

TEST_P(Epilogues, OfStacksAndOfColumnMajorResults) {
  const Tensor a = random({3, 90, 23}), b = random({23, 80}), bias = random({80});
  const std::vector<double> s = bias.to_vector<double>();
  Outcome outcome = run([&] { return relu(matmul(a, b) + bias); });
  EXPECT_EQ(outcome.launches, 1u);
  expect_epilogue(E::ReluBias, false, "stack");
  expect_near(
      outcome.values,
      reference(a, b, [&](double x, int64_t, int64_t j) { return std::max(x + s[static_cast<size_t>(j)], 0.0); }),
      "stack");

  // Both factors are column-major, and so is the result: its bias along memory is one of the rows.
  const Tensor at = random({23, 131}), bt = random({127, 23}), column = random({131, 1});
  const std::vector<double> c = column.to_vector<double>();
  outcome = run([&] { return matmul(transpose(at), transpose(bt)) + column; });
  EXPECT_EQ(outcome.launches, 1u);
  expect_epilogue(E::Bias, false, "columns");
  expect_near(outcome.values,
              reference(transpose(at), transpose(bt),
                        [&](double x, int64_t i, int64_t) { return x + c[static_cast<size_t>(i)]; }),
              "columns");
}

// The product's own value is read elsewhere: it is stored, by a launch without the chain.
TEST_P(Epilogues, OfProductsThatAreReadElsewhere) {
  const Tensor a = random({131, 23}), b = random({23, 127});
  const auto work = [&] {
    const Tensor product = matmul(a, b);
    return relu(product) + sum(product);
  };
  EXPECT_GE(run(work).launches, 3u);
  for (const Gemm& g : runtime_->calls) EXPECT_TRUE(g.epilogue == E::None);
}

INSTANTIATE_TEST_SUITE_P(Types, Epilogues, testing::Values(DType::F32, DType::F16),
                         [](const auto& param) { return dtype_name(param.param); });

}  // namespace
}  // namespace nngpu::gpu
