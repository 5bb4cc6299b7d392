// Principal components of correlated random points, with Eigen and with nngpu.
#include <random>

#include "algorithms.h"
#include "compare.h"

int main() {
  const int samples = 500, features = 12, count = 3;
  std::mt19937 random(2);
  std::normal_distribution<double> normal;
  Eigen::MatrixXd x(samples, features);
  for (int i = 0; i < samples; ++i)
    for (int j = 0; j < features; ++j) x(i, j) = normal(random) * (features - j) + (j > 0 ? 0.5 * x(i, j - 1) : 3);

  const auto eigen = algorithms::pca(x, count);
  const auto ours = algorithms::pca(nngpu::GPUDense(x), count);
  Comparison comparison;
  comparison.add("mean", eigen.mean, ours.mean);
  comparison.add("variances", eigen.variances, ours.variances);
  comparison.add("components", eigen.components, ours.components);
  comparison.add("scores", eigen.scores, ours.scores);
  return comparison.finish();
}
