// Fusion: which elementwise nodes share a launch.
#include <algorithm>

#include "graph/plan.h"

namespace nngpu::graph {
namespace {

// A launch stays small enough for its tiles to live in the first-level cache.
constexpr int kMaxSteps = 40;
constexpr int kMaxTensors = 10;  // loads that are no numbers
constexpr size_t kMaxLoads = 20;

// The shape a group iterates over: the root's result, or what a reducing root reads.
const Shape& iteration_shape(const GraphView& graph, int32_t root) {
  const GraphView::Item& item = graph.items[root];
  if (item.node->kind == OpKind::Reduce) {
    const auto [input, output] = item.inputs[0];
    return graph.items[input].node->outputs[output].shape;
  }
  return item.node->outputs[0].shape;
}

struct Groups {
  const GraphView& graph;
  std::vector<int32_t> group;                   // the root of each item
  std::vector<std::vector<int32_t>> consumers;  // items that read an item
  std::vector<int> steps;                       // of each root's group
  std::vector<std::vector<uint64_t>> loads;     // of each root's group: what it reads from outside

  explicit Groups(const GraphView& view)
      : graph(view),
        group(view.items.size(), -1),
        consumers(view.items.size()),
        steps(view.items.size(), 0),
        loads(view.items.size()) {
    for (size_t i = 0; i < graph.items.size(); ++i) {
      for (const auto& [input, output] : graph.items[i].inputs)
        consumers[input].push_back(static_cast<int32_t>(i));
    }
  }

  // The one group that reads all of item's result at full shape, or -1. Since every member's consumers lie inside,
  // no path leaves a group but from its root, and merging can make no cycle.
  int32_t consuming_group(int32_t item) const {
    int32_t root = -1;
    for (int32_t consumer : consumers[item]) {
      if (group[consumer] < 0) return -1;
      if (root >= 0 && group[consumer] != root) return -1;
      root = group[consumer];
    }
    if (root < 0) return -1;
    const bool reduces = graph.items[root].node->kind == OpKind::Reduce;
    if (graph.items[item].escapes && reduces) return -1;
    if (!(graph.items[item].node->outputs[0].shape == iteration_shape(graph, root))) return -1;
    return steps[root] + 1 > kMaxSteps || !fits(loads_with(root, item)) ? -1 : root;
  }

  static uint64_t key(int32_t item, uint32_t output) { return static_cast<uint64_t>(item) << 8 | output; }

  // The loads of a group that an item joins: what the item reads takes its place.
  std::vector<uint64_t> loads_with(int32_t root, int32_t item) const {
    std::vector<uint64_t> result = loads[root];
    result.erase(std::remove(result.begin(), result.end(), key(item, 0)), result.end());
    for (const auto& [source, output] : graph.items[item].inputs) {
      if (std::find(result.begin(), result.end(), key(source, output)) == result.end())
        result.push_back(key(source, output));
    }
    return result;
  }

  bool fits(const std::vector<uint64_t>& list) const {
    const auto is_tensor = [&](uint64_t load) { return !is_number(*graph.items[load >> 8].node); };
    return list.size() <= kMaxLoads && std::count_if(list.begin(), list.end(), is_tensor) <= kMaxTensors;
  }

  void place(int32_t item) {
    const OpKind kind = graph.items[item].node->kind;
    int32_t root = item;
    if (kind == OpKind::Elementwise) {
      const int32_t joined = consuming_group(item);
      if (joined >= 0) root = joined;
    }
    group[item] = root;
    steps[root] += 1;
    loads[root] = loads_with(root, item);
  }
};

}  // namespace

std::vector<int32_t> fuse(const GraphView& graph) {
  Groups groups(graph);
  for (auto i = static_cast<int32_t>(graph.items.size()) - 1; i >= 0; --i) {
    const GraphView::Item& item = graph.items[i];
    const bool fusible = item.node->kind == OpKind::Elementwise || item.node->kind == OpKind::Reduce;
    if (!item.is_input && fusible) groups.place(i);
  }
  return groups.group;
}

}  // namespace nngpu::graph
