#include "backend/cuda/ahead/samples.h"

#include <vector>

#include "nngpu/nngpu.h"
#include "quickstart/network.h"
#include "quickstart/pipeline.h"

namespace nngpu::cuda {
namespace {

using Tensors = std::vector<Tensor>;

void run_elementwise(const Tensor& x, const Tensor& y) {
  eval({x + y, x - y, x * y, x / y, x + 1, x - 1, x * 2, x / 2, 1 - x, 1 / x, -x, abs(x), square(x)});
  eval({exp(x), log(x), sqrt(x), tanh(x), sigmoid(x), sin(x), cos(x), relu(x), gelu(x), silu(x)});
  eval({maximum(x, y), minimum(x, y), pow(x, y), x > y, x < y, x == y, where(x > y, x, y), clip(x, 0, 1)});
  eval(
      {cast(x, DType::I32), cast(x > y, DType::F32), cast(x, DType::BF16), cast(cast(x, DType::I64), DType::F32)});
}

void run_rows(const Tensor& x) {
  for (const Axes& axes : {Axes{}, Axes{0}, Axes{1}})
    eval({sum(x, axes), mean(x, axes), max(x, axes), min(x, axes), sum(x * x, axes), var(x, axes)});
  eval({argmax(x, 1), argmin(x, 1), softmax(x, 1), log_softmax(x, 1), cumsum(x, 1), sort(x, 1), norm(x)});
}

void run_movement(const Tensor& x) {
  const Tensor rows = arange_int(0, 16);
  eval(
      {contiguous(transpose(x)), concatenate({x, x}, 0), concatenate({x, x}, 1), stack({x, x}), take(x, rows, 0)});
  eval({slice(x, 1, 3, 60) + 1, x + slice(x, 0, 0, 1), transpose(x) + x, pad(x, {{1, 1}, {1, 1}})});
  eval({zeros({64, 64}) + x, ones({64}), eye(64), arange_int(0, 100), rand({64, 64}), randn({64, 64})});
  eval({permutation(100), randint(0, 10, {64})});
}

void run_linalg(int64_t n) {
  const Tensor a = rand({n, n}), b = rand({n, 4});
  eval({matmul(a, a), matmul(transpose(a), a), matmul(a, transpose(a)), matmul(a, b)});
  eval({linalg::qr(a).q});
  eval({linalg::svd(a).u});
  eval({linalg::eigh(a).w});
  eval({linalg::solve(a, b), linalg::inverse(a), linalg::cholesky(a), linalg::det(a)});
}

template <class Optimizer>
void train(const nn::Sequential& network, Optimizer optimizer, const Tensor& images, const Tensor& labels) {
  const auto step = [&](const Tensor& x, const Tensor& y) {
    const Tensor loss = nn::cross_entropy(network(x), y);
    backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  };
  eval({step(images, labels)});
  const auto compiled = compile(step);
  for (int i = 0; i < 3; ++i) eval({compiled(images, labels)});
}

}  // namespace

void run_samples() {
  const Tensor x = rand({64, 64}), y = rand({64, 64});
  eval({x, y});
  run_elementwise(x, y);
  run_rows(x);
  run_movement(x);
  for (const int64_t n : {8, 64, 256}) run_linalg(n);
  const Tensor labels = randint(0, 10, {32});
  const auto perceptron = [] {
    return nn::Sequential(nn::Linear(64, 128), nn::ReLU(), nn::Dropout(0.1), nn::Linear(128, 10));
  };
  for (const nn::Sequential& network : {perceptron(), perceptron()})
    train(network, optim::Adam(network.parameters(), {.lr = 1e-3}), rand({32, 64}), labels);
  const nn::Sequential network = perceptron();
  train(network, optim::SGD(network.parameters(), {.lr = 1e-2, .momentum = 0.9}), rand({32, 64}), labels);
}

void run_quickstart() {
  namespace qs = tool::quickstart;
  // The data's images of each digit.
  constexpr int kCounts[qs::kClasses] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};
  qs::Digits digits;
  for (int digit = 0; digit < qs::kClasses; ++digit)
    digits.labels.insert(digits.labels.end(), kCounts[digit], digit);
  digits.pixels = GPUDense<float>(static_cast<int64_t>(digits.labels.size()), 64);
  digits.pixels.setZero();
  std::vector<qs::Split> splits;
  for (uint64_t seed = 0; seed < 5; ++seed) splits.push_back(qs::stratified_split(digits.labels, seed));
  qs::run_with_nngpu(digits, splits);
  qs::train_networks(digits, {splits.front()}, 1);
}

}  // namespace nngpu::cuda
