#include "harness.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "nngpu/compile.h"

namespace nngpu::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kShortestSample = 2e-3;  // a sample repeats its work until the clock can be trusted

double seconds_of(const std::function<void()>& run, int64_t repetitions) {
  const auto start = Clock::now();
  for (int64_t i = 0; i < repetitions; ++i) run();
  benchmark::ClobberMemory();
  return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(repetitions);
}

// Warm-up and the number of repetitions a sample needs.
int64_t calibrate(const std::function<void()>& run) {
  run();
  const double once = std::max(1e-9, seconds_of(run, 1));
  if (once >= kShortestSample) return 1;
  const auto repetitions = static_cast<int64_t>(kShortestSample / once) + 1;
  const double warm = std::max(1e-9, seconds_of(run, repetitions));
  return static_cast<int64_t>(kShortestSample / warm) + 1;
}

Timing quartiles(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const size_t n = samples.size();
  return {samples[n / 4], samples[n / 2], samples[(3 * n) / 4]};
}

}  // namespace

const std::pair<std::string, Timing>* Result::best() const {
  const auto less = [](const auto& a, const auto& b) { return a.second.median < b.second.median; };
  const auto found = std::min_element(peers.begin(), peers.end(), less);
  return found == peers.end() ? nullptr : &*found;
}

double Result::ratio() const { return best() == nullptr ? 0 : best()->second.median / ours.median; }
double Result::share() const { return floor / ours.median; }

void Harness::run(const Case& c) {
  std::vector<Contender> contenders{{"nngpu", c.ours}};
  contenders.insert(contenders.end(), c.peers.begin(), c.peers.end());
  std::vector<int64_t> repetitions;
  for (const Contender& contender : contenders) repetitions.push_back(calibrate(contender.run));
  const int64_t before = engine_stats().launches;
  c.ours();
  Result result;
  result.launches = engine_stats().launches - before;
  std::vector<std::vector<double>> samples(contenders.size());
  for (int round = 0; round < rounds_; ++round) {
    for (size_t i = 0; i < contenders.size(); ++i) {
      // Each round starts with another contender, so that none always follows the same one.
      const size_t k = (i + static_cast<size_t>(round)) % contenders.size();
      samples[k].push_back(seconds_of(contenders[k].run, repetitions[k]));
    }
  }
  result.group = c.group;
  result.operation = c.operation;
  result.ours = quartiles(samples[0]);
  for (size_t i = 1; i < contenders.size(); ++i)
    result.peers.emplace_back(contenders[i].name, quartiles(samples[i]));
  const double peak = c.f64 ? machine_.peak_f64 : machine_.peak_f32;
  result.floor = std::max(c.bytes / machine_.copy_bandwidth, c.flops / peak);
  result.target = c.target;
  result.share_target = c.share_target;
  print_row(result);
  results_.push_back(std::move(result));
}

}  // namespace nngpu::bench
