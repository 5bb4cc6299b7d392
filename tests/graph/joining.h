// Runs work with a kind of joining of launches switched on or off.
#ifndef NNGPU_TESTS_GRAPH_JOINING_H_
#define NNGPU_TESTS_GRAPH_JOINING_H_

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "graph/plan.h"
#include "nngpu/nngpu.h"

namespace nngpu {

using Work = std::function<std::vector<Tensor>()>;

// Sets a switch of plans, graph::chains_are_joined() or graph::siblings_are_joined(), for a scope.
class Joining {
 public:
  Joining(bool& joins, bool on) : joins_(joins), before_(joins) { joins = on; }
  ~Joining() { joins_ = before_; }
  Joining(const Joining&) = delete;
  Joining& operator=(const Joining&) = delete;

 private:
  bool& joins_;
  bool before_;
};

struct Outcome {
  std::vector<Tensor> values;
  int64_t launches = 0;
};

inline Outcome run_with(bool& joins, bool on, const Work& work) {
  const Joining scope(joins, on);
  Outcome outcome{work(), 0};
  const int64_t before = engine_stats().launches;
  eval(outcome.values);
  outcome.launches = engine_stats().launches - before;
  return outcome;
}

inline void expect_same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const std::vector<double> x = a[i].to_vector<double>(), y = b[i].to_vector<double>();
    ASSERT_EQ(x.size(), y.size()) << what;
    if (x.empty()) continue;
    EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(double)), 0) << what << ", result " << i;
  }
}

}  // namespace nngpu

#endif  // NNGPU_TESTS_GRAPH_JOINING_H_
