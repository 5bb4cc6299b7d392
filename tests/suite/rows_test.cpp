// One-pass reductions and the operations on rows, against the oracle and their composite forms.
#include "ops/rows.h"

#include <algorithm>
#include <cmath>

#include "nngpu/compile.h"
#include "nngpu/normalization.h"
#include "nngpu/ops.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;
using Values = std::vector<double>;

// In more than double, since the library adds up better than double does.
long double exact_average(const Values& v) {
  long double s = 0;
  for (double x : v) s += x;
  return s / static_cast<long double>(v.size());
}
double average(const Values& v) { return double(exact_average(v)); }
double variance(const Values& v) {
  const long double m = exact_average(v);
  long double s = 0;
  for (double x : v) s += (x - m) * (x - m);
  return double(s / static_cast<long double>(v.size()));
}
double log_sum_exp(const Values& v) {
  const double top = *std::max_element(v.begin(), v.end());
  long double s = 0;
  for (double e : v) s += std::exp(static_cast<long double>(e - top));
  return double(top + std::log(s));
}

const std::vector<Dimensions>& row_shapes() {
  static const std::vector<Dimensions> list = {{1},        {31},         {32},       {33},       {5, 1},
                                               {7, 3},     {300, 2},     {3, 31},    {4, 32},    {2, 33},
                                               {5, 1000},  {3, 1024},    {2, 1025},  {3, 4096},  {2, 10001},
                                               {9, 17, 4}, {2, 3, 5, 8}, {1, 20000}, {40, 6, 40}};
  return list;
}
std::vector<int64_t> trailing(const Array& x, int64_t axes) {
  std::vector<int64_t> list;
  for (int64_t k = x.rank() - axes; k < x.rank(); ++k) list.push_back(k);
  return list;
}
Tensor any_layout(const Array& x, DType dtype) {
  return oracle::with_layout(x, dtype, oracle::kLayouts[oracle::generator()() % 4]);
}

TEST(RowsSuite, MomentsMatchTheOracle) {
  for (DType dtype : floating_dtypes()) {
    for (const Dimensions& shape : row_shapes()) {
      const Array x = oracle::random_array(shape, dtype, -1, 3);
      for (int64_t axis = 0; axis < x.rank(); ++axis) {
        for (const int64_t ddof : {0, 1}) {
          const int64_t n = shape[size_t(axis)];
          if (n <= ddof) continue;
          const Moments m = moments(any_layout(x, dtype), axis, ddof, true);
          // A sum of n terms of the result's own size, whose rounding errors are independent.
          const double terms = std::max(1.0, std::sqrt(double(n)) / 4);
          EXPECT_TRUE(oracle::matches(m.mean, oracle::reduce(x, {axis}, true, average), dtype,
                                      Accuracy::Accumulated, terms))
              << to_string(Shape(shape)) << axis;
          const double scale = double(n) / double(n - ddof);
          const Array var =
              oracle::map(oracle::reduce(x, {axis}, true, variance), [&](double v) { return v * scale; });
          EXPECT_TRUE(oracle::matches(m.var, var, dtype, Accuracy::Accumulated, terms))
              << to_string(Shape(shape)) << axis;
        }
      }
    }
  }
}

TEST(RowsSuite, MomentsOfChannels) {
  for (const Dimensions& shape : {Dimensions{4, 3, 5, 8}, {3, 5, 7, 7}, {2, 4, 64, 64}, {6, 2, 1, 3}}) {
    const Array x = oracle::random_array(shape, DType::F32, -2, 5);
    const Moments m = moments(any_layout(x, DType::F32), {0, 2, 3});
    EXPECT_TRUE(oracle::matches(m.mean, oracle::reduce(x, {0, 2, 3}, false, average), DType::F32,
                                Accuracy::Accumulated, 3));
    EXPECT_TRUE(oracle::matches(m.var, oracle::reduce(x, {0, 2, 3}, false, variance), DType::F32,
                                Accuracy::Accumulated, 3));
  }
}

// A mean 10,000 times the deviation: what a sum of squares would lose entirely in f32.
TEST(RowsSuite, MomentsDoNotCancel) {
  for (DType dtype : {DType::F32, DType::F64}) {
    for (const int64_t n : {33, 4096, 10001}) {
      const double mean = dtype == DType::F32 ? 1e4 : 1e10;
      const Array x = oracle::rounded(oracle::random_array({3, n}, dtype, mean - 1, mean + 1), dtype);
      const Array rows = oracle::reduce(x, {1}, false, variance);
      EXPECT_TRUE(oracle::matches(var(oracle::to_tensor(x, dtype), 1), rows, dtype, Accuracy::Accumulated, 4));
      const Tensor columns = contiguous(transpose(oracle::to_tensor(x, dtype)));
      EXPECT_TRUE(oracle::matches(var(columns, 0), rows, dtype, Accuracy::Accumulated, 4)) << n;
    }
  }
  // The first element is far from all others.
  std::vector<float> values(5000, 1.0f);
  for (size_t i = 0; i < values.size(); ++i) values[i] += float(i % 3);
  values[0] = 1e6f;
  const double exact = variance(Values(values.begin(), values.end()));
  EXPECT_NEAR(var(Tensor::from_vector(values, {5000})).item<double>() / exact, 1, 1e-6);
}

TEST(RowsSuite, MomentsOfTheUnusual) {
  EXPECT_EQ(moments(Tensor(2.5f)).mean.item<float>(), 2.5f);
  EXPECT_EQ(moments(Tensor(2.5f)).var.item<float>(), 0);
  EXPECT_TRUE(std::isnan(var(Tensor(2.5f), {}, 1).item<float>()));
  EXPECT_TRUE(std::isnan(moments(zeros({0})).mean.item<float>()));
  EXPECT_TRUE(std::isnan(moments(zeros({0})).var.item<float>()));
  for (const int64_t n : {5, 3000}) {
    Tensor x = concatenate({ones({n}), full({1}, INFINITY), ones({n})});
    EXPECT_EQ(moments(x).mean.item<float>(), INFINITY);
    EXPECT_TRUE(std::isnan(moments(x).var.item<float>()));
    EXPECT_EQ(moments(stack({x, x}, 1), 0).mean.to_vector<float>()[1], INFINITY);
    x = concatenate({ones({n}), full({1}, NAN)});
    EXPECT_TRUE(std::isnan(moments(x).mean.item<float>()));
  }
  // Elementwise work before it joins the launch.
  const Array a = oracle::random_array({3, 50}, DType::F32, -1, 1);
  EXPECT_TRUE(
      oracle::matches(moments(square(oracle::to_tensor(a, DType::F32)) * 3, 1).var,
                      oracle::reduce(oracle::map(a, [](double v) { return 3 * v * v; }), {1}, false, variance),
                      DType::F32, Accuracy::Accumulated));
  EXPECT_THROW(moments(Tensor()), ValueError);
}

TEST(RowsSuite, LogSumExpInOnePass) {
  for (DType dtype : floating_dtypes()) {
    for (const Dimensions& shape : row_shapes()) {
      const Array x = oracle::random_array(shape, dtype, -30, 20);
      for (int64_t axis = 0; axis < x.rank(); ++axis)
        EXPECT_TRUE(oracle::matches(logsumexp(any_layout(x, dtype), axis),
                                    oracle::reduce(x, {axis}, false, log_sum_exp), dtype, Accuracy::Accumulated,
                                    2))
            << dtype_name(dtype) << to_string(Shape(shape)) << axis;
    }
  }
  const float inf = INFINITY;
  for (const int64_t n : {1, 40, 3000}) {
    const Tensor rows = concatenate({full({1, n}, -inf), full({1, n}, inf), zeros({1, n}), full({1, n}, NAN)});
    const Tensor ends = Tensor::from_vector<float>({-inf, 1, 1, -inf}, {4, 1});
    for (const bool first : {false, true}) {
      const Tensor x = first ? concatenate({ends, rows}, 1) : concatenate({rows, ends}, 1);
      for (const Tensor& result : {logsumexp(x, 1), logsumexp(contiguous(transpose(x)), 0)}) {
        const std::vector<float> v = result.to_vector<float>();
        EXPECT_EQ(v[0], -inf);
        EXPECT_EQ(v[1], inf);
        EXPECT_NEAR(v[2], std::log(double(n) + M_E), 1e-5);
        EXPECT_TRUE(std::isnan(v[3])) << n;
      }
    }
  }
}

Array normalized(const Array& x, int64_t axes, bool rms, double epsilon) {
  const auto over = trailing(x, axes);
  const Array zero = oracle::filled({1}, 0);
  const Array mean = rms ? zero : oracle::reduce(x, over, true, average);
  const Array square = oracle::reduce(oracle::map(x, mean, [](double a, double m) { return (a - m) * (a - m); }),
                                      over, true, average);
  return oracle::map(x, mean, square,
                     [&](double a, double m, double s) { return (a - m) / std::sqrt(s + epsilon); });
}

TEST(RowsSuite, NormalizeMatchesTheOracle) {
  for (DType dtype : floating_dtypes()) {
    for (const Dimensions& shape : row_shapes()) {
      const Array x = oracle::random_array(shape, dtype, -1, 3);
      for (const int64_t axes : {int64_t{1}, std::min<int64_t>(2, x.rank())}) {
        const Dimensions tail(shape.end() - axes, shape.end());
        const Array w = oracle::random_array(tail, dtype, 0.5, 2), b = oracle::random_array(tail, dtype, -1, 1);
        const Array unit = normalized(x, axes, false, 0.01);
        const Tensor t = any_layout(x, dtype), weight = any_layout(w, dtype), bias = oracle::to_tensor(b, dtype);
        EXPECT_TRUE(oracle::matches(layer_norm(t, axes, {}, {}, 0.01), unit, dtype, Accuracy::Accumulated, 2))
            << dtype_name(dtype) << to_string(Shape(shape)) << axes;
        EXPECT_TRUE(
            oracle::matches(layer_norm(t, Shape(tail), weight, bias, 0.01),
                            oracle::map(unit, w, b, [](double u, double v, double c) { return u * v + c; }), dtype,
                            Accuracy::Accumulated, 4))
            << dtype_name(dtype) << to_string(Shape(shape)) << axes;
        EXPECT_TRUE(oracle::matches(
            rms_norm(t, axes, weight, 0.01),
            oracle::map(normalized(x, axes, true, 0.01), w, [](double u, double v) { return u * v; }), dtype,
            Accuracy::Accumulated, 4))
            << dtype_name(dtype) << to_string(Shape(shape)) << axes;
      }
    }
  }
}

TEST(RowsSuite, NormalizeKeepsPrecisionBesideALargeMean) {
  for (const int64_t n : {40, 4096, 10001, 40000}) {
    const Array x = oracle::rounded(oracle::random_array({2, n}, DType::F32, 9999, 10001), DType::F32);
    EXPECT_TRUE(oracle::matches(layer_norm(oracle::to_tensor(x, DType::F32), int64_t{1}),
                                normalized(x, 1, false, 1e-5), DType::F32, Accuracy::Accumulated, 1e3))
        << n;
  }
  // Half types with weights in f32, and a broadcast input.
  const Array x = oracle::random_array({4, 64}, DType::BF16, -1, 3);
  const Array w = oracle::random_array({64}, DType::F32, 0.5, 2);
  EXPECT_TRUE(
      oracle::matches(layer_norm(oracle::to_tensor(x, DType::BF16), int64_t{1}, oracle::to_tensor(w, DType::F32)),
                      oracle::map(normalized(x, 1, false, 1e-5), w, [](double u, double v) { return u * v; }),
                      DType::BF16, Accuracy::Accumulated, 4));
  const Array row = oracle::random_array({64}, DType::F32, -1, 3);
  const Tensor wide = broadcast_to(oracle::to_tensor(row, DType::F32), {5, 64});
  EXPECT_EQ(layer_norm(wide, int64_t{1}).to_vector<float>()[4 * 64 + 7],
            layer_norm(contiguous(wide * 1), int64_t{1}).to_vector<float>()[7]);
}

TEST(RowsSuite, GradientsOfRowsMatchTheirComposites) {
  for (DType dtype : floating_dtypes()) {
    for (const Dimensions& shape : row_shapes()) {
      const Array x = oracle::random_array(shape, dtype, -1, 3), g = oracle::random_array(shape, dtype, -1, 1);
      const Tensor gt = any_layout(g, dtype), xt = any_layout(x, dtype);
      // The references compute in double from the same numbers.
      const auto wide = [](const Tensor& t) { return t.defined() ? cast(t, DType::F64) : t; };
      for (int64_t axis = 0; axis < x.rank(); ++axis) {
        for (const bool log : {false, true}) {
          const Tensor y = log ? log_softmax(xt, axis) : softmax(xt, axis);
          const Tensor exact = ops::softmax_gradient_composite(wide(gt), wide(y), axis, log);
          EXPECT_TRUE(oracle::matches(ops::softmax_gradient(gt, y, axis, log), oracle::from_tensor(exact), dtype,
                                      Accuracy::Accumulated, 8))
              << dtype_name(dtype) << to_string(Shape(shape)) << axis << log;
        }
      }
      for (const bool rms : {false, true}) {
        const ops::NormalizeForm form{1, rms, 0.1};
        const Dimensions tail(shape.end() - 1, shape.end());
        const Tensor weight = rms ? Tensor() : oracle::to_tensor(oracle::random_array(tail, dtype, 0.5, 2), dtype);
        const ops::Normalized n = ops::normalize(xt, form, weight, Tensor());
        const Tensor exact =
            ops::normalize_gradient_composite(wide(gt), wide(xt), wide(n.mean), wide(n.scale), wide(weight), form);
        EXPECT_TRUE(oracle::matches(ops::normalize_gradient(gt, xt, n.mean, n.scale, weight, form),
                                    oracle::from_tensor(exact), dtype, Accuracy::Accumulated, 8))
            << dtype_name(dtype) << to_string(Shape(shape)) << rms;
      }
    }
  }
}

TEST(RowsSuite, SoftmaxOfTheUnusual) {
  const float inf = INFINITY;
  for (const int64_t n : {4, 100, 4096, 10001, 40000}) {
    const Tensor x = concatenate({full({1, n}, -inf), concatenate({full({1, n - 1}, -inf), ones({1, 1})}, 1),
                                  concatenate({zeros({1, n - 1}), full({1, 1}, NAN)}, 1)});
    const std::vector<float> y = softmax(x, 1).to_vector<float>();
    const auto at = [&](int64_t row, int64_t i) { return y[size_t(row * n + i)]; };
    EXPECT_TRUE(std::isnan(at(0, 0)) && std::isnan(at(0, n - 1)));
    EXPECT_EQ(at(1, 0), 0);
    EXPECT_EQ(at(1, n - 1), 1);
    EXPECT_TRUE(std::isnan(at(2, 0)) && std::isnan(at(2, n - 1)));
  }
}

}  // namespace
}  // namespace nngpu::suite
