// The losses against their definitions, written out in double precision, on random data; values known by hand;
// labels out of range; arguments that do not fit.
#include "nngpu/nn/losses.h"

#include <cmath>
#include <limits>

#include "nngpu/autograd.h"
#include "nngpu/compile.h"
#include "nngpu/ops.h"
#include "ops/expect_error.h"
#include "oracle/compare.h"
#include "oracle/random_array.h"

namespace nngpu::nn {
namespace {

using oracle::Accuracy;
using oracle::Array;
using Values = std::vector<double>;
using Labels = std::vector<int64_t>;

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor vec(const Values& values) { return Tensor::from_vector(values, {static_cast<int64_t>(values.size())}); }
Tensor labels_of(const Labels& values) {
  return Tensor::from_vector(values, {static_cast<int64_t>(values.size())});
}
Values values(const Tensor& x) { return x.to_vector<double>(); }

void expect_near(const Tensor& actual, const Values& expected, double bound = 1e-12) {
  const Values got = values(actual);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], expected[i], bound * (1 + std::abs(expected[i]))) << "element " << i;
  }
}

// -log softmax of class c in one row, by definition.
double surprise(const Values& row, size_t c) {
  double total = 0;
  for (double v : row) total += std::exp(v - row[c]);
  return std::log(total);
}

struct Classes {
  Array logits;  // (n, classes)
  Labels labels;
  Values weight;
  int64_t n, classes;

  Values row(int64_t i) const {
    return Values(logits.data.begin() + i * classes, logits.data.begin() + (i + 1) * classes);
  }
};

Classes random_classes(int64_t n, int64_t classes) {
  Classes result{oracle::random_array({n, classes}, DType::F64, -5, 5), {}, {}, n, classes};
  for (int64_t i = 0; i < n; ++i)
    result.labels.push_back(static_cast<int64_t>(oracle::generator()() % static_cast<uint64_t>(classes)));
  result.weight = oracle::random_array({classes}, DType::F64, 0.1, 2).data;
  return result;
}

// What PyTorch documents for class indices: losses a row, and the mean.
struct Expected {
  Values rows;
  double total = 0, mean = 0;
};
Expected expected_losses(const Classes& data, bool weighted, double smoothing, int64_t ignored) {
  Expected result;
  double weights = 0;
  for (int64_t i = 0; i < data.n; ++i) {
    const auto label = static_cast<size_t>(data.labels[static_cast<size_t>(i)]);
    if (data.labels[static_cast<size_t>(i)] == ignored) {
      result.rows.push_back(0);
      continue;
    }
    const auto weight = [&](size_t c) { return weighted ? data.weight[c] : 1.0; };
    double loss = (1 - smoothing) * weight(label) * surprise(data.row(i), label);
    for (size_t c = 0; c < static_cast<size_t>(data.classes); ++c)
      loss += smoothing / static_cast<double>(data.classes) * weight(c) * surprise(data.row(i), c);
    result.rows.push_back(loss);
    result.total += loss;
    weights += weight(label);
  }
  result.mean = result.total / weights;
  return result;
}

TEST(CrossEntropy, ClassIndices) {
  for (const auto& [n, classes] : {std::pair<int64_t, int64_t>{1, 2}, {37, 10}, {64, 3}, {5, 1}}) {
    const Classes data = random_classes(n, classes);
    const Tensor logits = oracle::to_tensor(data.logits, DType::F64), target = labels_of(data.labels);
    for (const bool weighted : {false, true}) {
      for (const double smoothing : {0.0, 0.1}) {
        for (const int64_t ignored : {int64_t{-100}, data.labels[0] + (n == 1 ? 1 : 0)}) {
          const Expected expected = expected_losses(data, weighted, smoothing, ignored);
          CrossEntropyOptions options{.label_smoothing = smoothing, .ignore_index = ignored};
          if (weighted) options.weight = vec(data.weight);
          if (!std::isnan(expected.mean)) expect_near(cross_entropy(logits, target, options), {expected.mean});
          options.reduction = Reduction::Sum;
          expect_near(cross_entropy(logits, target, options), {expected.total});
          options.reduction = Reduction::None;
          expect_near(cross_entropy(logits, cast(target, DType::I32), options), expected.rows);
          if (smoothing == 0) {
            expect_near(
                nll_loss(log_softmax(logits), target,
                         {.weight = options.weight, .ignore_index = ignored, .reduction = Reduction::None}),
                expected.rows);
          }
        }
      }
    }
  }
}

TEST(CrossEntropy, AxesAfterTheClasses) {
  const Array logits = oracle::random_array({2, 3, 4, 5}, DType::F64, -3, 3);
  Array labels = oracle::random_array({2, 4, 5}, DType::I64, 0, 3), expected = oracle::filled({2, 4, 5}, 0);
  double total = 0;
  oracle::for_each_index(expected.shape, [&](const std::vector<int64_t>& at) {
    const Values row = {logits.at({at[0], 0, at[1], at[2]}), logits.at({at[0], 1, at[1], at[2]}),
                        logits.at({at[0], 2, at[1], at[2]})};
    total += expected.ref(at) = surprise(row, static_cast<size_t>(labels.at(at)));
  });
  const Tensor x = oracle::to_tensor(logits, DType::F64), t = oracle::to_tensor(labels, DType::I64);
  EXPECT_TRUE(oracle::matches(cross_entropy(x, t, {.reduction = Reduction::None}), expected, DType::F64,
                              Accuracy::Accumulated, 10));
  expect_near(cross_entropy(x, t), {total / 40});
}

TEST(CrossEntropy, Probabilities) {
  const Classes data = random_classes(9, 4);
  Array wanted = oracle::random_array({9, 4}, DType::F64, 0, 1);
  for (const bool weighted : {false, true}) {
    for (const double smoothing : {0.0, 0.3}) {
      Values rows;
      double total = 0;
      for (int64_t i = 0; i < 9; ++i) {
        double loss = 0;
        for (int64_t c = 0; c < 4; ++c) {
          loss += (wanted.at({i, c}) * (1 - smoothing) + smoothing / 4) *
                  (weighted ? data.weight[static_cast<size_t>(c)] : 1) *
                  surprise(data.row(i), static_cast<size_t>(c));
        }
        rows.push_back(loss);
        total += loss;
      }
      CrossEntropyOptions options{.label_smoothing = smoothing, .reduction = Reduction::None};
      if (weighted) options.weight = vec(data.weight);
      const Tensor x = oracle::to_tensor(data.logits, DType::F64), t = oracle::to_tensor(wanted, DType::F64);
      expect_near(cross_entropy(x, t, options), rows);
      options.reduction = Reduction::Mean;
      expect_near(cross_entropy(x, t, options), {total / 9});
    }
  }
}

TEST(CrossEntropy, KnownValues) {
  const Tensor even = zeros({2, 4}, DType::F64);
  expect_near(cross_entropy(even, labels_of({1, 3})), {std::log(4.0)});
  expect_near(cross_entropy(vec({0, 0}), Tensor(1)), {std::log(2.0)});  // one row
  // Large logits do not overflow, and f16 is computed in f32.
  expect_near(cross_entropy(Tensor::from_vector(Values{1e4, -1e4}, {1, 2}), labels_of({1})), {2e4});
  const Tensor half = cross_entropy(cast(even, DType::F16), labels_of({0, 0}));
  EXPECT_EQ(half.dtype(), DType::F32);
  expect_near(half, {std::log(4.0)}, 1e-6);
}

TEST(CrossEntropy, IgnoredRowsCountNothing) {
  const Tensor logits = Tensor::from_vector(Values{0, 0, kInf, NAN, 0, 0}, {3, 2});
  expect_near(cross_entropy(logits, labels_of({0, -100, 1})), {std::log(2.0)});
  expect_near(cross_entropy(logits, labels_of({0, 7, 1}), {.ignore_index = 7}), {std::log(2.0)});
  EXPECT_TRUE(std::isnan(cross_entropy(logits, labels_of({-100, -100, -100})).item<double>()));
  expect_near(cross_entropy(logits, labels_of({-100, -100, -100}), {.reduction = Reduction::Sum}), {0});
}

// A loss far smaller than what the logits are rounded to, a label of probability zero, and one of NaN.
TEST(CrossEntropy, BesideLargeAndInfiniteLogits) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x =
      cast(Tensor::from_vector(Values{30000, 29988, 29990, 5, -inf, 4, inf, 1, 2}, {3, 3}), DType::F32);
  const Tensor y = Tensor::from_vector(Labels{0, 1, 0}, {3});
  const Values loss = cross_entropy(x, y, {.reduction = Reduction::None}).to_vector<double>();
  EXPECT_NEAR(loss[0], std::log1p(std::exp(-12.0) + std::exp(-10.0)), 1e-7);
  EXPECT_EQ(loss[1], inf);
  EXPECT_TRUE(std::isnan(loss[2]));
}

// One pass over the logits for the loss, and one that writes their gradient.
TEST(CrossEntropy, GoesThroughTheLogitsOnceAndOnceMoreForTheGradient) {
  const Tensor y = zeros({300}, DType::I64);
  const auto gradient = [&](const Tensor& x) {
    return value_and_grad([&](const Tensor& logits) { return cross_entropy(logits, y); })(x).second;
  };
  const std::string plan = explain(gradient, zeros({300, 200}));
  size_t launches = 0;
  for (size_t at = 0; (at = plan.find("f32(300, 200), moves", at)) != std::string::npos; ++at) ++launches;
  EXPECT_EQ(launches, 2u) << plan;
}

TEST(CrossEntropy, LabelsOutOfRangeAreFoundAtTheRead) {
  const Tensor logits = zeros({3, 4});
  const auto read = [&](const Labels& labels, int64_t ignored) {
    return cross_entropy(logits, labels_of(labels), {.ignore_index = ignored}).item<double>();
  };
  EXPECT_ERROR(IndexError, read({0, 4, 1}, -100), "[gather] index 4 is out of range for axis 1 of size 4");
  EXPECT_ERROR(IndexError, read({0, 1, -1}, -100), "[gather] index -5 is out of range for axis 1 of size 4");
  EXPECT_THROW(read({0, -100, 9}, -100), IndexError);
  EXPECT_THROW(read({0, -4, 1}, -1), IndexError);
  EXPECT_THROW(read({0, 1, std::numeric_limits<int64_t>::min()}, -100), IndexError);
  EXPECT_NO_THROW(read({0, -1, 3}, -1));
  EXPECT_THROW(nll_loss(logits, labels_of({0, 1, 4})).item<double>(), IndexError);
}

TEST(CrossEntropy, Arguments) {
  const Tensor x = zeros({3, 4});
  EXPECT_ERROR(ShapeError, cross_entropy(x, labels_of({0, 1})),
               "[cross_entropy] class indices of shape (2,) for rows of shape (3,)");
  EXPECT_ERROR(ShapeError, cross_entropy(x, zeros({3})),
               "[cross_entropy] probabilities of shape (3,) for logits of shape (3, 4)");
  EXPECT_ERROR(ShapeError, cross_entropy(x, labels_of({0, 1, 2}), {.weight = zeros({3})}),
               "[cross_entropy] weight of shape (3,) for 4 classes");
  EXPECT_ERROR(ValueError, cross_entropy(x, labels_of({0, 1, 2}), {.label_smoothing = 1.5}),
               "[cross_entropy] label smoothing must lie in [0, 1]: 1.5");
  EXPECT_ERROR(ShapeError, cross_entropy(Tensor(1.0), Tensor(1)), "[cross_entropy] needs an axis of classes: ()");
  EXPECT_ERROR(DTypeError, cross_entropy(x, zeros({3}, DType::Bool)),
               "[cross_entropy] indices must be integers: bool");
  EXPECT_THROW(cross_entropy(Tensor(), labels_of({0})), ValueError);
  EXPECT_THROW(cross_entropy(x, Tensor()), ValueError);
}

// An elementwise loss and its definition.
struct Elementwise {
  const char* name;
  Tensor (*run)(const Tensor&, const Tensor&, Reduction);
  double (*exact)(double p, double t);
  double p_low, p_high, t_low, t_high;
};

const Elementwise kElementwise[] = {
    {"mse", mse_loss, [](double p, double t) { return (p - t) * (p - t); }, -3, 3, -3, 3},
    {"l1", l1_loss, [](double p, double t) { return std::abs(p - t); }, -3, 3, -3, 3},
    {"huber",
     [](const Tensor& p, const Tensor& t, Reduction r) {
       return huber_loss(p, t, {.delta = 1.5, .reduction = r});
     },
     [](double p, double t) {
       const double d = std::abs(p - t);
       return d <= 1.5 ? d * d / 2 : 1.5 * (d - 0.75);
     },
     -3, 3, -3, 3},
    {"smooth_l1",
     [](const Tensor& p, const Tensor& t, Reduction r) {
       return smooth_l1_loss(p, t, {.beta = 0.5, .reduction = r});
     },
     [](double p, double t) {
       const double d = std::abs(p - t);
       return d < 0.5 ? d * d : d - 0.25;
     },
     -1, 1, -1, 1},
    {"smooth_l1_without_beta",
     [](const Tensor& p, const Tensor& t, Reduction r) {
       return smooth_l1_loss(p, t, {.beta = 0, .reduction = r});
     },
     [](double p, double t) { return std::abs(p - t); }, -1, 1, -1, 1},
    {"hinge", hinge_loss, [](double p, double t) { return std::max(0.0, 1 - p * t); }, -3, 3, -1, 1},
    {"binary",
     [](const Tensor& p, const Tensor& t, Reduction r) { return binary_cross_entropy(p, t, {.reduction = r}); },
     [](double p, double t) { return -(t * std::log(p) + (1 - t) * std::log(1 - p)); }, 0.01, 0.99, 0, 1},
    {"binary_with_logits",
     [](const Tensor& p, const Tensor& t, Reduction r) {
       return binary_cross_entropy_with_logits(p, t, {.reduction = r});
     },
     [](double p, double t) { return t * std::log1p(std::exp(-p)) + (1 - t) * std::log1p(std::exp(p)); }, -6, 6, 0,
     1},
    {"kl", [](const Tensor& p, const Tensor& t, Reduction r) { return kl_divergence(p, t, {.reduction = r}); },
     [](double p, double t) { return t * (std::log(t) - p); }, -6, 0, 0.01, 1},
    {"kl_log",
     [](const Tensor& p, const Tensor& t, Reduction r) {
       return kl_divergence(p, t, {.log_target = true, .reduction = r});
     },
     [](double p, double t) { return std::exp(t) * (t - p); }, -6, 0, -6, 0},
};

class ElementwiseLoss : public ::testing::TestWithParam<Elementwise> {};

TEST_P(ElementwiseLoss, MatchesTheDefinition) {
  const Elementwise& loss = GetParam();
  for (DType dtype : {DType::F16, DType::BF16, DType::F32, DType::F64}) {
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {33}, {5, 7}, {2, 3, 67}}) {
      const Array p = oracle::random_array(shape, dtype, loss.p_low, loss.p_high);
      const Array t = oracle::random_array(shape, dtype, loss.t_low, loss.t_high);
      const Tensor x = oracle::to_tensor(p, dtype), y = oracle::to_tensor(t, dtype);
      const Array expected = oracle::map(p, t, loss.exact);
      const DType result = promote(dtype, DType::F32);
      EXPECT_TRUE(oracle::matches(loss.run(x, y, Reduction::None), expected, result, Accuracy::Accumulated, 10));
      const auto total = [&](const Values& v) {
        double s = 0;
        for (double e : v) s += e;
        return s;
      };
      const auto count = static_cast<double>(expected.data.size());
      EXPECT_TRUE(oracle::matches(loss.run(x, y, Reduction::Sum), oracle::reduce(expected, {}, false, total),
                                  result, Accuracy::Accumulated, 10 * count));
      EXPECT_NEAR(loss.run(x, y, Reduction::Mean).item<double>(), total(expected.data) / count,
                  result == DType::F64 ? 1e-12 : 1e-5);
    }
  }
}

TEST_P(ElementwiseLoss, NeverBroadcasts) {
  EXPECT_THROW(GetParam().run(zeros({3, 1}), zeros({3}), Reduction::Mean), ShapeError);
  EXPECT_THROW(GetParam().run(zeros({3}), Tensor(), Reduction::Mean), ValueError);
}

INSTANTIATE_TEST_SUITE_P(Losses, ElementwiseLoss, ::testing::ValuesIn(kElementwise),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(BinaryCrossEntropy, EndsAndWeights) {
  // Certain and right costs nothing, certain and wrong is cut off at 100; NaN stays.
  const Tensor p = vec({1, 0, 1, 0, NAN}), t = vec({1, 0, 0, 1, 1});
  const Values ends = values(binary_cross_entropy(p, t, {.reduction = Reduction::None}));
  EXPECT_EQ(Values(ends.begin(), ends.begin() + 4), (Values{0, 0, 100, 100}));
  EXPECT_TRUE(std::isnan(ends[4]));
  expect_near(binary_cross_entropy(vec({0.5, 0.5}), vec({1, 0}), {.weight = vec({1, 3})}), {2 * std::log(2.0)});
  EXPECT_ERROR(ShapeError, binary_cross_entropy(vec({0.5}), vec({1}), {.weight = vec({1, 3})}),
               "[binary_cross_entropy] weight of shape (2,) for losses of shape (1,)");
}

TEST(BinaryCrossEntropy, LogitsWithPositiveWeights) {
  const Array x = oracle::random_array({6, 3}, DType::F64, -4, 4),
              t = oracle::random_array({6, 3}, DType::F64, 0, 1);
  const Values positive = {0.5, 1, 20};
  Array expected = x;
  oracle::for_each_index(x.shape, [&](const std::vector<int64_t>& at) {
    expected.ref(at) = positive[static_cast<size_t>(at[1])] * t.at(at) * std::log1p(std::exp(-x.at(at))) +
                       (1 - t.at(at)) * std::log1p(std::exp(x.at(at)));
  });
  EXPECT_TRUE(oracle::matches(
      binary_cross_entropy_with_logits(oracle::to_tensor(x, DType::F64), oracle::to_tensor(t, DType::F64),
                                       {.pos_weight = vec(positive), .reduction = Reduction::None}),
      expected, DType::F64, Accuracy::Accumulated, 100));
  expect_near(binary_cross_entropy_with_logits(vec({1000, -1000}), vec({0, 1})), {1000});
  EXPECT_ERROR(ShapeError, binary_cross_entropy_with_logits(vec({1}), vec({1}), {.pos_weight = vec({1, 2})}),
               "[binary_cross_entropy_with_logits] pos_weight of shape (2,) for logits of shape (1,)");
}

TEST(KlDivergence, ZerosAndTheBatchMean) {
  expect_near(kl_divergence(vec({-kInf, 0}), vec({0, 1})), {0});
  const Tensor p = log(Tensor::from_vector(Values{0.5, 0.5, 0.25, 0.75}, {2, 2}));
  const Tensor t = Tensor::from_vector(Values{1, 0, 0.25, 0.75}, {2, 2});
  expect_near(kl_divergence(p, t, {.batch_mean = true}), {std::log(2.0) / 2});
  expect_near(kl_divergence(p, t), {std::log(2.0) / 4});
  EXPECT_THROW(kl_divergence(Tensor(1.0), Tensor(1.0), {.batch_mean = true}), ShapeError);
}

TEST(Cosine, Similarity) {
  const Array a = oracle::random_array({4, 5, 3}, DType::F64, -1, 1),
              b = oracle::random_array({4, 5, 3}, DType::F64, -1, 1);
  for (const int64_t axis : {0, 1, 2}) {
    const auto dot = [&](const Array& x, const Array& y) {
      return oracle::reduce(oracle::map(x, y, [](double p, double q) { return p * q; }), {axis}, false,
                            [](const Values& v) {
                              double s = 0;
                              for (double e : v) s += e;
                              return s;
                            });
    };
    const Array expected = oracle::map(dot(a, b), dot(a, a), dot(b, b),
                                       [](double ab, double aa, double bb) { return ab / std::sqrt(aa * bb); });
    EXPECT_TRUE(oracle::matches(
        cosine_similarity(oracle::to_tensor(a, DType::F64), oracle::to_tensor(b, DType::F64), axis), expected,
        DType::F64, Accuracy::Accumulated, 5));
  }
  expect_near(cosine_similarity(vec({0, 0}), vec({1, 0}), 0), {0});
  EXPECT_THROW(cosine_similarity(vec({1}), vec({1}), 1), IndexError);
}

TEST(Cosine, EmbeddingLoss) {
  const Tensor a = Tensor::from_vector(Values{1, 0, 1, 0, 1, 0}, {3, 2});
  const Tensor b = Tensor::from_vector(Values{1, 1, 1, 1, -1, 0}, {3, 2});
  const Tensor target = labels_of({1, -1, -1});
  const double c = std::sqrt(0.5);
  expect_near(cosine_embedding_loss(a, b, target, {.margin = 0.2, .reduction = Reduction::None}),
              {1 - c, c - 0.2, 0}, 1e-11);
  expect_near(cosine_embedding_loss(vec({1, 0}), vec({0, 1}), Tensor(1)), {1}, 1e-11);
  EXPECT_THROW(cosine_embedding_loss(a, b, labels_of({1})), ShapeError);
}

TEST(Regression, Arguments) {
  EXPECT_ERROR(ValueError, huber_loss(vec({1}), vec({1}), {.delta = 0}), "[huber_loss] delta must be positive: 0");
  EXPECT_ERROR(ValueError, smooth_l1_loss(vec({1}), vec({1}), {.beta = -1}),
               "[smooth_l1_loss] beta must not be negative: -1");
  EXPECT_ERROR(ShapeError, mse_loss(zeros({3, 1}), zeros({3})),
               "[mse_loss] prediction and target differ in shape: (3, 1) and (3,)");
}

}  // namespace
}  // namespace nngpu::nn
