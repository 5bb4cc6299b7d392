// Estimating the noise of a tracker: a Kalman filter's log-likelihood, differentiated through the Cholesky solve
// of each step by the logarithms of the two noise levels, and climbed. The whole filter and its gradient are one
// compiled plan.
#include <cmath>
#include <cstdio>

#include "nngpu/nngpu.h"

namespace ng = nngpu;

namespace {

constexpr int64_t kSteps = 80;
constexpr ng::DType kType = ng::DType::F64;

ng::Tensor matrix(std::vector<double> values) { return ng::Tensor::from_vector(values, {2, 2}); }

// Positions measured with noise of a point whose velocity wanders.
std::vector<double> simulate(double process, double measurement) {
  ng::Generator generator(4);
  const auto drift = (ng::randn({kSteps}, kType, generator) * process).to_vector<double>();
  const auto noise = (ng::randn({kSteps}, kType, generator) * measurement).to_vector<double>();
  std::vector<double> positions;
  double position = 0, velocity = 1;
  for (size_t i = 0; i < kSteps; ++i) {
    velocity += drift[i];
    position += velocity;
    positions.push_back(position + noise[i]);
  }
  return positions;
}

// -log p(measurements) up to a constant; `logs`: of the two standard deviations.
ng::Tensor negative_log_likelihood(const ng::Tensor& logs, const ng::Tensor& measured) {
  const ng::Tensor motion = matrix({1, 1, 0, 1}), observe = ng::Tensor::from_vector<double>({1, 0}, {1, 2});
  const ng::Tensor variances = ng::exp(logs * 2);
  const ng::Tensor q = matrix({1, 1, 1, 1}) * ng::index(variances, 0, 0);
  const ng::Tensor r = ng::reshape(ng::index(variances, 0, 1), {1, 1});
  ng::Tensor state = ng::zeros({2, 1}, kType), covariance = ng::eye(2, 2, 0, kType) * 10.0, total;
  for (int64_t i = 0; i < kSteps; ++i) {
    state = ng::matmul(motion, state);
    covariance = ng::matmul(motion, ng::matmul(covariance, ng::transpose(motion))) + q;
    const ng::Tensor innovation = ng::reshape(ng::index(measured, 0, i), {1, 1}) - ng::matmul(observe, state);
    const ng::Tensor cross = ng::matmul(observe, covariance);
    const ng::Tensor factor = ng::linalg::cholesky(ng::matmul(cross, ng::transpose(observe)) + r);
    const ng::Tensor gain = ng::transpose(ng::linalg::cholesky_solve(factor, cross));
    const ng::Tensor whitened = ng::linalg::triangular_solve(factor, innovation, false);
    const ng::Tensor part = ng::sum(ng::log(ng::diagonal(factor))) + ng::sum(ng::square(whitened)) * 0.5;
    total = total.defined() ? total + part : part;
    state = state + ng::matmul(gain, innovation);
    covariance = covariance - ng::matmul(gain, cross);
  }
  return total;
}

}  // namespace

int main() {
  const ng::Tensor measured = ng::Tensor::from_vector(simulate(0.1, 0.5), {kSteps});
  const auto step = ng::compile([](const ng::Tensor& logs, const ng::Tensor& data) {
    return ng::value_and_grad([&](const ng::Tensor& x) { return negative_log_likelihood(x, data); })(logs);
  });

  ng::Tensor logs = ng::zeros({2}, kType).eval();
  double slope = 0;
  for (int i = 0; i < 200; ++i) {
    const auto [value, gradient] = step(logs, measured);
    slope = ng::norm(gradient).item<double>();
    if (i % 40 == 0) std::printf("step %3d  -log likelihood %8.3f  slope %.2e\n", i, value.item<double>(), slope);
    logs = (logs - gradient * 0.01).eval();
  }
  const auto found = ng::exp(logs).to_vector<double>();
  std::printf("process noise %.3f (0.1 was drawn), measurement noise %.3f (0.5)\n", found[0], found[1]);
  return std::abs(found[0] - 0.1) < 0.1 && std::abs(found[1] - 0.5) < 0.15 && slope < 0.1 ? 0 : 1;
}
