// Collecting: from tensors to the graph view of what must run for them.
#ifndef NNGPU_GRAPH_COLLECT_H_
#define NNGPU_GRAPH_COLLECT_H_

#include "graph/plan.h"

namespace nngpu::graph {

// Collects pending ancestors in topological order. The caller holds the evaluation lock for the life of a
// Collector, which numbers nodes by Node::mark.
class Collector {
 public:
  Collector();
  ~Collector();  // clears the marks
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Adds `root` and what it needs. Returns false, adding nothing more, where a node is being computed by another
  // thread. Nodes that read a failed one become failed.
  bool add(Node* root);
  // Decides what is kept: `roots`, and what else outlives the plan (DESIGN: a live handle to an interior
  // elementwise node keeps its recipe unless that would pin memory that could be freed). Without `keep_recipes`
  // all live handles but those of repeated values get theirs.
  void decide_escapes(const std::vector<Node*>& roots, bool keep_recipes = true);
  GraphView& view() { return view_; }

 private:
  void finish(Node* node);
  GraphView view_;
};

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_COLLECT_H_
