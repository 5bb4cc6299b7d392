#include "graph/gradient_record.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "graph/node.h"
#include "graph/trace.h"

namespace nngpu::graph {
namespace {
thread_local bool enabled = true;
thread_local NodeHook hook = nullptr;
thread_local RecordedNodes* recorded_nodes = nullptr;
}  // namespace

bool gradients_enabled() { return enabled; }
bool set_gradients_enabled(bool value) { return std::exchange(enabled, value); }
NodeHook node_hook() { return hook; }
NodeHook set_node_hook(NodeHook value) { return std::exchange(hook, value); }

bool is_tracked(const Tensor& tensor) {
  return tensor.node()->gradient != nullptr && is_floating(tensor.node()->outputs[tensor.output()].dtype);
}

bool is_leaf(const Node& node) { return node.gradient->leaf != nullptr && node.gradient->leaf->collects; }

void record_gradient(Node& node, std::span<const Tensor> inputs) {
  bool tracked = false, released = false;
  for (const Tensor& input : inputs) {
    if (!is_tracked(input)) continue;
    tracked = true;
    released = released || input.node()->gradient->released;
  }
  if (!tracked) return;
  const auto floats = [](const Output& output) { return is_floating(output.dtype); };
  if (std::none_of(node.outputs.begin(), node.outputs.end(), floats)) return;
  auto record = std::make_unique<GradientRecord>();
  record->released = released;
  set_record(node, std::move(record));
}

void set_record(Node& node, std::unique_ptr<GradientRecord> record) {
  node.gradient = std::move(record);
  if (recorded_nodes != nullptr) recorded_nodes->add(&node);
}

RecordedNodes::RecordedNodes() : outer_(std::exchange(recorded_nodes, this)) {}

RecordedNodes::~RecordedNodes() {
  recorded_nodes = outer_;
  if (outer_ == nullptr) return;
  for (const NodePtr& node : nodes_)
    if (node->gradient) outer_->add(node.get());
}

std::vector<NodePtr> RecordedNodes::interior() const {
  std::vector<NodePtr> result;
  for (const NodePtr& node : nodes_)
    if (node->gradient && !is_leaf(*node)) result.push_back(node);
  return result;
}

std::vector<Tensor> RecordedNodes::sources() const {
  std::unordered_set<const Node*> own;
  for (const NodePtr& node : interior()) own.insert(node.get());
  std::vector<Tensor> result;
  const auto add_source = [&](const Tensor& tensor) {
    if (!is_tracked(tensor) || own.count(tensor.node().get()) != 0) return;
    for (const Tensor& known : result)
      if (known.node().get() == tensor.node().get() && known.output() == tensor.output()) return;
    result.push_back(tensor);
  };
  for (const NodePtr& node : interior()) {
    if (node->gradient->rule) {
      for (const Tensor& input : node->gradient->inputs) add_source(input);
    } else {
      for (const Edge& edge : node->inputs) add_source(Tensor(edge.node, edge.output));
    }
  }
  return result;
}

void collect_gradient(const std::shared_ptr<GradientLeaf>& leaf, const Tensor& gradient) {
  Tensor old;  // released after the lock
  Trace* trace = Trace::current();
  if (trace != nullptr && gradient.defined()) trace->collects(leaf);
  std::lock_guard lock(leaf->mutex);
  old = std::exchange(leaf->gradient, gradient);
}

Tensor make_leaf(const Tensor& value, std::shared_ptr<GradientLeaf> leaf) {
  const Tensor result = make_node(OpKind::Tie, TieParams{1}, {value});
  if (!result.node()->gradient) result.node()->gradient = std::make_unique<GradientRecord>();
  result.node()->gradient->leaf = std::move(leaf);
  return result;
}

Tensor make_input_leaf(const Tensor& value) {
  auto leaf = std::make_shared<GradientLeaf>();
  leaf->collects = false;
  return make_leaf(value, std::move(leaf));
}

}  // namespace nngpu::graph
