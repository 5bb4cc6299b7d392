// Normalization of channels and dropout.
#include "nngpu/normalization.h"

#include <cmath>

#include "nngpu/compile.h"
#include "nngpu/ops.h"
#include "ops/elementwise.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;
using Values = std::vector<double>;

double average(const Values& v) {
  double s = 0;
  for (double x : v) s += x;
  return s / double(v.size());
}

// (x - mean) / sqrt(variance + epsilon) over the axes, times weight plus bias of shape `factors`.
Array normalized(const Array& x, const std::vector<int64_t>& axes, double epsilon, const Array& w,
                 const Array& b) {
  const Array mean = oracle::reduce(x, axes, true, average);
  const Array square = oracle::reduce(oracle::map(x, mean, [](double a, double m) { return (a - m) * (a - m); }),
                                      axes, true, average);
  const Array unit =
      oracle::map(x, mean, square, [&](double a, double m, double s) { return (a - m) / std::sqrt(s + epsilon); });
  return oracle::map(unit, w, b, [](double u, double v, double c) { return u * v + c; });
}
Array reshaped(Array x, const std::vector<int64_t>& shape) {
  x.shape = shape;
  return x;
}

TEST(NormalizationSuite, BatchNorm) {
  for (DType dtype : floating_dtypes()) {
    for (const Dimensions& shape : {Dimensions{6, 3}, {4, 3, 5}, {2, 5, 8, 8}, {3, 4, 7, 7}, {33, 16, 2, 2}}) {
      const Array x = oracle::random_array(shape, dtype, -2, 4);
      const int64_t c = shape[1];
      const Array w = oracle::random_array({c}, dtype, 0.5, 2), b = oracle::random_array({c}, dtype, -1, 1);
      std::vector<int64_t> axes = {0}, factors(shape.size() - 1, 1);
      factors[0] = c;
      for (int64_t k = 2; k < x.rank(); ++k) axes.push_back(k);
      const Tensor t = oracle::with_layout(x, dtype, oracle::kLayouts[oracle::generator()() % 4]);
      const BatchNorm n = batch_norm(t, oracle::to_tensor(w, dtype), oracle::to_tensor(b, dtype), 0.01);
      const Array exact = normalized(x, axes, 0.01, reshaped(w, factors), reshaped(b, factors));
      EXPECT_TRUE(oracle::matches(n.y, exact, dtype, Accuracy::Accumulated, 6))
          << dtype_name(dtype) << to_string(Shape(shape));
      EXPECT_TRUE(oracle::matches(n.mean, oracle::reduce(x, axes, false, average), compute_dtype(dtype),
                                  Accuracy::Accumulated, 4));
      EXPECT_TRUE(oracle::matches(
          batch_norm(t, n.mean, n.var, oracle::to_tensor(w, dtype), oracle::to_tensor(b, dtype), 0.01), exact,
          dtype, Accuracy::Accumulated, 6));
    }
  }
}

TEST(NormalizationSuite, GroupsAndInstances) {
  for (DType dtype : floating_dtypes()) {
    for (const Dimensions& shape : {Dimensions{3, 6}, {2, 6, 5}, {2, 6, 4, 8}, {1, 12, 7, 7}}) {
      const Array x = oracle::random_array(shape, dtype, -2, 4);
      const int64_t c = shape[1], n = shape[0], rest = x.size() / n / c;
      const Array w = oracle::random_array({c}, dtype, 0.5, 2), b = oracle::random_array({c}, dtype, -1, 1);
      const Tensor t = oracle::with_layout(x, dtype, oracle::kLayouts[oracle::generator()() % 4]);
      for (const int64_t groups : {int64_t{1}, int64_t{3}, c}) {
        const std::vector<int64_t> by_channel = {groups, c / groups, 1};
        const Array exact = reshaped(normalized(reshaped(x, {n, groups, c / groups, rest}), {2, 3}, 0.01,
                                                reshaped(w, by_channel), reshaped(b, by_channel)),
                                     shape);
        const Tensor weight = oracle::to_tensor(w, dtype), bias = oracle::to_tensor(b, dtype);
        EXPECT_TRUE(
            oracle::matches(group_norm(t, groups, weight, bias, 0.01), exact, dtype, Accuracy::Accumulated, 6))
            << dtype_name(dtype) << to_string(Shape(shape)) << groups;
        if (groups == c) {
          EXPECT_TRUE(
              oracle::matches(instance_norm(t, weight, bias, 0.01), exact, dtype, Accuracy::Accumulated, 6));
        }
      }
    }
  }
}

TEST(NormalizationSuite, Errors) {
  const Tensor x = ones({2, 6, 3});
  EXPECT_THROW(layer_norm(x, int64_t{0}), ShapeError);
  EXPECT_THROW(layer_norm(x, int64_t{4}), ShapeError);
  EXPECT_THROW(layer_norm(x, Shape{6, 4}), ShapeError);
  EXPECT_THROW(layer_norm(x, int64_t{1}, ones({4})), ShapeError);
  EXPECT_THROW(layer_norm(x, int64_t{1}, ones({3}, DType::I32)), DTypeError);
  EXPECT_THROW(layer_norm(x, int64_t{1}, {}, {}, -1), ValueError);
  EXPECT_THROW(rms_norm(x, 1, {}, NAN), ValueError);
  EXPECT_THROW(group_norm(x, 4), ValueError);
  EXPECT_THROW(group_norm(ones({3}), 1), ShapeError);
  EXPECT_THROW(batch_norm(x, ones({5})), ShapeError);
  EXPECT_THROW(batch_norm(x, Tensor(), ones({6}), Tensor(), Tensor()), ValueError);
  EXPECT_THROW(dropout(x, 1.5), ValueError);
  EXPECT_THROW(dropout(Tensor()), ValueError);
  try {
    group_norm(x, 4);
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "[group_norm] 6 channels cannot be cut into 4 groups");
  }
}

TEST(NormalizationSuite, DropoutHasTheMaskOfBernoulli) {
  for (DType dtype : floating_dtypes()) {
    for (const Dimensions& shape : {Dimensions{}, {1}, {3}, {4}, {31}, {33}, {7, 13}, {5, 0}, {3, 4099}}) {
      for (const double p : {0.0, 0.3, 0.5, 1.0}) {
        const Array x = oracle::random_array(shape, dtype, 1, 2);
        const Tensor t = oracle::with_layout(x, dtype, oracle::kLayouts[oracle::generator()() % 4]);
        Generator first(77), second(77);
        first.set_offset(5), second.set_offset(5);
        const Array mask = oracle::from_tensor(bernoulli(Shape(shape), 1 - p, second));
        const Array exact =
            oracle::map(x, mask, [p](double v, double keep) { return keep != 0 ? v / (1 - p) : 0; });
        EXPECT_TRUE(oracle::matches(dropout(t, p, first), exact, dtype, Accuracy::Function))
            << dtype_name(dtype) << to_string(Shape(shape)) << p;
        EXPECT_EQ(first.offset(), second.offset());
      }
    }
  }
}

// The mask of the device under test is that of the CPU.
TEST(NormalizationSuite, DropoutIsTheSameOnEveryDevice) {
  const std::vector<float> here = dropout(ones({1000}), 0.25, Generator(3)).to_vector<float>();
  const Tensor host = ones({1000}, DType::F32, device_from_name("cpu"));
  EXPECT_EQ(here, dropout(host, 0.25, Generator(3)).to_vector<float>());
  double sum = 0;
  for (float v : here) {
    EXPECT_TRUE(v == 0 || v == 1.0f / 0.75f);
    sum += v;
  }
  EXPECT_NEAR(sum / 1000, 1, 0.06);  // more than three deviations
}

TEST(NormalizationSuite, DropoutOfNothingLaunchesNothing) {
  const Tensor x = randn({3, 5}).eval();
  const int64_t before = engine_stats().launches;
  EXPECT_EQ(dropout(x, 0).to_vector<float>(), x.to_vector<float>());
  EXPECT_EQ(engine_stats().launches, before);
}

TEST(NormalizationSuite, DropoutInACompiledFunctionDrawsAnew) {
  const Generator generator(9);
  const CompiledFunction f(
      [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{dropout(in[0], 0.5, generator)}; });
  const Tensor x = ones({256});
  const std::vector<float> a = f({x})[0].to_vector<float>(), b = f({x})[0].to_vector<float>();
  EXPECT_NE(a, b);
  const Generator again(9);
  EXPECT_EQ(a, dropout(x, 0.5, again).to_vector<float>());
  EXPECT_EQ(b, dropout(x, 0.5, again).to_vector<float>());
}

}  // namespace
}  // namespace nngpu::suite
