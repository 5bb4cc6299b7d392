// A Kalman filter that tracks a point in the plane from noisy positions, with Eigen and with nngpu.
#include <random>
#include <vector>

#include "algorithms.h"
#include "compare.h"

namespace {

struct Track {
  std::vector<double> x, y;
};

Track measurements(int count) {
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0, 0.1);
  Track track;
  for (int k = 0; k < count; ++k) {
    const double t = 0.1 * k;
    track.x.push_back(t + noise(random));
    track.y.push_back(0.5 * t - 0.05 * t * t + noise(random));
  }
  return track;
}

template <class Matrix>
algorithms::KalmanFilter<Matrix> run(const Track& track) {
  const double dt = 0.1;
  Matrix f = Matrix::Identity(4, 4);  // state: x, y and their velocities
  f(0, 2) = dt;
  f(1, 3) = dt;
  Matrix h = Matrix::Zero(2, 4);
  h.leftCols(2).setIdentity();
  Matrix q(4, 4);
  q << dt * dt * dt / 3, 0, dt * dt / 2, 0,  //
      0, dt * dt * dt / 3, 0, dt * dt / 2,   //
      dt * dt / 2, 0, dt, 0,                 //
      0, dt * dt / 2, 0, dt;
  const Matrix r = 0.01 * Matrix::Identity(2, 2);

  algorithms::KalmanFilter<Matrix> filter(f, h, q, r);
  Matrix z(2, 1);
  for (size_t k = 0; k < track.x.size(); ++k) {
    z << track.x[k], track.y[k];
    filter.predict();
    filter.update(z);
  }
  return filter;
}

}  // namespace

int main() {
  const Track track = measurements(200);
  const auto eigen = run<Eigen::MatrixXd>(track);
  const auto ours = run<nngpu::GPUDense<double>>(track);
  Comparison comparison;
  comparison.add("state", eigen.state(), ours.state());
  comparison.add("covariance", eigen.covariance(), ours.covariance());
  return comparison.finish();
}
