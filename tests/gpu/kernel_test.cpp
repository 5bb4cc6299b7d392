// Kernels that programs define.
#include "nngpu/kernel.h"

#include <gtest/gtest.h>

#include "nngpu/nngpu.h"

namespace nngpu {
namespace {

const Device kSim{DeviceType::Sim, 0};

Kernel saxpy() {
  return Kernel({.name = "saxpy", .inputs = {"x", "y"}, .numbers = {"a"}, .outputs = {"out"}, .body = R"(
    const i64 step = (i64)gdim.x * (i64)bdim.x;
    for (i64 i = (i64)bid.x * (i64)bdim.x + (i64)tid.x; i < out_size; i += step) out[i] = a * x[i] + y[i];
  )"});
}

Tensor ramp(int64_t n) { return arange(0, double(n), 1, DType::F32, kSim); }

TEST(Kernel, RunsAndTakesPartInLazyEvaluation) {
  const Tensor x = ramp(1000), y = ramp(1000) * 2;
  const Tensor z = saxpy()({x, y}, {3.0f}, {.shapes = {{1000}}, .dtypes = {DType::F32}, .blocks = {3}})[0] + 1;
  EXPECT_FALSE(z.is_ready());
  const auto values = z.to_vector<float>();
  for (size_t i = 0; i < 1000; ++i) EXPECT_EQ(values[i], float(5 * i + 1));
}

TEST(Kernel, ReadsViewsInRowMajorOrderAndComputedNumbers) {
  const Tensor x = transpose(reshape(ramp(12), {3, 4})), y = zeros({4, 3}, DType::F32, kSim);
  const Tensor a = mean(ramp(5));
  const auto values = saxpy()({x, y}, {a}, {.shapes = {{4, 3}}, .dtypes = {DType::F32}})[0].to_vector<float>();
  EXPECT_EQ(values, (x * 2).to_vector<float>());
}

TEST(Kernel, HasAGradientWhereItIsGivenOne) {
  const Kernel::Definition square{
      .name = "square", .inputs = {"x"}, .numbers = {"a"}, .outputs = {"out"}, .body = R"(
    const i64 step = (i64)gdim.x * (i64)bdim.x;
    for (i64 i = (i64)bid.x * (i64)bdim.x + (i64)tid.x; i < out_size; i += step) out[i] = a * x[i] * x[i];
  )"};
  const Kernel::Call call{.shapes = {{5}}, .dtypes = {DType::F32}};
  const Kernel kernel(square, [](const auto& inputs, const auto& numbers, const auto&, const auto& gradients) {
    return std::vector<Tensor>{gradients[0] * inputs[0] * numbers[0] * 2};
  });
  const Tensor g = grad([&](const Tensor& x) { return sum(kernel({x}, {3.0f}, call)[0] * x); })(ramp(5));
  EXPECT_EQ(g.to_vector<float>(), (std::vector<float>{0, 9, 36, 81, 144}));
  const Kernel without(square);
  EXPECT_THROW(grad([&](const Tensor& x) { return sum(without({x}, {3.0f}, call)[0]); })(ramp(5)), GradientError);
}

TEST(Kernel, HasSeveralOutputsAndSharedMemory) {
  const Kernel kernel({.name = "sum_and_largest", .inputs = {"x"}, .outputs = {"total", "largest"}, .body = R"(
    SHARED(float, part, [32]);
    float sum = 0.0f, top = -NG_INFINITY;
    for (i64 i = (i64)tid.x; i < x_size; i += (i64)bdim.x) {
      sum += x[i];
      top = ng::max(top, x[i]);
    }
    simd_reduce(sum, ng::add);
    simd_reduce(top, ng::max);
    if (lane == 0u) part[warp] = sum;
    BARRIER();
    if (tid.x == 0u) {
      float all = 0.0f;
      for (u32 w = 0u; w < bdim.x / 32u; ++w) all += part[w];
      total[0] = all;
    }
    if (tid.x == 0u) largest[0] = top;
  )"});
  const auto outputs =
      kernel({ramp(64)}, {}, {.shapes = {{}, {}}, .dtypes = {DType::F32, DType::F32}, .threads = {64}});
  EXPECT_EQ(outputs[0].item<float>(), 2016);
  EXPECT_EQ(outputs[1].item<float>(), 31);  // of the first subgroup's elements
}

TEST(Kernel, NewNumbersCompileNothing) {
  const Kernel kernel = saxpy();
  const Tensor x = ramp(8).eval();
  const auto call = [&](float a) {
    return kernel({x, x}, {a}, {.shapes = {{8}}, .dtypes = {DType::F32}})[0].to_vector<float>();
  };
  call(1);
  const int64_t plans = engine_stats().plans_built;
  EXPECT_EQ(call(4)[3], 15);
  EXPECT_EQ(engine_stats().plans_built, plans);
}

TEST(Kernel, IsPartOfCompiledFunctions) {
  const Kernel kernel = saxpy();
  const auto f = compile([&](const Tensor& x) {
    return kernel({x, x + 1}, {2.0f}, {.shapes = {x.shape()}, .dtypes = {DType::F32}})[0] * 10;
  });
  for (int k = 1; k < 3; ++k) EXPECT_EQ(f(ramp(4) * k).to_vector<float>()[3], float(3 * 3 * k + 1) * 10);
}

TEST(Kernel, RefusesWhatCannotBe) {
  const Tensor x = ramp(4);
  const Kernel kernel = saxpy();
  const Kernel::Call good{.shapes = {{4}}, .dtypes = {DType::F32}};
  EXPECT_THROW(kernel({x}, {1.0f}, good), ValueError);
  EXPECT_THROW(kernel({x, x}, {}, good), ValueError);
  EXPECT_THROW(kernel({x, x}, {x}, good), ShapeError);
  EXPECT_THROW(kernel({x, x}, {1.0f}, {.shapes = {}, .dtypes = {}}), ValueError);
  EXPECT_THROW(kernel({x, x}, {1.0f}, {.shapes = {{4}}, .dtypes = {DType::F32}, .threads = {2048}}), ValueError);
  EXPECT_THROW(kernel({x, x}, {1.0f}, {.shapes = {{4}}, .dtypes = {DType::F32}, .blocks = {0}}), ValueError);
  EXPECT_THROW(kernel({x.to({}), x.to({})}, {1.0f}, good), DeviceError);
  EXPECT_THROW(kernel({x, x.to({})}, {1.0f}, good), DeviceError);
  EXPECT_THROW(Kernel({.name = "a b", .inputs = {}, .outputs = {"y"}, .body = ""}), ValueError);
  EXPECT_THROW(Kernel({.name = "k", .inputs = {"x"}, .outputs = {"x"}, .body = ""}), ValueError);
  const Kernel broken({.name = "broken", .inputs = {"x"}, .outputs = {"y"}, .body = "y[0] = nothing;"});
  try {
    broken({x}, {}, {.shapes = {{1}}, .dtypes = {DType::F32}})[0].eval();
    ADD_FAILURE();
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find("nothing"), std::string::npos);
  }
}

}  // namespace
}  // namespace nngpu
