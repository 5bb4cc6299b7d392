// Eigen's decompositions of matrices whose size the compiler knows.
#include "eigen_decompositions.h"

namespace nngpu::bench {

void eigen_item_8(Kind kind, const float* data, const float* rhs) {
  eigen_item<Eigen::Matrix<float, 8, 8>>(kind, data, rhs, 8);
}
void eigen_item_8(Kind kind, const double* data, const double* rhs) {
  eigen_item<Eigen::Matrix<double, 8, 8>>(kind, data, rhs, 8);
}

}  // namespace nngpu::bench
