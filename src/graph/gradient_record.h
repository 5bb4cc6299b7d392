// What nodes keep for gradients (src/autograd). A node is tracked if it has a record: it keeps its inputs after it
// has been computed, until backward() has used them.
#ifndef NNGPU_GRAPH_GRADIENT_RECORD_H_
#define NNGPU_GRAPH_GRADIENT_RECORD_H_

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::graph {

// Where backward() collects the gradient of a tensor or variable that asked for one.
struct GradientLeaf {
  std::mutex mutex;
  Tensor gradient;  // undefined: none; guarded by the mutex
  // Not so for the inputs of a function whose gradient is taken: their gradients are the function's result.
  bool collects = true;
};

// From the gradients of outputs (undefined: zero) to those of inputs.
using GradientRule = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

struct GradientRecord {
  std::shared_ptr<GradientLeaf> leaf;  // of a leaf
  GradientRule rule;                   // of a custom function's result, in place of the operation's own rule
  std::vector<Tensor> inputs;          // what `rule` gives gradients of
  bool released = false;               // backward() has passed: what is built on it has no gradients
};

// Whether operations on this thread record gradients (NoGrad).
bool gradients_enabled();
// Sets it and returns what it was.
bool set_gradients_enabled(bool enabled);

// Called with each node that is built on this thread, if set (anomaly mode). Returns the one before.
using NodeHook = void (*)(const Tensor& first_output);
NodeHook node_hook();
NodeHook set_node_hook(NodeHook hook);

// Whether a tracked node is a leaf that collects.
bool is_leaf(const Node& node);
// Whether a gradient can flow into the tensor.
bool is_tracked(const Tensor& tensor);
// Gives a new node a record if one of its inputs is tracked.
void record_gradient(Node& node, std::span<const Tensor> inputs);
// Gives a node a record of its own making.
void set_record(Node& node, std::unique_ptr<GradientRecord> record);
// Ends the records of nodes: their inputs are dropped where they are computed. `forget`: as if there had never
// been any; otherwise what is built on them says that their gradients are gone.
void end_records(const std::vector<NodePtr>& nodes, bool forget);

// The nodes that get records on this thread while it lives, for checkpoints. Nests.
class RecordedNodes {
 public:
  RecordedNodes();
  ~RecordedNodes();
  RecordedNodes(const RecordedNodes&) = delete;
  RecordedNodes& operator=(const RecordedNodes&) = delete;

  void add(Node* node) { nodes_.emplace_back(node); }
  // Those that are no leaves.
  std::vector<NodePtr> interior() const;
  // The tracked tensors that they read and that are leaves or older.
  std::vector<Tensor> sources() const;

 private:
  std::vector<NodePtr> nodes_;
  RecordedNodes* outer_;
};

// Replaces a leaf's gradient.
void collect_gradient(const std::shared_ptr<GradientLeaf>& leaf, const Tensor& gradient);

// A node of the tensor's value that is a leaf.
Tensor make_leaf(const Tensor& value, std::shared_ptr<GradientLeaf> leaf);
// The same for an input of a function whose gradient is taken.
Tensor make_input_leaf(const Tensor& value);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_GRADIENT_RECORD_H_
