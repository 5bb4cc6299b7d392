// What the ways of merging launches share.
#ifndef NNGPU_GRAPH_PLAN_BATCH_H_
#define NNGPU_GRAPH_PLAN_BATCH_H_

#include "graph/plan.h"

namespace nngpu::graph {

struct KeyHash {
  size_t operator()(const KeyWords& key) const { return hash_words(key); }
};

// Of a launch, whose items are all of one (Plan::item_epochs).
inline int32_t epoch_of(const Plan& plan, const Launch& launch) {
  return launch.nodes.empty() ? 0 : plan.item_epochs[static_cast<size_t>(launch.nodes[0])];
}

// The items of the second launch become items of the first.
void merge_items(Launch& into, Launch& item);

// Drops the launches that are marked as merged into another, and orders the others.
void keep_unmerged(Plan& plan, const std::vector<char>& merged);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_PLAN_BATCH_H_
