// Launches along axes: copies, reductions to indices, scans, softmax.
#include "kernels/launch_fixture.h"

namespace nngpu::cpu {
namespace {

const std::vector<Shape> kShapes = {{},         {1},      {7},    {4, 4},       {3, 5, 2},
                                    {2, 1, 33}, {17, 70}, {0, 3}, {2, 3, 2, 3}, {1500, 3}};

// Runs body(shape, axis, dtype, layout) over everything but rank 0.
template <class Body>
void for_axes(const Body& body) {
  for (const Shape& shape : kShapes)
    for (int axis = 0; axis < shape.size(); ++axis)
      for (DType dtype : kAllDTypes)
        for (Layout layout : kLayouts) {
          SCOPED_TRACE(to_string(shape) + " axis " + std::to_string(axis) + " " + dtype_name(dtype) + " layout " +
                       std::to_string(static_cast<int>(layout)));
          body(shape, axis, dtype, layout);
          if (testing::Test::HasFatalFailure()) return;
        }
}

TEST(Launches, Copy) {
  std::mt19937 random(1);
  for (const Shape& shape : kShapes)
    for (DType dtype : kAllDTypes)
      for (Layout from : kLayouts)
        for (Layout to : kLayouts) {
          const Array x = random_array(shape, dtype, random);
          Runner runner;
          runner.input(dtype, x, from);
          runner.output(dtype, shape, to);
          runner.run(run_copy);
          ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(), x, 0)) << to_string(shape);
        }
}

TEST(Launches, CopyOfLargeTransposesAndBroadcasts) {
  std::mt19937 random(2);
  for (DType dtype : {DType::U8, DType::F16, DType::F32, DType::F64}) {
    for (const Shape& shape : {Shape{301, 257}, Shape{3, 130, 129}, Shape{1024, 1024}}) {
      const Array x = random_array(shape, dtype, random);
      for (Layout layout : {Layout::ColumnMajor, Layout::Outer, Layout::Spread}) {
        Runner runner;
        runner.input(dtype, x, layout);
        runner.output(dtype, shape);
        runner.run(run_copy);
        ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(), x, 0));
      }
    }
    Array rows{{5, 300}, {}};
    for (int i = 0; i < 1500; ++i) rows.values.push_back(i % 300 % 100);
    Runner runner;
    runner.input(dtype, rows, Dims{0, 1});
    runner.output(dtype, rows.shape);
    runner.run(run_copy);
    ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(), rows, 0));
  }
}

TEST(Launches, StreamingTransposes) {
  std::mt19937 random(9);
  for (DType dtype : {DType::U8, DType::F32})
    for (const Shape& shape : {Shape{2051, 3001}, Shape{2048, 2112}}) {
      const Array x = random_array(shape, dtype, random);
      Runner runner;
      runner.input(dtype, x, Layout::Outer);
      runner.output(dtype, shape);
      runner.run(run_copy);
      ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(), x, 0));
    }
}

TEST(Launches, ArgReduce) {
  std::mt19937 random(3);
  for_axes([&](const Shape& shape, int axis, DType dtype, Layout layout) {
    Array x = random_array(shape, dtype, random, 3);
    if (shape[axis] == 0) return;
    for (int64_t largest : {0, 1}) {
      if (is_floating(dtype) && largest && x.values.size() > 20)
        x.values[x.values.size() / 2] = NAN, x.values[9] = NAN;
      Runner runner(graph::ArgReduceParams{axis, largest, 1});
      Shape reduced = shape;
      reduced[axis] = 1;
      runner.input(dtype, x, layout);
      runner.output(DType::I64, reduced);
      runner.run(run_arg_reduce);
      const AxisSplit split(shape, axis);
      Array wanted{reduced, {}};
      for (int64_t o = 0; o < split.outer; ++o)
        for (int64_t k = 0; k < split.inner; ++k) {
          int64_t best = 0;
          for (int64_t i = 1; i < split.n; ++i) {
            const double a = x.values[split.at(o, i, k)], b = x.values[split.at(o, best, k)];
            if (!std::isnan(b) && (std::isnan(a) || (largest ? a > b : a < b))) best = i;
          }
          wanted.values.push_back(static_cast<double>(best));
        }
      ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(), wanted, 0));
    }
  });
}

TEST(Launches, ArgReduceOfLongLines) {
  std::mt19937 random(4);
  for (DType dtype : {DType::F32, DType::F64, DType::F16, DType::I32, DType::U8})
    for (int64_t n : {2047, 2048, 5000, 12345}) {
      Array x = random_array({n}, dtype, random, 100);
      for (int round = 0; round < 4; ++round) {
        if (round == 2 && is_floating(dtype)) x.values[n - 3] = INFINITY, x.values[n - 2] = INFINITY;
        if (round == 3 && is_floating(dtype)) x.values[n / 2] = NAN, x.values[n - 1] = NAN;
        Runner runner(graph::ArgReduceParams{0, round > 0, 0});
        runner.input(dtype, x);
        runner.output(DType::I64, {});
        runner.run(run_arg_reduce);
        int64_t best = 0;
        for (int64_t i = 1; i < n; ++i) {
          const double a = x.values[i], b = x.values[best];
          if (!std::isnan(b) && (std::isnan(a) || (round > 0 ? a > b : a < b))) best = i;
        }
        ASSERT_EQ(runner.result().values[0], best) << n << " " << round;
      }
    }
}

TEST(Launches, Scan) {
  std::mt19937 random(5);
  for_axes([&](const Shape& shape, int axis, DType dtype, Layout layout) {
    const DType out = is_floating(dtype) || dtype == DType::I64 ? dtype : DType::I64;
    const Array x = random_array(shape, dtype, random, shape[axis] > 100 ? 1 : 3);
    for (const auto code : {graph::Reduction::Sum, graph::Reduction::Prod}) {
      if (code == graph::Reduction::Prod && shape[axis] > 10) continue;
      Runner runner(graph::ScanParams{code, axis});
      runner.input(dtype, x, layout);
      runner.output(out, shape);
      runner.run(run_scan);
      Array wanted = x;
      const AxisSplit split(shape, axis);
      for (int64_t o = 0; o < split.outer; ++o)
        for (int64_t i = 1; i < split.n; ++i)
          for (int64_t k = 0; k < split.inner; ++k) {
            double& to = wanted.values[split.at(o, i, k)];
            const double before = wanted.values[split.at(o, i - 1, k)];
            to = code == graph::Reduction::Sum ? before + to : before * to;
          }
      ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(), wanted, tolerance(out)));
    }
  });
}

TEST(Launches, Softmax) {
  std::mt19937 random(6);
  for_axes([&](const Shape& shape, int axis, DType dtype, Layout layout) {
    if (!is_floating(dtype)) return;
    Array x = random_array(shape, dtype, random, 10);
    if (x.values.size() > 3) x.values[2] = -INFINITY;
    for (int64_t log : {0, 1}) {
      Runner runner(graph::SoftmaxParams{axis, log});
      runner.input(dtype, x, layout);
      runner.output(dtype, shape);
      runner.run(run_softmax);
      Array wanted = x;
      const AxisSplit split(shape, axis);
      for (int64_t o = 0; o < split.outer; ++o)
        for (int64_t k = 0; k < split.inner; ++k) {
          double max = -INFINITY, sum = 0;
          for (int64_t i = 0; i < split.n; ++i) max = std::max(max, x.values[split.at(o, i, k)]);
          for (int64_t i = 0; i < split.n; ++i) sum += std::exp(x.values[split.at(o, i, k)] - max);
          for (int64_t i = 0; i < split.n; ++i) {
            double& to = wanted.values[split.at(o, i, k)];
            to = log ? to - max - std::log(sum) : std::exp(to - max) / sum;
          }
        }
      ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(), wanted, tolerance(dtype)));
    }
  });
}

TEST(Launches, SoftmaxKeepsNaN) {
  for (int64_t n : {3, 40, 5000}) {
    Array x{{2, n}, std::vector<double>(2 * n, 1)};
    x.values[n / 2] = NAN;
    Runner runner(graph::SoftmaxParams{1, 0});
    runner.input(DType::F32, x);
    runner.output(DType::F32, x.shape);
    runner.run(run_softmax);
    const Array y = runner.result();
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_TRUE(std::isnan(y.values[i]));
      EXPECT_NEAR(y.values[n + i], 1.0 / static_cast<double>(n), 1e-6);
    }
  }
}

TEST(Launches, ItemsFollowOneAnother) {
  std::mt19937 random(7);
  Runner runner(graph::SoftmaxParams{1, 0}), single(graph::SoftmaxParams{1, 0});
  const Array a = random_array({4, 4}, DType::F32, random), b = random_array({4, 4}, DType::F32, random);
  runner.input(DType::F32, a);
  runner.input(DType::F32, b);
  runner.output(DType::F32, {4, 4});
  runner.output(DType::F32, {4, 4});
  runner.run(run_softmax, 2);
  single.input(DType::F32, b);
  single.output(DType::F32, {4, 4});
  single.run(run_softmax);
  EXPECT_EQ(runner.result(1).values, single.result().values);
}

}  // namespace
}  // namespace nngpu::cpu
