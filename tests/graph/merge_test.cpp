// Independent elementwise launches of one tape, whatever their sizes, run as one.
#include <gtest/gtest.h>

#include "graph/node.h"
#include "nngpu/compile.h"
#include "nngpu/device.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

int64_t launches_of(const std::function<void()>& work) {
  const int64_t before = engine_stats().launches;
  work();
  return engine_stats().launches - before;
}

// Sizes around those of tiles and packs, single numbers, and one that several threads share.
const std::vector<Shape> kShapes = {{1},    {},     {3},       {4, 5}, {255},       {1024},
                                    {1025}, {7, 3}, {129, 65}, {2, 1}, {300, 1000}, {16, 16, 3}};

std::vector<Tensor> random_tensors(DType dtype) {
  std::vector<Tensor> tensors;
  for (const Shape& shape : kShapes) tensors.push_back(randn(shape, dtype));
  eval(tensors);
  return tensors;
}

// A momentum step: what it computes for each tensor takes one launch alone.
std::vector<Tensor> update(const std::vector<Tensor>& x, const std::vector<Tensor>& g, const Tensor& rate) {
  std::vector<Tensor> results;
  for (size_t i = 0; i < x.size(); ++i) results.push_back(x[i] - sqrt(abs(g[i])) * rate);
  return results;
}

class MergedElementwise : public testing::TestWithParam<DType> {};

TEST_P(MergedElementwise, HasTheBitsOfSeparateLaunchesInOneLaunch) {
  const DType dtype = GetParam();
  const std::vector<Tensor> x = random_tensors(dtype), g = random_tensors(dtype);
  const Tensor rate = full({}, 0.3, dtype).eval();
  const size_t count = x.size();
  const auto merged = compile([count](const std::vector<Tensor>& inputs) {
    const std::vector<Tensor> first(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(count));
    const std::vector<Tensor> second(inputs.begin() + static_cast<std::ptrdiff_t>(count), inputs.end() - 1);
    return update(first, second, inputs.back());
  });
  std::vector<Tensor> inputs = x;
  inputs.insert(inputs.end(), g.begin(), g.end());
  inputs.push_back(rate);
  std::vector<Tensor> together;
  EXPECT_EQ(launches_of([&] { together = merged(inputs); }), 1);
  for (size_t i = 0; i < count; ++i) {
    const Tensor alone = update({x[i]}, {g[i]}, rate)[0];
    EXPECT_EQ(together[i].to_vector<double>(), alone.to_vector<double>()) << to_string(kShapes[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, MergedElementwise,
                         testing::Values(DType::F32, DType::F64, DType::F16, DType::BF16),
                         [](const auto& param) { return dtype_name(param.param); });

TEST(MergedElementwiseLaunches, OfManyItemsNeedMoreThanOneTableOfAddresses) {
  std::vector<Tensor> inputs;
  for (int64_t i = 0; i < 150; ++i) inputs.push_back(randn({1 + i * 7 % 61}));
  eval(inputs);
  const auto f = compile([](const std::vector<Tensor>& x) {
    std::vector<Tensor> results;
    for (const Tensor& t : x) results.push_back(exp(t) + t);
    return results;
  });
  std::vector<Tensor> results;
  EXPECT_EQ(launches_of([&] { results = f(inputs); }), 1);
  for (size_t i = 0; i < inputs.size(); ++i)
    EXPECT_EQ(results[i].to_vector<float>(), (exp(inputs[i]) + inputs[i]).to_vector<float>());
}

// What is ready at different levels, such as gradients, still meets at the end of a plan; what depends on each
// other does not.
TEST(MergedElementwiseLaunches, MeetByTheirDistanceFromTheEnd) {
  Variable a(randn({8, 8}).eval()), b(randn({8, 8}).eval()), c(randn({3, 8}).eval());
  const Tensor a0 = a.value(), b0 = b.value(), c0 = c.value(), half = full({}, 0.5).eval();
  const auto step = compile([&](const Tensor& x) {
    const Tensor one = matmul(x, a.value()), two = matmul(one, b.value()), three = matmul(c.value(), two);
    a.assign(a.value() - one * half);
    b.assign(b.value() - two * half);
    c.assign(c.value() - three * half);
    return sum(three);
  });
  const Tensor x = randn({8, 8}).eval();
  EXPECT_EQ(launches_of([&] { step(x); }), 5) << "three products, the updates, the sum";
  const Tensor one = matmul(x, a0), two = matmul(one, b0), three = matmul(c0, two);
  EXPECT_EQ(a.value().to_vector<float>(), (a0 - one * half).to_vector<float>());
  EXPECT_EQ(b.value().to_vector<float>(), (b0 - two * half).to_vector<float>());
  EXPECT_EQ(c.value().to_vector<float>(), (c0 - three * half).to_vector<float>());
}

TEST(MergedElementwiseLaunches, OfVariablesOverwriteThemAll) {
  std::vector<Variable> weights, momenta, squares;
  std::vector<Tensor> gradients;
  for (int64_t n : {3, 200, 5000}) {
    weights.emplace_back(randn({n}).eval());
    momenta.emplace_back(zeros({n}).eval());
    squares.emplace_back(zeros({n}).eval());
    gradients.push_back(randn({n}).eval());
  }
  const Tensor rest = full({}, 0.1), kept = full({}, 0.9);
  const auto step = compile([&](const std::vector<Tensor>& g) {
    for (size_t i = 0; i < g.size(); ++i) {
      const Tensor old = momenta[i].value(), m = old + (g[i] - old) * rest;
      const Tensor v = squares[i].value() * kept + square(g[i]) * rest;
      momenta[i].assign(m);
      squares[i].assign(v);
      weights[i].assign(weights[i].value() - m / (sqrt(v) + rest));
    }
    return Tensor(0);
  });
  step(gradients);
  std::vector<const void*> before, after;
  const auto addresses = [&](std::vector<const void*>& list) {
    for (const auto* variables : {&weights, &momenta, &squares})
      for (const Variable& variable : *variables)
        list.push_back(variable.value().node()->outputs[0].value.buffer->data);
  };
  addresses(before);
  const int64_t used = memory_stats(default_device()).in_use;
  for (int i = 0; i < 3; ++i) step(gradients);
  addresses(after);
  EXPECT_EQ(before, after);
  EXPECT_EQ(memory_stats(default_device()).in_use, used);
}

TEST(MergedElementwiseLaunches, OfDifferentWorkOnSingleNumbersAreOne) {
  const auto f = compile([](const Tensor& x, const Tensor& y) {
    return std::vector<Tensor>{exp(x), log(y) * x, sqrt(y) - 1, x < y};
  });
  const Tensor x = full({}, 0.7).eval(), y = full({}, 2.5).eval();
  std::vector<Tensor> results;
  EXPECT_EQ(launches_of([&] { results = f(x, y); }), 1);
  EXPECT_EQ(results[0].item<float>(), exp(x).item<float>());
  EXPECT_EQ(results[1].item<float>(), (log(y) * x).item<float>());
  EXPECT_EQ(results[2].item<float>(), (sqrt(y) - 1).item<float>());
  EXPECT_TRUE(results[3].item<bool>());
}

// A number that is counted up and read beside it, joined in one launch: the old value is read before it is gone.
TEST(MergedElementwiseLaunches, OfNumbersReadWhatTheyReplaceFirst) {
  Variable count(full({}, 1).eval());
  const auto step = compile([&](const Tensor& x) {
    const Tensor old = count.value(), next = old + 1;
    count.assign(next);
    return std::vector<Tensor>{next * 10, old * 100, exp(old - x)};
  });
  for (int i = 1; i < 5; ++i) {
    std::vector<Tensor> results;
    const Tensor x = full({}, i).eval();
    EXPECT_EQ(launches_of([&] { results = step(x); }), 1);
    EXPECT_EQ(results[0].item<float>(), 10 * (i + 1));
    EXPECT_EQ(results[1].item<float>(), 100 * i);
    EXPECT_EQ(results[2].item<float>(), 1);
    EXPECT_EQ(count.value().item<float>(), i + 1);
  }
}

}  // namespace
}  // namespace nngpu
