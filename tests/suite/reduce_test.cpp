// Reductions, arg-reductions and scans against the oracle.
#include <algorithm>
#include <cmath>

#include "nngpu/ops.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;
using Values = std::vector<double>;

struct Reduction {
  const char* name;
  Tensor (*run)(const Tensor&, const Axes&, bool);
  double (*exact)(const Values&);
  double low, high;
  Accuracy accuracy;
  bool floating_only;
  DType (*result)(DType);
  bool needs_elements;  // an empty axis is an error
};

// With the rounding errors added up beside it (Kahan), since the library's own sums are that good.
double add_up(const Values& v) {
  double s = 0, error = 0;
  for (double x : v) {
    const double y = x - error, t = s + y;
    error = (t - s) - y;
    s = t;
  }
  return s;
}
double average(const Values& v) { return add_up(v) / double(v.size()); }
double variance(const Values& v) {
  const double m = average(v);
  double s = 0;
  for (double x : v) s += (x - m) * (x - m);
  return s / double(v.size());
}

DType same(DType d) { return d; }
DType summed(DType d) { return is_floating(d) ? d : DType::I64; }
DType averaged(DType d) { return float_dtype(d); }
DType truth(DType) { return DType::Bool; }

const Reduction kReductions[] = {
    {"sum", sum, add_up, 0, 9, Accuracy::Accumulated, false, summed, false},
    {"mean", mean, average, 0, 9, Accuracy::Accumulated, true, averaged, false},
    {"var", [](const Tensor& x, const Axes& a, bool k) { return var(x, a, 0, k); }, variance, 0, 9,
     Accuracy::Accumulated, true, averaged, false},
    {"prod", prod,
     [](const Values& v) {
       double p = 1;
       for (double x : v) p *= x;
       return p;
     },
     0.9, 1.1, Accuracy::Accumulated, true, same, false},
    {"min", min, [](const Values& v) { return *std::min_element(v.begin(), v.end()); }, 0, 200, Accuracy::Exact,
     false, same, true},
    {"max", max, [](const Values& v) { return *std::max_element(v.begin(), v.end()); }, 0, 200, Accuracy::Exact,
     false, same, true},
    {"any", any,
     [](const Values& v) {
       for (double x : v)
         if (x != 0) return 1.0;
       return 0.0;
     },
     0, 1.2, Accuracy::Exact, false, truth, false},
    {"all", all,
     [](const Values& v) {
       for (double x : v)
         if (x == 0) return 0.0;
       return 1.0;
     },
     0, 9, Accuracy::Exact, false, truth, false},
};

std::vector<std::vector<int64_t>> axis_choices(size_t rank) {
  std::vector<std::vector<int64_t>> choices;
  for (uint64_t mask = 0; mask < (uint64_t{1} << rank); ++mask) {
    std::vector<int64_t> axes;
    for (size_t i = 0; i < rank; ++i) {
      if (mask >> i & 1) axes.push_back(int64_t(i));
    }
    choices.push_back(axes);  // the empty choice means all
  }
  return choices;
}

double most_terms(const Array& x) { return 10.0 * double(std::max<int64_t>(1, x.size())); }

class ReductionSuite : public ::testing::TestWithParam<Reduction> {};
TEST_P(ReductionSuite, MatchesTheOracle) {
  const Reduction& op = GetParam();
  std::vector<Dimensions> all_shapes = shapes();
  all_shapes.push_back({3, 700, 40});
  all_shapes.push_back({5, 6, 7, 8});
  for (DType dtype : op.floating_only ? floating_dtypes() : all_dtypes()) {
    for (const Dimensions& shape : all_shapes) {
      const bool half = dtype == DType::F16 || dtype == DType::BF16;
      const Array x = oracle::random_array(
          shape, dtype, op.low, half && op.accuracy == Accuracy::Accumulated ? std::min(op.high, 1.1) : op.high);
      if (op.needs_elements && x.size() == 0) continue;
      for (const auto& axes : axis_choices(shape.size())) {
        for (const bool keepdims : {false, true}) {
          const Tensor input = oracle::with_layout(x, dtype, oracle::kLayouts[oracle::generator()() % 4]);
          if (half && x.size() > 4000) continue;  // a sum beyond the type's range
          const Array expected = oracle::reduce(x, axes, keepdims, op.exact);
          EXPECT_TRUE(oracle::matches(op.run(input, Dims(axes), keepdims), expected, op.result(dtype), op.accuracy,
                                      is_floating(dtype) ? most_terms(x) : 1))
              << op.name << " " << dtype_name(dtype) << " " << to_string(Shape(shape)) << " over "
              << to_string(Dims(axes));
        }
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Reduce, ReductionSuite, ::testing::ValuesIn(kReductions),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ReduceSuite, LongSumsKeepTheirPrecision) {
  const int64_t n = (int64_t{1} << 25) + 3;
  EXPECT_EQ(sum(ones({n})).item<double>(), double(float(n)));
  const Tensor tenths = full({n}, 0.1);
  const double tenth = 0.1f;
  EXPECT_NEAR(sum(tenths).item<double>() / (tenth * double(n)), 1, 1e-7);
  EXPECT_NEAR(
      sum(reshape(slice(tenths, 0, 0, n - 3), {-1, 4}), 0).to_vector<double>()[2] / (tenth * double(n / 4)), 1,
      1e-7);
  EXPECT_NEAR(mean(full({n}, 0.1, DType::F64)).item<double>(), 0.1, 1e-16);
}

TEST(ReduceSuite, SumsOfOppositesAreExactInDouble) {
  const Tensor x = Tensor::from_vector<double>({1e16, 1, -1e16, 1}, {4});
  const Tensor columns = stack({x, x}, 1);
  EXPECT_EQ(sum(columns, 0).to_vector<double>(), (std::vector<double>{2, 2}));
}

TEST(ReduceSuite, NanAndInfinity) {
  const float inf = INFINITY;
  for (const int64_t n : {3, 40, 3000}) {
    std::vector<float> values(size_t(n), 1);
    values[size_t(n) / 2] = NAN;
    const Tensor with_nan = Tensor::from_vector(values, {n});
    EXPECT_TRUE(std::isnan(max(with_nan).item<float>()));
    EXPECT_TRUE(std::isnan(min(with_nan).item<float>()));
    EXPECT_TRUE(std::isnan(sum(with_nan).item<float>()));
    EXPECT_TRUE(std::isnan(max(reshape(with_nan, {n, 1}) * ones({1, 3}), 0).to_vector<float>()[1]));
    values[size_t(n) / 2] = -inf;
    const Tensor with_inf = Tensor::from_vector(values, {n});
    EXPECT_EQ(max(with_inf).item<float>(), 1);
    EXPECT_EQ(min(with_inf).item<float>(), -inf);
    EXPECT_EQ(sum(with_inf).item<float>(), -inf);
    EXPECT_EQ(sum(cast(with_inf, DType::F64)).item<double>(), -INFINITY);
  }
}

TEST(ReduceSuite, Logsumexp) {
  for (DType dtype : {DType::F32, DType::F64}) {
    const Array x = oracle::random_array({37, 19}, dtype, 500, 900);
    const Array expected = oracle::reduce(x, {1}, false, [](const Values& v) {
      const double top = *std::max_element(v.begin(), v.end());
      double s = 0;
      for (double e : v) s += std::exp(e - top);
      return top + std::log(s);
    });
    EXPECT_TRUE(oracle::matches(logsumexp(oracle::to_tensor(x, dtype), 1), expected, dtype, Accuracy::Function));
  }
  EXPECT_EQ(logsumexp(full({4}, -INFINITY)).item<float>(), -INFINITY);
  EXPECT_EQ(logsumexp(full({4}, INFINITY)).item<float>(), INFINITY);
}

TEST(ReduceSuite, Norms) {
  const Array x = oracle::random_array({13, 21}, DType::F64, -5, 5);
  const Tensor t = oracle::to_tensor(x, DType::F64);
  const auto check = [&](double p, double (*exact)(const Values&)) {
    EXPECT_TRUE(oracle::matches(norm(t, p, 1), oracle::reduce(x, {1}, false, exact), DType::F64,
                                Accuracy::Accumulated, 100))
        << p;
  };
  check(2, [](const Values& v) {
    double s = 0;
    for (double e : v) s += e * e;
    return std::sqrt(s);
  });
  check(1, [](const Values& v) {
    double s = 0;
    for (double e : v) s += std::abs(e);
    return s;
  });
  check(INFINITY, [](const Values& v) {
    double s = 0;
    for (double e : v) s = std::max(s, std::abs(e));
    return s;
  });
  check(3, [](const Values& v) {
    double s = 0;
    for (double e : v) s += std::pow(std::abs(e), 3);
    return std::cbrt(s);
  });
  check(0, [](const Values& v) {
    double s = 0;
    for (double e : v) s += e != 0;
    return s;
  });
}

TEST(ReduceSuite, ArgReductions) {
  for (DType dtype : all_dtypes()) {
    for (const Dimensions& shape : shapes()) {
      const Array x = oracle::random_array(shape, dtype, 0, 9);
      if (x.size() == 0) continue;
      for (int64_t axis = 0; axis < x.rank(); ++axis) {
        const Tensor t = oracle::with_layout(x, dtype, oracle::kLayouts[oracle::generator()() % 4]);
        const auto first = [](bool largest) {
          return [largest](const Values& v) {
            return double((largest ? std::max_element(v.begin(), v.end()) : std::min_element(v.begin(), v.end())) -
                          v.begin());
          };
        };
        EXPECT_TRUE(oracle::matches(argmax(t, axis), oracle::reduce(x, {axis}, false, first(true)), DType::I64,
                                    Accuracy::Exact));
        EXPECT_TRUE(oracle::matches(argmin(t, axis, true), oracle::reduce(x, {axis}, true, first(false)),
                                    DType::I64, Accuracy::Exact));
      }
      EXPECT_EQ(argmax(oracle::to_tensor(x, dtype)).item<int64_t>(),
                std::max_element(x.data.begin(), x.data.end()) - x.data.begin());
    }
  }
}

TEST(ReduceSuite, Scans) {
  for (DType dtype : {DType::I32, DType::I64, DType::F32, DType::F64}) {
    for (const Dimensions& shape : shapes()) {
      const Array x = oracle::random_array(shape, dtype, 1, 2);
      for (int64_t axis = 0; axis < x.rank(); ++axis) {
        Array expected = x;
        oracle::for_each_index(x.shape, [&](std::vector<int64_t> index) {
          if (index[size_t(axis)] == 0) return;
          std::vector<int64_t> before = index;
          --before[size_t(axis)];
          expected.ref(index) = expected.at(before) + x.at(index);
        });
        const Tensor actual =
            cumsum(oracle::with_layout(x, dtype, oracle::kLayouts[oracle::generator()() % 4]), axis);
        EXPECT_TRUE(oracle::matches(actual, expected, actual.dtype(), Accuracy::Accumulated, most_terms(x)))
            << dtype_name(dtype) << to_string(Shape(shape)) << axis;
      }
    }
  }
}

TEST(ReduceSuite, Softmax) {
  for (DType dtype : {DType::F16, DType::BF16, DType::F32, DType::F64}) {
    for (const Dimensions& shape : shapes()) {
      const Array x = oracle::random_array(shape, dtype, -20, 20);
      if (x.size() == 0) continue;
      for (int64_t axis = 0; axis < x.rank(); ++axis) {
        const Array top =
            oracle::reduce(x, {axis}, true, [](const Values& v) { return *std::max_element(v.begin(), v.end()); });
        const Array e = oracle::map(x, top, [](double a, double m) { return std::exp(a - m); });
        const Array total = oracle::reduce(e, {axis}, true, add_up);
        const Tensor t = oracle::with_layout(x, dtype, oracle::kLayouts[oracle::generator()() % 4]);
        EXPECT_TRUE(oracle::matches(softmax(t, axis),
                                    oracle::map(e, total, [](double a, double s) { return a / s; }), dtype,
                                    Accuracy::Accumulated, 1));
        const Array log_total = oracle::map(top, total, [](double m, double s) { return m + std::log(s); });
        EXPECT_TRUE(oracle::matches(log_softmax(t, axis),
                                    oracle::map(x, log_total, [](double a, double s) { return a - s; }), dtype,
                                    Accuracy::Accumulated, 40));
      }
    }
  }
}

}  // namespace
}  // namespace nngpu::suite
