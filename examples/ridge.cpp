// Ridge regression of two targets on twenty features, with Eigen and with nngpu.
#include <random>

#include "algorithms.h"
#include "compare.h"

int main() {
  const int samples = 1000, features = 20, targets = 2;
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  const auto draw = [&] { return normal(random); };
  const Eigen::MatrixXd x = Eigen::MatrixXd::NullaryExpr(samples, features, draw);
  const Eigen::MatrixXd truth = Eigen::MatrixXd::NullaryExpr(features, targets, draw);
  const Eigen::MatrixXd y = x * truth + 0.1 * Eigen::MatrixXd::NullaryExpr(samples, targets, draw);

  const Eigen::MatrixXd eigen = algorithms::ridge(x, y, 1e-2);
  const auto ours = algorithms::ridge(nngpu::GPUDense(x), nngpu::GPUDense(y), 1e-2);
  Comparison comparison;
  comparison.add("weights", eigen, ours);
  return comparison.finish();
}
