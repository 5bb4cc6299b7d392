// The engine's counters (engine_stats).
#ifndef NNGPU_GRAPH_STATS_H_
#define NNGPU_GRAPH_STATS_H_

#include <atomic>
#include <cstdint>

namespace nngpu::graph {

struct Counters {
  std::atomic<int64_t> plans_run{0}, launches{0}, plans_built{0}, cache_hits{0};
};
Counters& counters();

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_STATS_H_
