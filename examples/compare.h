// Prints a result of both matrix types and how far they are apart.
#ifndef EXAMPLES_COMPARE_H_
#define EXAMPLES_COMPARE_H_

#include <nngpu/eigen.h>

#include <Eigen/Dense>
#include <algorithm>
#include <iostream>
#include <string>

class Comparison {
 public:
  // The largest difference, relative to the largest value, may be 1e-9.
  void add(const std::string& name, const Eigen::MatrixXd& eigen, const nngpu::GPUDense<double>& ours) {
    const Eigen::MatrixXd other = ours.to_eigen();
    if (other.rows() != eigen.rows() || other.cols() != eigen.cols()) {
      std::cout << name << ": the shapes differ\n";
      agree_ = false;
      return;
    }
    const double difference =
        (eigen - other).cwiseAbs().maxCoeff() / std::max(eigen.cwiseAbs().maxCoeff(), 1e-300);
    std::cout << name << ", Eigen:\n" << eigen.topRows(std::min<Eigen::Index>(eigen.rows(), 5)) << "\n";
    std::cout << name << ", nngpu:\n" << ours.topRows(std::min<Eigen::Index>(ours.rows(), 5)) << "\n";
    std::cout << "largest relative difference: " << difference << "\n\n";
    if (!(difference <= 1e-9)) agree_ = false;
  }

  // The exit status of the program.
  int finish() const {
    std::cout << (agree_ ? "both agree\n" : "the results DIFFER\n");
    return agree_ ? 0 : 1;
  }

 private:
  bool agree_ = true;
};

#endif  // EXAMPLES_COMPARE_H_
