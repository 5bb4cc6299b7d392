// The pending nodes and changed variables of one thread.
#ifndef NNGPU_GRAPH_CONTEXT_H_
#define NNGPU_GRAPH_CONTEXT_H_

#include <memory>
#include <mutex>
#include <vector>

#include "graph/node.h"

namespace nngpu {

struct Variable::Cell {
  mutable std::mutex mutex;
  Tensor value;                               // guarded by the mutex, as are the next two
  std::shared_ptr<graph::GradientLeaf> leaf;  // null: no gradient is wanted
  Tensor tracked;                             // `value` as a leaf, once it was read
  Shape shape;                                // of every value it ever holds
  DType dtype = DType::F32;
  Device device;

  // With the mutex held. Returns what may be the last handles of the old value: released without it.
  std::pair<Tensor, Tensor> set(const Tensor& next) {
    return {std::exchange(value, next), std::exchange(tracked, Tensor())};
  }
};

namespace graph {

// Building a graph without ever reading it must not grow without bound: beyond these a thread's pending nodes run.
inline constexpr int64_t kMaxPendingNodes = 4096;
inline constexpr int64_t kMaxPendingBytes = int64_t{8} << 30;  // of the pending results

struct GraphView;

class Context {
 public:
  // Returns whether there are now too many pending nodes.
  bool link(Node* node);
  void unlink(Node* node);
  // Pending nodes that nothing pending consumes, retained.
  std::vector<NodePtr> sinks();
  // Pending nodes outside `graph` that could batch with one in it: same kind, parameters, operand types and depth.
  std::vector<NodePtr> batch_partners(const GraphView& graph);

  void mark_changed(const std::shared_ptr<Variable::Cell>& cell);
  // The variables assigned since their last evaluation; forgets them.
  std::vector<std::shared_ptr<Variable::Cell>> take_changed();

  static Context& current();

 private:
  template <class Visit>
  void for_each_alive(const Visit& visit);

  std::mutex mutex_;
  Node* head_ = nullptr;
  int64_t count_ = 0;
  int64_t bytes_ = 0;
  int64_t batchable_ = 0;
  std::vector<std::weak_ptr<Variable::Cell>> changed_;
};

// Up to this many elements a result is "small": launching costs as much as computing.
inline constexpr int64_t kBatchElements = 128 * 128;

// Whether independent nodes of this kind and size run as one launch.
bool is_batchable(const Node& node);
// Whether two batchable nodes may share a launch, their operands' layouts aside.
bool same_signature(const Node& a, const Node& b);

}  // namespace graph
}  // namespace nngpu

#endif  // NNGPU_GRAPH_CONTEXT_H_
