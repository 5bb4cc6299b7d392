// When the temporaries of a plan are alive.
#ifndef NNGPU_GRAPH_PLAN_MEMORY_H_
#define NNGPU_GRAPH_PLAN_MEMORY_H_

#include <vector>

#include "graph/plan.h"

namespace nngpu::graph {

struct Lifetime {
  int32_t slot;
  int32_t first, last;  // launches: the one that writes it, the last that reads it
  int64_t bytes;
};

// Of every temporary, in order of first use.
std::vector<Lifetime> lifetimes(const Plan& plan);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_PLAN_MEMORY_H_
