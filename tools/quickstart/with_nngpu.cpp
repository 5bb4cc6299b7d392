// The quickstart's computation with nngpu.
#include "nngpu/ops.h"
#include "quickstart/median_time.h"
#include "quickstart/pipeline.h"

namespace nngpu::tool::quickstart {
namespace {

using Matrix = GPUDense<float>;

Matrix rows_of(const Matrix& x, const std::vector<int64_t>& rows) {
  return Matrix(take(x.tensor(), Tensor::from_vector(rows, {static_cast<int64_t>(rows.size())}), 0));
}

Matrix with_constant(const Matrix& x) { return Matrix(concatenate({x.tensor(), ones({x.rows(), 1})}, 1)); }

struct Pca {
  Matrix singular_values, scores;
};

Pca pca(const Matrix& x) {
  const Matrix centered = x.rowwise() - x.colwise().mean();
  const auto svd = centered.svd();
  return {svd.singularValues(), centered * svd.matrixV().leftCols(2)};
}

// Ridge regression on one-hot targets: (F'F + lambda I) W = F'Y by Cholesky.
Matrix fit(const Matrix& features, const Matrix& targets) {
  const Matrix gram =
      features.transpose() * features + Matrix::Identity(features.cols(), features.cols()) * kRidge;
  return gram.llt().solve(features.transpose() * targets);
}

std::vector<int> predict(const Matrix& features, const Matrix& weights) {
  const Tensor best = argmax((features * weights).tensor(), 1);
  return best.to_vector<int32_t>();
}

struct Problem {
  Matrix train, targets, test;
};

Problem prepare(const Digits& digits, const Matrix& features, const Split& split) {
  std::vector<int64_t> labels;
  for (int64_t i : split.train) labels.push_back(digits.labels[static_cast<size_t>(i)]);
  const Tensor targets = one_hot(Tensor::from_vector(labels, {static_cast<int64_t>(labels.size())}), kClasses);
  return {rows_of(features, split.train), Matrix(targets), rows_of(features, split.test)};
}

}  // namespace

Outcome run_with_nngpu(const Digits& digits, const std::vector<Split>& splits) {
  Outcome outcome;
  const Matrix& x = digits.pixels;
  x.tensor().eval();
  Pca result;
  const double pca_seconds = median_time([&] {
    result = pca(x);
    eval({result.singular_values.tensor(), result.scores.tensor()});
  });
  outcome.singular_values = flatten(result.singular_values.tensor()).to_vector<float>();
  outcome.scores = result.scores.tensor().to_vector<float>();
  const Matrix features = with_constant(x);
  std::vector<Problem> problems;
  for (const Split& split : splits) {
    problems.push_back(prepare(digits, features, split));
    eval({problems.back().train.tensor(), problems.back().targets.tensor(), problems.back().test.tensor()});
  }
  std::vector<Matrix> weights(splits.size());
  const double fit_seconds = median_time([&] {
    std::vector<Tensor> values;
    for (size_t i = 0; i < problems.size(); ++i) {
      weights[i] = fit(problems[i].train, problems[i].targets);
      values.push_back(weights[i].tensor());
    }
    eval(values);
  });
  const double predict_seconds = median_time([&] {
    outcome.predicted.clear();
    for (size_t i = 0; i < problems.size(); ++i)
      outcome.predicted.push_back(predict(problems[i].test, weights[i]));
  });
  outcome.timings = {{"PCA by SVD (1797 x 64)", pca_seconds},
                     {"fit 5 classifiers by Cholesky", fit_seconds},
                     {"predict 5 test sets", predict_seconds}};
  return outcome;
}

}  // namespace nngpu::tool::quickstart
