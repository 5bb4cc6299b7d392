// Updates of several variables against the same program on numbers: whatever is read when, each sees the values
// that the program order gives it, though storage is reused in place.
#include <gtest/gtest.h>

#include <random>

#include "nngpu/ops.h"

namespace nngpu {
namespace {

using Row = std::vector<double>;

TEST(Variables, UpdatesKeepTheOrderOfTheProgram) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](size_t n) { return static_cast<size_t>(random() % n); };
    std::vector<Variable> variables;
    std::vector<Row> expected;
    for (int i = 0; i < 3; ++i) {
      expected.push_back(Row{1.0 + i, 2.0, -3.0 * i, 0.5});
      variables.emplace_back(Tensor::from_vector(expected.back(), {4}));
    }
    std::vector<std::pair<Tensor, Row>> held;  // old values that somebody keeps
    for (int step = 0; step < 30; ++step) {
      const size_t to = pick(3), a = pick(3), b = pick(3);
      const double factor = 0.25 * static_cast<double>(pick(4));
      variables[to].assign(variables[a].value() * factor + variables[b].value());
      const Row x = expected[a], y = expected[b];
      for (size_t k = 0; k < 4; ++k) expected[to][k] = x[k] * factor + y[k];
      if (pick(4) == 0) held.emplace_back(variables[a].value() - variables[b].value(), Row());
      if (!held.empty() && held.back().second.empty())
        for (size_t k = 0; k < 4; ++k) held.back().second.push_back(expected[a][k] - expected[b][k]);
      if (pick(5) == 0) {
        const size_t read = pick(3);
        EXPECT_EQ(variables[read].value().to_vector<double>(), expected[read])
            << "seed " << seed << " step " << step;
      }
    }
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(variables[i].value().to_vector<double>(), expected[i]) << seed;
    for (const auto& [value, row] : held) EXPECT_EQ(value.to_vector<double>(), row) << seed;
  }
}

}  // namespace
}  // namespace nngpu
