// Independent reductions over one loop that share what they read run as one launch, with the bits they have alone.
#include <gtest/gtest.h>

#include "graph/joining.h"

namespace nngpu {
namespace {

Outcome run(const Work& work, bool joined) { return run_with(graph::siblings_are_joined(), joined, work); }

// So many launches with joining and without, and the same bits.
std::vector<Tensor> expect_launches(const Work& work, int64_t together, int64_t apart, const std::string& what) {
  const Outcome joined = run(work, true), separate = run(work, false);
  EXPECT_EQ(joined.launches, together) << what;
  EXPECT_EQ(separate.launches, apart) << what;
  expect_same_bits(joined.values, separate.values, what);
  return joined.values;
}

struct Case {
  Shape shape;
  Axes axes;
};

// Around the sizes of tiles, packs and splits; rows, columns, both, and all of it.
const std::vector<Case> kCases = {
    {{1}, 0},          {{7}, 0},         {{5, 3}, 1},     {{5, 3}, 0},     {{33, 1025}, 1},
    {{1025, 33}, 0},   {{3, 4100}, 1},   {{300, 257}, 0}, {{9, 1031}, 0},  {{2, 3, 40}, {0, 2}},
    {{4, 6, 7}, 1},    {{1, 70001}, 1},  {{70001, 1}, 0}, {{70001, 3}, 0}, {{8, 5, 16, 16}, {0, 2, 3}},
    {{3, 150001}, {}}, {{2, 150004}, 1}, {{4100, 9}, 1},  {{64, 64}, {}},  {{3, 1, 1}, {0, 2}},
};

std::string name(const Case& c, DType dtype) { return to_string(c.shape) + " " + dtype_name(dtype); }

class Siblings : public testing::TestWithParam<DType> {
 protected:
  Tensor random(const Shape& shape) const { return (randn(shape, GetParam()) + 3).eval(); }
};

TEST_P(Siblings, MeanAndVarianceReadTheirOperandOnce) {
  for (const Case& c : kCases) {
    const Tensor x = cast(random(c.shape), DType::F32).eval();
    const auto work = [&] { return std::vector{sum(x, c.axes), var(x, c.axes), max(x, c.axes)}; };
    expect_launches(work, 1, 3, name(c, DType::F32));
  }
}

// Each with elementwise work of its own in front, in the type under test.
TEST_P(Siblings, SumsOfAGradient) {
  for (const Case& c : kCases) {
    const Tensor g = random(c.shape), x = random(c.shape);
    const auto work = [&] {
      return std::vector{sum(g * 1.5, c.axes), sum(g * x, c.axes), logsumexp(tanh(g) - x, c.axes)};
    };
    const bool half = GetParam() == DType::F16 || GetParam() == DType::BF16;  // rounds the logarithm afterwards
    expect_launches(work, half ? 2 : 1, half ? 4 : 3, name(c, GetParam()));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Siblings, testing::Values(DType::F32, DType::F64, DType::F16, DType::BF16),
                         [](const auto& param) { return dtype_name(param.param); });

TEST(SiblingLaunches, AgreeWithWhatIsKnown) {
  const Tensor x = Tensor::from_vector(std::vector<double>{1, 2, 3, 4, 10, 20, 30, 40}, {2, 4}).eval();
  const Joining scope(graph::siblings_are_joined(), true);
  const std::vector<Tensor> r = {mean(x, 1), var(x, 1), sum(x * x, 1), max(-x, 1)};
  const int64_t before = engine_stats().launches;
  eval(r);
  EXPECT_LE(engine_stats().launches - before, 2) << "the reductions, and the division by the count";
  EXPECT_EQ(r[0].to_vector<double>(), (std::vector<double>{2.5, 25}));
  EXPECT_EQ(r[1].to_vector<double>(), (std::vector<double>{1.25, 125}));
  EXPECT_EQ(r[2].to_vector<double>(), (std::vector<double>{30, 3000}));
  EXPECT_EQ(r[3].to_vector<double>(), (std::vector<double>{-1, -10}));
}

// What reads another's result, directly or through other work, stays behind it.
TEST(SiblingLaunches, DoNotWaitForEachOther) {
  const Tensor x = randn({300, 200}).eval();
  const auto deviations = [&] {
    const Tensor m = mean(x, 0, true);
    return std::vector{m, sum(square(x - m), 0)};
  };
  expect_launches(deviations, 3, 3, "a sum of what a mean was taken off");
  const Tensor y = randn({300, 200}).eval();
  const auto crossed = [&] {
    const Tensor a = sum(x, 0, true), b = sum(y, 0, true);
    // Each reads the other's first sum: one pair can be joined, the other then not.
    return std::vector{sum(x * b, 0), sum(y * a, 0)};
  };
  const Outcome joined = run(crossed, true), separate = run(crossed, false);
  EXPECT_EQ(separate.launches, 4);
  EXPECT_LE(joined.launches, 4);
  for (size_t i = 0; i < 2; ++i)
    EXPECT_EQ(joined.values[i].to_vector<float>(), separate.values[i].to_vector<float>());
}

// A sum whose mean is taken at once waits for the sum that needs the statistics first.
TEST(SiblingLaunches, OfANormalizationsGradientAreOneBesideItsStatistics) {
  const Tensor x = randn({8, 5, 40, 30}).eval(), g = randn({8, 5, 40, 30}).eval();
  const Axes axes = {0, 2, 3};
  const auto gradient = [&] {
    const Moments m = moments(x, axes, 0, true);
    const Tensor scale = rsqrt(m.var + 1e-5), unit = (x - m.mean) * scale;
    const Tensor mean = sum(g, axes, true) / 9600, slope = sum(g * unit, axes, true) / 9600;
    return std::vector{(g - mean - unit * slope) * scale};
  };
  expect_launches(gradient, 6, 8, "moments, scale, units, two sums, their means, the pass");
}

// Vectors that are computed from each other, and strangers of their size.
TEST(SiblingLaunches, OfSmallVectorsAreOneTape) {
  const Tensor a = randn({70}).eval(), b = randn({70}).eval(), c = randn({70}).eval();
  const auto work = [&] {
    const Tensor sum = exp(a) + b, root = sqrt(abs(sum)), other = b * c;
    return std::vector{sum, root, other, flip(root, 0) * 2};
  };
  expect_launches(work, 2, 3, "what is read in another order stays apart");
}

TEST(SiblingLaunches, OfLargeStrangersStayApart) {
  const Tensor x = randn({300, 200}).eval(), y = randn({300, 200}).eval();
  expect_launches([&] { return std::vector{sum(x, 0), sum(y, 0)}; }, 2, 2, "nothing in common");
  expect_launches([&] { return std::vector{sum(x, 0), sum(x, 1)}; }, 2, 2, "other axes");
  const Tensor a = randn({30, 20}).eval(), b = randn({30, 20}).eval();
  expect_launches([&] { return std::vector{sum(a, 0), sum(b, 0)}; }, 1, 2, "small ones");
}

}  // namespace
}  // namespace nngpu
