// The median time of a repeated piece of work.
#ifndef NNGPU_TOOLS_QUICKSTART_MEDIAN_TIME_H_
#define NNGPU_TOOLS_QUICKSTART_MEDIAN_TIME_H_

#include <algorithm>
#include <chrono>
#include <vector>

namespace nngpu::tool::quickstart {

// The first call, which warms caches up, does not count.
template <class Work>
double median_time(const Work& work) {
  constexpr int kRepetitions = 9;
  work();
  std::vector<double> times;
  for (int i = 0; i < kRepetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + kRepetitions / 2, times.end());
  return times[kRepetitions / 2];
}

}  // namespace nngpu::tool::quickstart

#endif  // NNGPU_TOOLS_QUICKSTART_MEDIAN_TIME_H_
