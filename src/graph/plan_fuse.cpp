// Fusion: which elementwise nodes share a launch.
#include "graph/plan.h"

namespace nngpu::graph {
namespace {

// A launch stays small enough for its tiles to live in the first-level cache.
constexpr int kMaxSteps = 40;
constexpr int kMaxLoads = 10;

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
  std::vector<int> steps, loads;                // of each root's group

  explicit Groups(const GraphView& view)
      : graph(view),
        group(view.items.size(), -1),
        consumers(view.items.size()),
        steps(view.items.size(), 0),
        loads(view.items.size(), 0) {
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
    const int more_loads = static_cast<int>(graph.items[item].inputs.size()) - 1;
    if (steps[root] + 1 > kMaxSteps || loads[root] + more_loads > kMaxLoads) return -1;
    return root;
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
    loads[root] += static_cast<int>(graph.items[item].inputs.size()) - (root == item ? 0 : 1);
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
