// Conjugate gradients on a dense symmetric positive definite system, with Eigen and with nngpu.
#include <random>

#include "algorithms.h"
#include "compare.h"

int main() {
  const int n = 200;
  std::mt19937 random(4);
  std::normal_distribution<double> normal;
  const auto draw = [&] { return normal(random); };
  const Eigen::MatrixXd m = Eigen::MatrixXd::NullaryExpr(n, n, draw);
  const Eigen::MatrixXd a = m * m.transpose() / n + Eigen::MatrixXd::Identity(n, n);
  const Eigen::MatrixXd b = Eigen::MatrixXd::NullaryExpr(n, 1, draw);

  const auto eigen = algorithms::conjugate_gradients(a, b, 1e-12, 500);
  const auto ours = algorithms::conjugate_gradients(nngpu::GPUDense(a), nngpu::GPUDense(b), 1e-12, 500);
  std::cout << "iterations: " << eigen.iterations << " and " << ours.iterations << "\n";
  std::cout << "residuals: " << eigen.residual << " and " << ours.residual << "\n";
  Comparison comparison;
  comparison.add("solution", eigen.x, ours.x);
  return comparison.finish();
}
