// Every kind of launch is recorded, and gives the same bits when it is submitted again for other inputs.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "backend/gpu/devices.h"
#include "nngpu/nngpu.h"

namespace nngpu {
namespace {

const Device kSim{DeviceType::Sim, 0};

struct Case {
  const char* name;
  std::vector<Tensor> (*run)(const Tensor& a, const Tensor& b, const Tensor& at);
};
using Out = std::vector<Tensor>;
#define NNGPU_CASE(name, expression)                                      \
  Case {                                                                  \
    name, [](const Tensor& a, const Tensor& b, const Tensor& at) -> Out { \
      static_cast<void>(a), static_cast<void>(b), static_cast<void>(at);  \
      return expression;                                                  \
    }                                                                     \
  }

Tensor definite(const Tensor& a) { return matmul(a, transpose(a)) + eye(a.size(0), -1, 0, DType::F32, kSim) * 3; }

Out batch(const Tensor& a, const Tensor& b) {
  Out out;
  for (int i = 0; i < 3; ++i) out.push_back(linalg::inverse(matmul(a + i, b) + definite(b)));
  return out;
}

Out convolutions(const Tensor& x, const Tensor& w) {
  const Conv2dOptions o{.stride = {2, 1}, .padding = 1};
  const Tensor y = conv2d(x, w, o), single = conv2d(slice(x, 1, 0, 1), slice(slice(w, 0, 0, 1), 1, 0, 1));
  return {y, single, conv2d_input_gradient(y, w, {10, 20}, o), conv2d_weight_gradient(x, y, {3, 3}, o)};
}

Out pools(const Tensor& x) {
  const auto gradient = [](const Out& in) {
    return Out{sum(square(max_pool2d(in[0], 2)) * 2) + sum(square(avg_pool2d(in[0], 3)))};
  };
  return {max_pool2d(x, 3), adaptive_avg_pool2d(x, {1, 1}), value_and_gradients(gradient, {x}).gradients[0]};
}

Out saxpy(const Tensor& a, const Tensor& b) {
  static const Kernel kernel(
      {.name = "replayed_saxpy", .inputs = {"x", "y"}, .numbers = {"f"}, .outputs = {"out"}, .body = R"(
    const i64 step = (i64)gdim.x * (i64)bdim.x;
    for (i64 i = (i64)bid.x * (i64)bdim.x + (i64)tid.x; i < out_size; i += step) out[i] = f * x[i] + y[i];
  )"});
  return kernel({a, transpose(b)}, {1.5f}, {.shapes = {{40, 40}}, .dtypes = {DType::F32}, .blocks = {2}});
}

const Case kCases[] = {
    NNGPU_CASE("elementwise", (Out{tanh(a * 2 - b)})),
    NNGPU_CASE("merged elementwise", (Out{exp(a) * 2, exp(b) * 2, exp(slice(a, 0, 0, 7)) * 2})),
    NNGPU_CASE("reduce", (Out{sum(a * b, 0), max(a, 1), mean(b)})),
    NNGPU_CASE("arg_reduce", (Out{argmax(a, 1), argmin(b)})),
    NNGPU_CASE("scan", (Out{cumsum(a, 0), cumprod(b, 1)})),
    NNGPU_CASE("softmax", (Out{softmax(a, 1), softmax(b, 0)})),
    NNGPU_CASE("matmul", (Out{matmul(a, b), matmul(transpose(a), b)})),
    NNGPU_CASE("matmul of parts",
               (Out{matmul(slice(a, 0, 0, 1), b), matmul(reshape(a, {1, 1600}), reshape(b, {1600, 1}))})),
    NNGPU_CASE("copy", (Out{contiguous(transpose(a)), broadcast_to(sum(b), {3, 3}) + 0})),
    NNGPU_CASE("concat", (Out{concatenate({a, b, transpose(a)}, 1), concatenate({a, sum(b, 0, true)}, 0)})),
    NNGPU_CASE("pad", (Out{pad(a, {{1, 2}, {0, 3}})})),
    NNGPU_CASE("iota", (Out{arange(0, 40, 1, DType::F32, kSim) + sum(a, 0)})),
    NNGPU_CASE("take", (Out{take(a, at, 1), gather(b, broadcast_to(at, {40, 7}), 1)})),
    NNGPU_CASE("scatter", (Out{scatter_add(a, broadcast_to(reshape(at, {7, 1}), {7, 40}), slice(b, 0, 0, 7), 0)})),
    NNGPU_CASE("sort", (Out{sort(a, 1), argsort(b, 0), topk(a, 5, 1).values})),
    NNGPU_CASE("lu", (Out{linalg::lu_factor(a).lu, linalg::lu_solve(linalg::lu_factor(definite(a)), b)})),
    NNGPU_CASE("cholesky", (Out{linalg::cholesky(definite(a))})),
    NNGPU_CASE("inverse", (Out{linalg::inverse(a), linalg::inverse_ex(b).value})),
    NNGPU_CASE("solve", (Out{linalg::solve(definite(a), b), linalg::triangular_solve(definite(b), a, true)})),
    NNGPU_CASE("qr", (Out{linalg::qr(a).q, linalg::qr(slice(b, 0, 0, 9)).r})),
    NNGPU_CASE("eigh",
               (Out{linalg::eigh(definite(a)).w, linalg::eigh(slice(slice(definite(b), 0, 0, 8), 1, 0, 8)).v})),
    NNGPU_CASE("svd", (Out{linalg::svdvals(a), linalg::svd(slice(b, 1, 0, 6)).u})),
    NNGPU_CASE("convolution", convolutions(reshape(a, {2, 4, 10, 20}), reshape(slice(b, 0, 0, 9), {10, 4, 3, 3}))),
    NNGPU_CASE("pool", pools(reshape(a, {2, 4, 10, 20}))),
    NNGPU_CASE("items", batch(a, b)),
    NNGPU_CASE("custom", saxpy(a, b)),
};

Tensor matrix(unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(1600);
  for (float& value : values) value = normal(generator);
  return Tensor::from_vector(values, {40, 40}, kSim);
}

Tensor places(unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<int64_t> values(7);
  for (int64_t& value : values) value = static_cast<int64_t>(generator() % 40);
  return Tensor::from_vector(values, {7}, kSim);
}

std::vector<char> bytes(const Tensor& x) {
  std::vector<char> result(static_cast<size_t>(x.numel()) * dtype_size(x.dtype()));
  x.copy_to(result.data(), row_major_strides(x.shape()));
  return result;
}

void PrintTo(const Case& c, std::ostream* to) { *to << c.name; }

class ReplayOf : public ::testing::TestWithParam<Case> {};

TEST_P(ReplayOf, GivesTheSameBits) {
  const Case& c = GetParam();
  const auto body = [&](const Out& in) { return c.run(in[0], in[1], in[2]); };
  const CompiledFunction f(body, 4);
  const int64_t before = gpu::activity(kSim).replays;
  std::vector<Out> held;
  for (unsigned i = 0; i < 5; ++i) held.push_back(f({matrix(i), matrix(10 + i / 2), places(i)}));
  EXPECT_EQ(gpu::activity(kSim).replays - before, 3);
  for (unsigned i = 0; i < 5; ++i) {
    const Out right = CompiledFunction(body, 1)({matrix(i), matrix(10 + i / 2), places(i)});
    for (size_t k = 0; k < right.size(); ++k) EXPECT_EQ(bytes(held[i][k]), bytes(right[k])) << i << " " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ReplayOf, ::testing::ValuesIn(kCases), [](const auto& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

// The places of draws are arguments of the recorded kernels, not part of what they are.
TEST(ReplayOfDropout, DrawsAnew) {
  const Generator generator(5), again(5);
  const CompiledFunction f([&](const Out& in) { return Out{dropout(in[0], 0.3, generator)}; });
  const int64_t before = gpu::activity(kSim).replays;
  std::vector<Tensor> held;
  for (unsigned i = 0; i < 5; ++i) held.push_back(f({matrix(i)})[0]);
  EXPECT_EQ(gpu::activity(kSim).replays - before, 3);
  for (unsigned i = 0; i < 5; ++i) EXPECT_EQ(bytes(held[i]), bytes(dropout(matrix(i), 0.3, again))) << i;
}

}  // namespace
}  // namespace nngpu
