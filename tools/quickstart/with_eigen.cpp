// The same computation with Eigen, to check and compare with.
#include "quickstart/median_time.h"
#include "quickstart/pipeline.h"

#if defined(NNGPU_HAVE_EIGEN)
#include <Eigen/Dense>

#include "nngpu/eigen.h"

namespace nngpu::tool::quickstart {
namespace {

using Matrix = Eigen::MatrixXf;

Matrix rows_of(const Matrix& x, const std::vector<int64_t>& rows) {
  Matrix result(static_cast<Eigen::Index>(rows.size()), x.cols());
  for (size_t i = 0; i < rows.size(); ++i) result.row(static_cast<Eigen::Index>(i)) = x.row(rows[i]);
  return result;
}

struct Pca {
  Eigen::VectorXf singular_values;
  Matrix scores;
};

Pca pca(const Matrix& x) {
  const Matrix centered = x.rowwise() - x.colwise().mean();
  const Eigen::BDCSVD<Matrix> svd(centered, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {svd.singularValues(), centered * svd.matrixV().leftCols(2)};
}

Matrix fit(const Matrix& features, const Matrix& targets) {
  Matrix gram = features.transpose() * features;
  gram.diagonal().array() += kRidge;
  return gram.llt().solve(features.transpose() * targets);
}

std::vector<int> predict(const Matrix& features, const Matrix& weights) {
  const Matrix scores = features * weights;
  std::vector<int> best(static_cast<size_t>(scores.rows()));
  for (Eigen::Index i = 0; i < scores.rows(); ++i) scores.row(i).maxCoeff(&best[static_cast<size_t>(i)]);
  return best;
}

}  // namespace

Outcome run_with_eigen(const Digits& digits, const std::vector<Split>& splits) {
  Outcome outcome;
  const Matrix x = digits.pixels.to_eigen();
  Pca result;
  const double pca_seconds = median_time([&] { result = pca(x); });
  outcome.singular_values.assign(result.singular_values.data(),
                                 result.singular_values.data() + result.singular_values.size());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index k = 0; k < 2; ++k) outcome.scores.push_back(result.scores(i, k));
  }
  Matrix features(x.rows(), x.cols() + 1);
  features << x, Eigen::VectorXf::Ones(x.rows());
  std::vector<Matrix> train, targets, test, weights(splits.size());
  for (const Split& split : splits) {
    train.push_back(rows_of(features, split.train));
    test.push_back(rows_of(features, split.test));
    targets.push_back(Matrix::Zero(static_cast<Eigen::Index>(split.train.size()), kClasses));
    for (size_t i = 0; i < split.train.size(); ++i) {
      targets.back()(static_cast<Eigen::Index>(i), digits.labels[static_cast<size_t>(split.train[i])]) = 1;
    }
  }
  const double fit_seconds = median_time([&] {
    for (size_t i = 0; i < splits.size(); ++i) weights[i] = fit(train[i], targets[i]);
  });
  const double predict_seconds = median_time([&] {
    outcome.predicted.clear();
    for (size_t i = 0; i < splits.size(); ++i) outcome.predicted.push_back(predict(test[i], weights[i]));
  });
  outcome.timings = {{"", pca_seconds}, {"", fit_seconds}, {"", predict_seconds}};
  return outcome;
}

}  // namespace nngpu::tool::quickstart

#else

namespace nngpu::tool::quickstart {
Outcome run_with_eigen(const Digits&, const std::vector<Split>&) {
  throw Error(
      "[quickstart] this nngpu was built without Eigen, which the results are checked against (libeigen3-dev)");
}
}  // namespace nngpu::tool::quickstart
#endif
