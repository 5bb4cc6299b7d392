#include "autograd/walk.h"

#include <unordered_map>
#include <unordered_set>

#include "autograd/slice_parts.h"
#include "core/fail.h"
#include "graph/infer.h"
#include "graph/trace.h"
#include "nngpu/amp.h"
#include "ops/elementwise.h"

namespace nngpu::autograd {
namespace {

using graph::Node;
using graph::NodePtr;

thread_local std::string current_operation;

// Puts the name back when a walk ends, by an error, too.
class NamingOperation {
 public:
  NamingOperation() = default;
  ~NamingOperation() { current_operation = std::move(before_); }
  NamingOperation(const NamingOperation&) = delete;
  NamingOperation& operator=(const NamingOperation&) = delete;

 private:
  std::string before_ = current_operation;
};

class GradientsEnabled {
 public:
  explicit GradientsEnabled(bool enabled) : before_(graph::set_gradients_enabled(enabled)) {}
  ~GradientsEnabled() { graph::set_gradients_enabled(before_); }
  GradientsEnabled(const GradientsEnabled&) = delete;
  GradientsEnabled& operator=(const GradientsEnabled&) = delete;

 private:
  bool before_;
};

std::string name_of(const Node& node) { return graph::operation_name(node.kind, node.params); }

// What a node's gradients go to.
size_t source_count(const Node& node) {
  return node.gradient->rule ? node.gradient->inputs.size() : node.inputs.size();
}
Tensor source(const Node& node, size_t i) {
  if (node.gradient->rule) return node.gradient->inputs[i];
  return Tensor(node.inputs[i].node, node.inputs[i].output);
}

class Walk {
 public:
  // Without targets: to every leaf.
  Walk(const std::vector<Tensor>& outputs, const std::vector<Tensor>* targets, const WalkOptions& options)
      : to_leaves_(targets == nullptr), through_targets_(options.through_targets) {
    if (targets != nullptr)
      for (const Tensor& target : *targets) targets_.insert(target.node().get());
    for (const Tensor& leaf : options.owned) owned_.insert(leaf.node().get());
    for (const Tensor& output : outputs)
      if (graph::is_tracked(output)) visit(output.node());
  }

  void seed(const Tensor& output, const Tensor& gradient) {
    if (graph::is_tracked(output) && gradient.defined()) add(output, gradient);
  }

  // Whether some node depends on a leaf that is no target.
  bool has_outer() const { return has_outer_; }

  void run() {
    const NamingOperation naming;
    for (size_t i = order_.size(); i-- > 0;) {
      join_slices(order_[i]);
      const auto found = gradients_.find(order_[i].get());
      if (found == gradients_.end() || is_stop(order_[i].get())) continue;
      step(order_[i], found->second);
      if (!graph::is_leaf(*order_[i]) && targets_.count(order_[i].get()) == 0) gradients_.erase(order_[i].get());
    }
  }

  Tensor gradient_of(const Tensor& target) const {
    const auto found = gradients_.find(target.node().get());
    return found == gradients_.end() ? Tensor() : found->second[target.output()];
  }

  size_t collect() {
    size_t count = 0;
    for (const NodePtr& node : order_) {
      if (!graph::is_leaf(*node)) continue;
      ++count;
      const Tensor gradient = gradient_of(Tensor(node));
      if (gradient.defined()) accumulate(node->gradient->leaf, gradient);
    }
    return count;
  }

  // The nodes between outputs and leaves.
  std::vector<NodePtr> interior() const {
    std::vector<NodePtr> nodes;
    for (const NodePtr& node : order_)
      if (!graph::is_leaf(*node)) nodes.push_back(node);
    return nodes;
  }
  // Those that depend on no other leaves than the targets; of the targets, those that are owned.
  std::vector<NodePtr> own() const {
    std::vector<NodePtr> nodes;
    for (const NodePtr& node : order_) {
      const bool foreign = targets_.count(node.get()) != 0 && owned_.count(node.get()) == 0;
      if (!foreign && outer_.count(node.get()) == 0) nodes.push_back(node);
    }
    return nodes;
  }

 private:
  bool is_stop(Node* node) const {
    return owned_.count(node) != 0 || (!through_targets_ && targets_.count(node) != 0);
  }

  // Depth first, with a stack of its own: inputs before what reads them.
  void visit(const NodePtr& root) {
    std::vector<std::pair<NodePtr, size_t>> stack;
    if (seen_.insert(root.get()).second) stack.emplace_back(root, 0);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (node->gradient->released)
        throw GradientError(std::string("[backward] the graph of ") + name_of(*node) +
                            " is gone: an earlier backward freed it (retain_graph keeps it)");
      if (!is_stop(node.get()) && next < source_count(*node)) {
        const Tensor input = source(*node, next++);
        if (graph::is_tracked(input) && seen_.insert(input.node().get()).second)
          stack.emplace_back(input.node(), 0);
        continue;
      }
      finish(node);
      stack.pop_back();
    }
  }

  void finish(const NodePtr& node) {
    const bool stops = is_stop(node.get());
    bool outer = node->gradient->leaf != nullptr && !stops;
    bool needed = to_leaves_ || targets_.count(node.get()) != 0;
    for (size_t i = 0; !stops && i < source_count(*node); ++i) {
      Node* input = source(*node, i).node().get();
      outer = outer || outer_.count(input) != 0;
      needed = needed || needed_.count(input) != 0;
    }
    // A leaf of this walk that is computed from what others want gradients of.
    for (size_t i = 0; stops && i < source_count(*node); ++i) outer = outer || graph::is_tracked(source(*node, i));
    if (outer) outer_.insert(node.get());
    if (needed) needed_.insert(node.get());
    has_outer_ = has_outer_ || outer;
    order_.push_back(node);
  }

  void add(const Tensor& to, const Tensor& gradient) {
    if (needed_.count(to.node().get()) == 0) return;
    auto& slots = gradients_[to.node().get()];
    slots.resize(to.node()->outputs.size());
    Tensor& slot = slots[to.output()];
    slot = slot.defined() ? slot + gradient : gradient;
  }

  // The gradients of slices wait until all of them have come.
  void join_slices(const NodePtr& node) {
    const auto found = slices_.find(node.get());
    if (found == slices_.end()) return;
    current_operation = graph::op_name(graph::OpKind::Slice);
    for (uint32_t output = 0; output < found->second.size(); ++output) {
      const Tensor of(node, output);
      std::vector<SlicePart>& parts = found->second[output];
      if (!parts.empty()) add(of, gradient_of_slices(of, std::move(parts)));
    }
    slices_.erase(found);
  }

  void add_slice(const Node& slice, const Tensor& gradient) {
    const Tensor from = source(slice, 0);
    if (!graph::is_tracked(from) || needed_.count(from.node().get()) == 0) return;
    auto& lists = slices_[from.node().get()];
    lists.resize(from.node()->outputs.size());
    lists[from.output()].push_back({slice.params.as<graph::SliceParams>(), gradient});
  }

  void step(const NodePtr& node, const Gradients& gradients) {
    current_operation = name_of(*node);
    if (node->kind == graph::OpKind::Slice && !node->gradient->rule) return add_slice(*node, gradients[0]);
    const Gradients results =
        node->gradient->rule ? node->gradient->rule(gradients) : input_gradients(Call(node, gradients));
    for (size_t i = 0; i < results.size(); ++i) {
      const Tensor input = source(*node, i);
      if (results[i].defined() && graph::is_tracked(input)) add(input, results[i]);
    }
  }

  static void accumulate(const std::shared_ptr<graph::GradientLeaf>& leaf, const Tensor& gradient) {
    Tensor before;
    {
      std::lock_guard lock(leaf->mutex);
      before = leaf->gradient;
    }
    const bool tracing = graph::Trace::current() != nullptr;
    if (before.defined() && tracing && !before.node()->traced) {
      throw GradientError(
          "[backward] a gradient from outside a compiled function is left: call zero_grad() before it");
    }
    graph::collect_gradient(leaf, before.defined() ? before + gradient : gradient);
  }

  const bool to_leaves_, through_targets_;
  std::unordered_set<Node*> targets_, owned_;  // where the walk stops
  std::vector<NodePtr> order_;                 // inputs first
  std::unordered_set<Node*> seen_, outer_, needed_;
  bool has_outer_ = false;
  std::unordered_map<Node*, Gradients> gradients_;
  std::unordered_map<Node*, std::vector<std::vector<SlicePart>>> slices_;  // of each output
};

}  // namespace

const std::string& operation_of_gradient() { return current_operation; }

Gradients walk_to(const std::vector<Tensor>& targets, const std::vector<Tensor>& outputs, const Gradients& seeds,
                  const WalkOptions& options) {
  Walk walk(outputs, &targets, options);
  {
    const bool record = options.record || (options.record_if_outer && walk.has_outer());
    const GradientsEnabled mode(record && graph::gradients_enabled());
    const Autocast off(DType::BF16, false);  // gradients have the types of what they belong to
    for (size_t i = 0; i < outputs.size(); ++i) walk.seed(outputs[i], seeds[i]);
    walk.run();
  }
  Gradients result;
  for (const Tensor& target : targets) result.push_back(walk.gradient_of(target));
  if (options.records == WalkOptions::Records::End) graph::end_records(walk.interior(), false);
  if (options.records == WalkOptions::Records::Forget) graph::end_records(walk.own(), true);
  return result;
}

size_t walk_to_leaves(const Tensor& output, const Tensor& seed, const WalkOptions& options) {
  Walk walk({output}, nullptr, options);
  size_t count = 0;
  {
    const GradientsEnabled mode(options.record);
    const Autocast off(DType::BF16, false);
    walk.seed(output, seed);
    walk.run();
    count = walk.collect();
  }
  if (options.records == WalkOptions::Records::End) graph::end_records(walk.interior(), false);
  return count;
}

}  // namespace nngpu::autograd
