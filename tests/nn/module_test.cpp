// Modules: handles, names, modes, conversions, printing, summaries.
#include "nngpu/nn/module.h"

#include <cmath>
#include <sstream>

#include "nngpu/compile.h"
#include "nngpu/nn.h"
#include "nngpu/ops.h"
#include "ops/expect_error.h"
#include "oracle/compare.h"
#include "oracle/random_array.h"

namespace nngpu::nn {
namespace {

using oracle::Accuracy;
using oracle::Array;
using Values = std::vector<double>;

Values values(const Tensor& x) { return x.to_vector<double>(); }

std::vector<std::string> names(const NamedVariables& variables) {
  std::vector<std::string> result;
  for (const auto& [name, variable] : variables) result.push_back(name);
  return result;
}

// A layer as a user writes it.
struct Scaled : Module {
  Linear first = register_module("first", Linear(3, 4));
  Linear second = register_module("second", Linear(4, 2, {.bias = false}));
  Variable scale = register_parameter("scale", full({2}, 2));
  Variable calls = register_buffer("calls", zeros({}, DType::I64));

  Tensor forward(const Tensor& x) const override {
    Variable counter = calls;
    counter.assign(calls.value() + 1);
    return second(relu(first(x))) * scale.value();
  }
};

TEST(Module, NamesAreThoseOfTheTree) {
  const Sequential model(Scaled(), ReLU(), Sequential(Linear(2, 5), Linear(5, 1)));
  EXPECT_EQ(names(model.named_parameters()),
            (std::vector<std::string>{"0.scale", "0.first.weight", "0.first.bias", "0.second.weight", "2.0.weight",
                                      "2.0.bias", "2.1.weight", "2.1.bias"}));
  EXPECT_EQ(names(model.named_buffers()), (std::vector<std::string>{"0.calls"}));
  EXPECT_EQ(model.parameter_count(), 2 + 12 + 4 + 8 + 10 + 5 + 5 + 1);
  EXPECT_EQ(model.variable("2.0.weight").shape(), (Shape{5, 2}));
  EXPECT_ERROR(ValueError, model.variable("2.0.wait"),
               "[Module] Sequential has no parameter or buffer '2.0.wait'");
  EXPECT_ERROR(ValueError, model.child("3"), "[Module] Sequential has no submodule '3'");
}

TEST(Module, CopiesShareEverything) {
  const Scaled model;
  const Scaled copy = model;
  const Sequential outer(copy);
  Variable scale = outer.variable("0.scale");
  scale.assign(zeros({2}));
  EXPECT_EQ(values(model(ones({1, 3}))), (Values{0, 0}));
  EXPECT_EQ(model.calls.value().item<int64_t>(), 1);
  outer(ones({1, 3}));
  EXPECT_EQ(copy.calls.value().item<int64_t>(), 2);
  outer.eval();
  EXPECT_FALSE(model.is_training());
  EXPECT_FALSE(model.first.is_training());
  model.train();
  EXPECT_TRUE(copy.is_training());
}

TEST(Module, ForwardComputesWhatItSays) {
  const Scaled model;
  const Array x = oracle::random_array({5, 3}, DType::F32, -1, 1);
  const auto transposed = [](const Variable& w) {
    return oracle::permute(oracle::from_tensor(w.value()), {1, 0});
  };
  const Array hidden =
      oracle::map(oracle::matmul(x, transposed(model.first.weight)), oracle::from_tensor(model.first.bias.value()),
                  [](double a, double b) { return std::max(a + b, 0.0); });
  const Array expected =
      oracle::map(oracle::matmul(hidden, transposed(model.second.weight)), [](double v) { return 2 * v; });
  EXPECT_TRUE(
      oracle::matches(model(oracle::to_tensor(x, DType::F32)), expected, DType::F32, Accuracy::Accumulated, 10));
}

TEST(Module, SharedParametersCountOnce) {
  struct Tied : Module {
    Linear a = register_module("a", Linear(3, 3));
    Linear b = register_module("b", a);
    Variable again = register_parameter("again", a.weight);
    Tensor forward(const Tensor& x) const override { return b(a(x)); }
  };
  const Tied model;
  EXPECT_EQ(names(model.named_parameters()), (std::vector<std::string>{"again", "a.bias"}));
  EXPECT_EQ(model.parameter_count(), 12);
  EXPECT_EQ(names(model.state()), (std::vector<std::string>{"again", "a.weight", "a.bias", "b.weight", "b.bias"}));
}

TEST(Module, BadNames) {
  struct Bad : Module {
    explicit Bad(const std::string& name) {
      register_buffer("taken", ones({1}));
      register_module(name, Identity());
    }
    Tensor forward(const Tensor& x) const override { return x; }
  };
  EXPECT_ERROR(ValueError, Bad("taken"), "[Module] the name is taken: 'taken'");
  EXPECT_ERROR(ValueError, Bad("a.b"), "[Module] a name must not be empty or hold a dot: 'a.b'");
  EXPECT_THROW(Bad(""), ValueError);
}

TEST(Module, ConvertsFloatingStateForAllHandles) {
  const Scaled model;
  const Scaled copy = model;
  EXPECT_EQ(&model.to(DType::F64), &model);
  EXPECT_EQ(copy.first.weight.dtype(), DType::F64);
  EXPECT_EQ(copy.calls.dtype(), DType::I64);
  EXPECT_EQ(copy(ones({1, 3}, DType::F64)).dtype(), DType::F64);
  EXPECT_ERROR(DTypeError, model.to(DType::I32), "[Module] parameters are floating: i32");
  model.to(DType::F32).to(default_device());
  EXPECT_EQ(copy.scale.dtype(), DType::F32);
}

TEST(Module, ACompiledModelFollowsConversions) {
  const Linear model(3, 2);
  const auto run = compile([model](const Tensor& x) { return model(x); });
  const Tensor x = ones({4, 3});
  const Values before = values(run(x));
  EXPECT_EQ(run(x).dtype(), DType::F32);
  model.to(DType::F64);
  EXPECT_EQ(run(x).dtype(), DType::F64);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(values(run(x))[i], before[i], 1e-6);
}

TEST(Module, PrintsItsTree) {
  std::ostringstream text;
  text << Sequential(Linear(3, 4), Sequential(ReLU(), Dropout(0.25)), LeakyReLU(0.2));
  EXPECT_EQ(text.str(),
            "Sequential {\n"
            "  0: Linear(3, 4)\n"
            "  1: Sequential {\n"
            "    0: ReLU\n"
            "    1: Dropout(0.25)\n"
            "  }\n"
            "  2: LeakyReLU(0.2)\n"
            "}");
}

TEST(Summary, TableOfLayers) {
  const Sequential model(Linear(7, 3), Scaled());
  std::ostringstream text;
  text << summary(model, {5, 7});
  EXPECT_EQ(text.str(),
            "layer                                output  parameters\n"
            "-------------------------------------------------------\n"
            "Sequential                           (5, 2)\n"
            "  0: Linear(7, 3)                    (5, 3)  24\n"
            "  1: Scaled                          (5, 2)  2\n"
            "    1.first: Linear(3, 4)            (5, 4)  16\n"
            "    1.second: Linear(4, 2, no bias)  (5, 2)  8\n"
            "-------------------------------------------------------\n"
            "50 parameters, 1 elements of buffers, 208 bytes\n");
  EXPECT_EQ(model.variable("1.calls").value().item<int64_t>(), 0);  // nothing ran
  const Summary big = summary(Linear(1000, 1000), {1, 1000});
  EXPECT_EQ(big.parameters, 1001000);
  EXPECT_EQ(big.bytes, 4004000);
  EXPECT_THROW(summary(model, {5, 4}), ShapeError);
}

TEST(Layers, DropoutFollowsTheMode) {
  Generator generator(7);
  const Dropout layer(0.5, generator);
  const Tensor x = ones({10000});
  int64_t kept = 0, others = 0;
  for (double v : values(layer(x))) {
    kept += v == 2;
    others += v != 2 && v != 0;
  }
  EXPECT_EQ(others, 0);
  EXPECT_NEAR(static_cast<double>(kept) / 10000, 0.5, 0.05);
  const auto run = compile([layer](const Tensor& t) { return layer(t); });
  EXPECT_NE(values(run(x)), values(run(x)));  // every replay draws anew
  layer.eval();
  EXPECT_EQ(values(layer(x)), values(x));
  EXPECT_ERROR(ValueError, Dropout(1.5), "[Dropout] no probability: 1.5");
}

TEST(Layers, Embedding) {
  const Embedding layer(5, 3);
  const Tensor rows = layer(Tensor::from_vector<int64_t>({4, 0, 4, 2}, {2, 2}));
  EXPECT_EQ(rows.shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(values(slice(reshape(rows, {4, 3}), 0, 0, 1)), values(slice(layer.weight.value(), 0, 4, 5)));
  EXPECT_THROW(layer(Tensor::from_vector<int64_t>({5}, {1})).eval(), IndexError);
  EXPECT_THROW(layer(ones({2})), DTypeError);
}

TEST(Layers, Bilinear) {
  const Bilinear layer(3, 4, 2);
  const Array a = oracle::random_array({6, 3}, DType::F32, -1, 1),
              b = oracle::random_array({6, 4}, DType::F32, -1, 1);
  const Array w = oracle::from_tensor(layer.weight.value()), bias = oracle::from_tensor(layer.bias.value());
  Array expected = oracle::filled({6, 2}, 0);
  oracle::for_each_index({6, 2, 3, 4}, [&](const std::vector<int64_t>& at) {
    expected.ref({at[0], at[1]}) += a.at({at[0], at[2]}) * w.at({at[1], at[2], at[3]}) * b.at({at[0], at[3]});
  });
  expected = oracle::map(expected, bias, [](double v, double c) { return v + c; });
  EXPECT_TRUE(oracle::matches(layer(oracle::to_tensor(a, DType::F32), oracle::to_tensor(b, DType::F32)), expected,
                              DType::F32, Accuracy::Accumulated, 10));
}

TEST(Layers, Arguments) {
  EXPECT_ERROR(ValueError, Linear(0, 3), "[Linear] sizes must be positive: (0, 3)");
  EXPECT_ERROR(ValueError, Embedding(3, -1), "[Embedding] sizes must be positive: (3, -1)");
  EXPECT_ERROR(ValueError, ModuleList()(ones({1})), "[ModuleList] a list is not called: call its modules");
  EXPECT_THROW(Linear(3, 4)(ones({2, 4})), ShapeError);
}

}  // namespace
}  // namespace nngpu::nn
