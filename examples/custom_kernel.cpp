// A kernel of one's own, on a GPU where there is one and on the simulated device everywhere: the logistic map,
// applied many times to each element, which no composition of operations would do in one pass.
#include <cmath>
#include <cstdio>

#include "nngpu/nngpu.h"

namespace ng = nngpu;

namespace {

ng::Device gpu() {
  for (const char* name : {"cuda", "sim"}) {
    try {
      return ng::device_from_name(name);
    } catch (const ng::DeviceError& error) {
      std::printf("%s\n", error.what());
    }
  }
  throw ng::DeviceError("[custom_kernel] needs a GPU, or a C++ compiler for the simulated device");
}

}  // namespace

int main() {
  const ng::Kernel logistic(
      {.name = "logistic", .inputs = {"x"}, .numbers = {"rate", "rounds"}, .outputs = {"y"}, .body = R"(
    const i64 step = (i64)gdim.x * (i64)bdim.x;
    for (i64 i = (i64)bid.x * (i64)bdim.x + (i64)tid.x; i < x_size; i += step) {
      float v = x[i];
      for (i64 k = 0; k < rounds; ++k) v = rate * v * (1.0f - v);
      y[i] = v;
    }
  )"});

  const ng::Device device = gpu();
  const int64_t n = 10000, rounds = 20;
  const ng::Tensor x = ng::linspace(0.01, 0.99, n, ng::DType::F32, device);
  const ng::Tensor y =
      logistic({x}, {3.2f, rounds}, {.shapes = {{n}}, .dtypes = {ng::DType::F32}, .blocks = {16}})[0];
  const ng::Tensor mean = ng::mean(y);  // still nothing ran

  double expected = 0;
  for (const float start : x.to_vector<float>()) {
    float v = start;
    for (int64_t k = 0; k < rounds; ++k) v = 3.2f * v * (1.0f - v);
    expected += v / static_cast<double>(n);
  }
  std::printf("mean after %lld rounds on %s: %.6f, on the host %.6f\n", static_cast<long long>(rounds),
              ng::to_string(device).c_str(), mean.item<double>(), expected);
  return std::abs(mean.item<double>() - expected) < 1e-4 ? 0 : 1;
}
