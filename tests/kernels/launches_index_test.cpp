// Launches that move elements by index or position: take, gather, scatter_add, sort, top_k, pad, concat, iota.
#include <numeric>

#include "kernels/launch_fixture.h"

namespace nngpu::cpu {
namespace {

Array random_indices(const Shape& shape, int64_t size, std::mt19937& random) {
  Array out{shape, {}};
  for (int64_t i = 0; i < numel(shape); ++i)
    out.values.push_back(static_cast<double>(static_cast<int64_t>(random() % (2 * size)) - size));
  return out;
}
int64_t wrapped(double index, int64_t size) { return static_cast<int64_t>(index < 0 ? index + size : index); }

const std::vector<Shape> kShapes = {{1}, {7}, {4, 4}, {3, 5, 2}, {2, 1, 33}, {17, 70}, {600, 3}};

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

TEST(IndexLaunches, Take) {
  std::mt19937 random(1);
  for_axes([&](const Shape& shape, int axis, DType dtype, Layout layout) {
    const Array x = random_array(shape, dtype, random);
    for (const Shape& picks : {Shape{}, Shape{9}, Shape{2, 3}, Shape{0}}) {
      const Array indices = random_indices(picks, shape[axis], random);
      Shape out(shape.begin(), shape.begin() + axis);
      for (int64_t size : picks) out.push_back(size);
      for (int i = axis + 1; i < shape.size(); ++i) out.push_back(shape[i]);
      Runner runner(graph::AxisParams{axis});
      runner.input(dtype, x, layout);
      runner.input(DType::I64, indices, layout);
      runner.output(dtype, out);
      runner.run(run_take);
      Array wanted{out, {}};
      const AxisSplit split(shape, axis);
      for (int64_t o = 0; o < split.outer; ++o)
        for (double index : indices.values)
          for (int64_t k = 0; k < split.inner; ++k)
            wanted.values.push_back(x.values[split.at(o, wrapped(index, split.n), k)]);
      ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(), wanted, 0));
    }
  });
}

TEST(IndexLaunches, GatherAndScatterAdd) {
  std::mt19937 random(2);
  for_axes([&](const Shape& shape, int axis, DType dtype, Layout layout) {
    const Array x = random_array(shape, dtype, random, 2);
    Shape out = shape;
    out[axis] = 5;
    const Array indices = random_indices(out, shape[axis], random);
    const Array updates = random_array(out, dtype, random, 2);
    Runner gather(graph::AxisParams{axis}), scatter(graph::AxisParams{axis});
    gather.input(dtype, x, layout);
    gather.input(DType::I64, indices, layout);
    gather.output(dtype, out);
    gather.run(run_gather);
    scatter.input(dtype, x, layout);
    scatter.input(DType::I64, indices);
    scatter.input(dtype, updates, layout);
    scatter.output(dtype, shape);
    scatter.run(run_scatter_add);
    Array picked{out, std::vector<double>(updates.values.size())}, sums = x;
    const AxisSplit split(shape, axis), out_split(out, axis);
    for (int64_t o = 0; o < split.outer; ++o)
      for (int64_t i = 0; i < 5; ++i)
        for (int64_t k = 0; k < split.inner; ++k) {
          const int64_t at = out_split.at(o, i, k), source = split.at(o, wrapped(indices.values[at], split.n), k);
          picked.values[at] = x.values[source];
          sums.values[source] += updates.values[at];
          if (dtype == DType::Bool) sums.values[source] = sums.values[source] != 0;
        }
    ASSERT_NO_FATAL_FAILURE(expect_near(gather.result(), picked, 0));
    ASSERT_NO_FATAL_FAILURE(expect_near(scatter.result(), sums, tolerance(dtype)));
  });
}

TEST(IndexLaunches, ScatterOfRows) {
  std::mt19937 random(3);
  const Array updates = random_array({40, 16}, DType::F32, random);
  Array indices{{40, 16}, {}}, wanted{{6, 16}, std::vector<double>(96, 0)};
  for (int64_t i = 0; i < 40; ++i) {
    const int64_t index = static_cast<int64_t>(random() % 6);
    for (int64_t k = 0; k < 16; ++k) {
      indices.values.push_back(static_cast<double>(index));
      double& sum = wanted.values[index * 16 + k];
      sum = static_cast<float>(sum + updates.values[i * 16 + k]);
    }
  }
  Runner runner(graph::AxisParams{0});
  runner.input(DType::F32, {{6, 16}, std::vector<double>(96, 0)}, Dims{0, 0});
  runner.input(DType::I64, indices, Dims{1, 0});
  runner.input(DType::F32, updates);
  runner.output(DType::F32, {6, 16});
  runner.run(run_scatter_add);
  expect_near(runner.result(), wanted, 1e-6);
}

TEST(IndexLaunches, BadIndicesAreNamed) {
  const Array x{{10}, std::vector<double>(10, 1)};
  for (double bad : {10.0, 12.0, -11.0, 1e15}) {
    Runner runner(graph::AxisParams{0});
    runner.input(DType::F32, x);
    runner.input(DType::I64, {{4}, {0, bad, -10, 99}});
    runner.output(DType::F32, {4});
    runner.run(run_take);
    ASSERT_EQ(runner.failures.size(), 1u);
    EXPECT_EQ(runner.failure<IndexError>().what(), "[take] index " + std::to_string(static_cast<int64_t>(bad)) +
                                                       " is out of range for axis 0 of size 10");
  }
}

TEST(IndexLaunches, SortAndTopK) {
  std::mt19937 random(4);
  for_axes([&](const Shape& shape, int axis, DType dtype, Layout layout) {
    Array x = random_array(shape, dtype, random, 3);  // many ties
    if (is_floating(dtype))
      for (size_t i = 0; i < x.values.size(); i += 7) x.values[i] = i % 2 ? NAN : i % 3 ? -0.0 : 0.0;
    const AxisSplit split(shape, axis);
    for (int64_t descending : {0, 1}) {
      const int64_t k = (split.n + 1) / 2;
      Shape top_shape = shape;
      top_shape[axis] = k;
      Array values = x, indices = x, top_values{top_shape, std::vector<double>(split.outer * k * split.inner)};
      Array top_indices = top_values;
      const AxisSplit top_split(top_shape, axis);
      for (int64_t o = 0; o < split.outer; ++o)
        for (int64_t c = 0; c < split.inner; ++c) {
          std::vector<int64_t> order(split.n);
          std::iota(order.begin(), order.end(), 0);
          std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
            const double a = x.values[split.at(o, i, c)], b = x.values[split.at(o, j, c)];
            if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
            return descending ? a > b : a < b;
          });
          for (int64_t i = 0; i < split.n; ++i) {
            values.values[split.at(o, i, c)] = x.values[split.at(o, order[i], c)];
            indices.values[split.at(o, i, c)] = static_cast<double>(order[i]);
            if (i >= k) continue;
            top_values.values[top_split.at(o, i, c)] = x.values[split.at(o, order[i], c)];
            top_indices.values[top_split.at(o, i, c)] = static_cast<double>(order[i]);
          }
        }
      Runner sort(graph::SortParams{axis, descending}), top(graph::TopKParams{k, axis, descending});
      sort.input(dtype, x, layout);
      sort.output(dtype, shape);
      sort.output(DType::I64, shape);
      sort.run(run_sort);
      top.input(dtype, x, layout);
      top.output(dtype, top_shape);
      top.output(DType::I64, top_shape);
      top.run(run_top_k);
      ASSERT_NO_FATAL_FAILURE(expect_near(sort.result(), values, 0));
      ASSERT_NO_FATAL_FAILURE(expect_near(sort.result(1), indices, 0));
      ASSERT_NO_FATAL_FAILURE(expect_near(top.result(), top_values, 0));
      ASSERT_NO_FATAL_FAILURE(expect_near(top.result(1), top_indices, 0));
    }
  });
}

TEST(IndexLaunches, Pad) {
  std::mt19937 random(5);
  for (DType dtype : kAllDTypes)
    for (Layout layout : kLayouts)
      for (PadMode mode : {PadMode::Constant, PadMode::Reflect, PadMode::Replicate}) {
        const Shape shape{3, 4, 5}, out{6, 4, 9};
        const Dims before{1, 0, 3}, after{2, 0, 1};
        const Array x = random_array(shape, dtype, random);
        Runner runner(graph::PadParams{static_cast<int64_t>(mode), before, after});
        runner.input(dtype, x, layout);
        runner.input(dtype, {{}, {1}});
        runner.output(dtype, out);
        runner.run(run_pad);
        Array wanted{out, {}};
        for (int64_t i = 0; i < numel(out); ++i) {
          const int64_t at[3] = {i / 36, i / 9 % 4, i % 9};
          int64_t source = 0;
          bool outside = false;
          for (int axis = 0; axis < 3; ++axis) {
            int64_t p = at[axis] - before[axis];
            outside |= p < 0 || p >= shape[axis];
            if (mode == PadMode::Reflect) p = p < 0 ? -p : p >= shape[axis] ? 2 * (shape[axis] - 1) - p : p;
            source = source * shape[axis] + std::clamp<int64_t>(p, 0, shape[axis] - 1);
          }
          wanted.values.push_back(outside && mode == PadMode::Constant ? 1 : x.values[source]);
        }
        ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(), wanted, 0));
      }
}

TEST(IndexLaunches, ConcatAndIota) {
  std::mt19937 random(6);
  const Array a = random_array({3, 2, 4}, DType::F32, random), b = random_array({3, 5, 4}, DType::F32, random);
  Runner concat(graph::AxisParams{1});
  concat.input(DType::F32, a, Layout::Outer);
  concat.input(DType::F32, b);
  concat.output(DType::F32, {3, 7, 4});
  concat.run(run_concat);
  Array wanted{{3, 7, 4}, {}};
  for (int64_t i = 0; i < 84; ++i) {
    const int64_t o = i / 28, r = i / 4 % 7, k = i % 4;
    wanted.values.push_back(r < 2 ? a.values[(o * 2 + r) * 4 + k] : b.values[(o * 5 + r - 2) * 4 + k]);
  }
  expect_near(concat.result(), wanted, 0);
  for (DType dtype : kAllDTypes) {
    if (dtype == DType::Bool) continue;
    Runner iota(graph::IotaParams{20, static_cast<int64_t>(dtype)});
    iota.input(dtype, {{}, {3}});
    iota.input(dtype, {{}, {2}});
    iota.output(dtype, {20});
    iota.run(run_iota);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(iota.result().values[i], 3 + 2 * i) << dtype_name(dtype);
  }
}

}  // namespace
}  // namespace nngpu::cpu
