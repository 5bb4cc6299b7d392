#include "graph/evaluate.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <new>
#include <unordered_set>

#include "graph/collect.h"
#include "graph/deferred.h"
#include "graph/plan_cache.h"
#include "graph/stats.h"
#include "graph/trace.h"

namespace nngpu::graph {
namespace {

// One lock guards collecting, claiming and publishing; plans run outside it.
struct Engine {
  std::mutex mutex;
  std::condition_variable published;
  PlanCache<const Plan> plans{512};
  // Of the evaluation that holds the lock, kept for the next one.
  std::vector<Node*> roots;
  KeyWords key;

  void trim() {
    constexpr size_t kKept = 16384;
    if (roots.capacity() > kKept) roots = {};
    if (key.capacity() > kKept) key = {};
  }
};
Engine& engine() {
  static auto* instance = new Engine;  // tensors may outlive static destructors
  return *instance;
}

// The slots' values for this graph.
std::vector<Binding> bind(const Plan& plan, const GraphView& graph) {
  std::vector<Binding> bindings(plan.slots.size());
  uint32_t index = 0;  // of an input's outputs, which have slots side by side and in order
  for (size_t i = 0; i < plan.slots.size(); ++i) {
    const Slot& slot = plan.slots[i];
    if (slot.kind != SlotKind::Input && slot.kind != SlotKind::Constant) continue;
    const GraphView::Item& item = graph.items[slot.item];
    if (slot.kind == SlotKind::Constant) {
      bindings[i].constant = item.node->params.as<ConstantParams>().bits;
      continue;
    }
    index = i > 0 && plan.slots[i - 1].item == slot.item ? index + 1 : 0;
    const Output& output = item.node->outputs[index];
    if (!output.value.buffer) continue;
    bindings[i].buffer = output.value.buffer;
    bindings[i].address =
        output.value.buffer->data + output.value.offset * static_cast<int64_t>(dtype_size(output.dtype));
    bindings[i].donate = item.donated;
  }
  return bindings;
}

class Evaluation {
 public:
  explicit Evaluation(std::vector<NodePtr> roots, bool keep_recipes = true)
      : roots_(std::move(roots)), keep_recipes_(keep_recipes) {}

  void run() {
    while (prepare()) {
      RunResult result;
      try {
        result = run_plan(*plan_, *backend_, bindings_);
      } catch (const OutOfMemoryError&) {
        abandon();
        if (partners_.empty()) throw;
        alone_ = true;  // what was asked for may still fit
        partners_.clear();
        continue;
      } catch (...) {
        abandon();
        throw;
      }
      return publish(result, DeferredErrors::of(plan_, result, unknown_inputs()));
    }
  }

 private:
  // Collects, plans and claims; false if nothing is pending.
  bool prepare() {
    std::unique_lock lock(engine().mutex);
    while (!collect()) engine().published.wait(lock);
    bool any = false;
    for (const GraphView::Item& item : graph_.items) any = any || item.escapes;
    if (!any) return false;
    backend_ = &backend_for(graph_.device);
    KeyWords& key = engine().key;
    plan_key(graph_, key);
    plan_ = engine().plans.find(key);
    if (plan_) {
      counters().cache_hits.fetch_add(1, std::memory_order_relaxed);
    } else {
      plan_ = build_plan(graph_, *backend_);
      counters().plans_built.fetch_add(1, std::memory_order_relaxed);
      engine().plans.insert(key, plan_);
    }
    engine().trim();
    bindings_ = bind(*plan_, graph_);
    for (const GraphView::Item& item : graph_.items) {
      if (!item.is_input && item.node->kind != OpKind::Constant) item.node->claimed = true;
    }
    return true;
  }

  // With the lock held; false where another thread computes something this needs.
  bool collect() {
    Collector collector;
    std::vector<Node*>& roots = engine().roots;
    roots.clear();
    for (const NodePtr& root : roots_) {
      if (root->state.load(std::memory_order_acquire) != State::Pending) continue;
      if (!collector.add(root.get())) return false;
      roots.push_back(root.get());
    }
    if (roots.empty()) {
      graph_ = {};
      return true;
    }
    if (!alone_) partners_ = Context::current().batch_partners(collector.view());
    for (const NodePtr& partner : partners_) {
      const bool same_device = partner->device == collector.view().device;
      if (same_device && collector.add(partner.get())) roots.push_back(partner.get());
    }
    collector.decide_escapes(roots, keep_recipes_);
    graph_ = std::move(collector.view());
    for (const GraphView::Item& item : graph_.items) item.node->mark = -1;
    return true;
  }

  std::vector<DeferredErrors::Source> unknown_inputs() const {
    std::vector<DeferredErrors::Source> sources;
    for (size_t i = 0; i < graph_.items.size(); ++i) {
      const Node& node = *graph_.items[i].node;
      if (graph_.items[i].is_input && node.deferred != nullptr)
        sources.push_back({static_cast<int32_t>(i), node.deferred, node.deferred_item});
    }
    return sources;
  }

  void publish(const RunResult& result, const std::shared_ptr<DeferredErrors>& deferred) {
    std::vector<std::vector<Edge>> dropped;  // released after the lock
    std::lock_guard lock(engine().mutex);
    for (const Escape& escape : plan_->escapes) set_value(escape, result);
    for (size_t i = 0; i < graph_.items.size(); ++i) {
      Node* node = graph_.items[i].node;
      if (graph_.items[i].is_input || node->kind == OpKind::Constant) {
        if (graph_.items[i].escapes) node->state.store(State::Ready, std::memory_order_release);
        continue;
      }
      node->claimed = false;
      const bool failed = !result.item_errors.empty() && result.item_errors[i];
      if (failed) node->error = result.item_errors[i];
      if (!failed && graph_.items[i].escapes && deferred != nullptr &&
          deferred->may_fail(static_cast<int32_t>(i))) {
        node->deferred = deferred;
        node->deferred_item = static_cast<int32_t>(i);
      }
      if (failed || graph_.items[i].escapes) settle(node, failed ? State::Failed : State::Ready, dropped);
    }
    engine().published.notify_all();
  }

  void set_value(const Escape& escape, const RunResult& result) {
    const Slot& slot = plan_->slots[escape.value.slot];
    Node& node = *graph_.items[escape.item].node;
    // Constants are not claimed: another thread may have been first, and its value may be in use.
    if (node.state.load(std::memory_order_acquire) != State::Pending) return;
    Value& value = node.outputs[escape.output].value;
    const auto size = static_cast<int64_t>(dtype_size(escape.value.dtype));
    if (slot.kind == SlotKind::Input) {
      const Binding& source = bindings_[escape.value.slot];
      value = {source.buffer, (source.address - source.buffer->data) / size + escape.value.offset,
               escape.value.strides};
    } else {
      value = {result.outputs[escape.value.slot], escape.value.offset, escape.value.strides};
    }
  }

  static void settle(Node* node, State state, std::vector<std::vector<Edge>>& dropped) {
    node->state.store(state, std::memory_order_release);
    if (!node->gradient || node->gradient->released) {
      dropped.push_back(std::move(node->inputs));
      node->inputs.clear();
    }
    if (node->context != nullptr) node->context->unlink(node);
  }

  // Nothing was computed: the nodes are pending again.
  void abandon() {
    std::lock_guard lock(engine().mutex);
    for (const GraphView::Item& item : graph_.items) item.node->claimed = false;
    engine().published.notify_all();
  }

  std::vector<NodePtr> roots_;
  std::vector<NodePtr> partners_;
  bool keep_recipes_;
  bool alone_ = false;  // without partners
  GraphView graph_;
  std::shared_ptr<const Plan> plan_;
  std::vector<Binding> bindings_;
  Backend* backend_ = nullptr;
};

// A plan runs on one device: one evaluation for each.
void run_by_device(std::vector<NodePtr> roots, bool keep_recipes = true) {
  while (!roots.empty()) {
    const Device device = roots.front()->device;
    const auto others = std::stable_partition(roots.begin(), roots.end(),
                                              [&](const NodePtr& root) { return root->device == device; });
    std::vector<NodePtr> rest(std::make_move_iterator(others), std::make_move_iterator(roots.end()));
    roots.erase(others, roots.end());
    Evaluation(std::move(roots), keep_recipes).run();
    roots = std::move(rest);
  }
}

void add_changed_variables(std::vector<NodePtr>& roots) {
  for (const auto& cell : Context::current().take_changed()) {
    std::lock_guard lock(cell->mutex);
    const NodePtr& node = cell->value.node();
    if (!node->traced) roots.push_back(node);
  }
}

}  // namespace

void evaluate(std::span<const Tensor> targets) {
  std::vector<NodePtr> roots;
  for (const Tensor& target : targets) {
    require_defined("eval", target);
    if (target.node()->traced) {
      throw ValueError("[eval] a value inside a compiled function has no data while the function is traced");
    }
    if (target.node()->state.load(std::memory_order_acquire) == State::Pending) roots.push_back(target.node());
  }
  if (roots.empty()) return;
  add_changed_variables(roots);
  run_by_device(std::move(roots));
}

const Value& computed_value(const Tensor& tensor) {
  require_defined("read", tensor);
  Node& node = *tensor.node();
  if (node.state.load(std::memory_order_acquire) == State::Pending) evaluate({&tensor, 1});
  if (node.state.load(std::memory_order_acquire) == State::Failed) std::rethrow_exception(node.error);
  if (node.deferred != nullptr) {
    if (const std::exception_ptr error = node.deferred->known_error(node.deferred_item))
      std::rethrow_exception(error);
  }
  return node.outputs[tensor.output()].value;
}

const Value& read_value(const Tensor& tensor) {
  const Value& value = computed_value(tensor);
  const Node& node = *tensor.node();
  if (node.deferred != nullptr) {
    if (const std::exception_ptr error = node.deferred->error(node.deferred_item)) std::rethrow_exception(error);
  }
  return value;
}

void run_pending(Context& context) {
  std::vector<NodePtr> roots;
  {
    std::lock_guard lock(engine().mutex);
    roots = context.sinks();
  }
  add_changed_variables(roots);
  // Recipes would leave the thread with as many pending nodes as before.
  run_by_device(std::move(roots), false);
}

namespace {
// Pending values from outside that a traced function uses.
std::vector<Tensor> captured_values(const std::vector<Tensor>& roots) {
  std::vector<Tensor> captured;
  std::vector<Node*> stack;
  std::unordered_set<Node*> seen;
  for (const Tensor& root : roots) stack.push_back(root.node().get());
  while (!stack.empty()) {
    Node* node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second) continue;
    if (!node->traced) {
      const bool pending = node->state.load(std::memory_order_acquire) == State::Pending;
      if (pending && node->kind != OpKind::Constant) captured.emplace_back(NodePtr(node));
      continue;
    }
    for (const Edge& edge : node->inputs) stack.push_back(edge.node.get());
  }
  return captured;
}
}  // namespace

GraphView collect_traced(const std::vector<Tensor>& roots) {
  evaluate(captured_values(roots));
  std::lock_guard lock(engine().mutex);
  Collector collector;
  for (const Tensor& root : roots) {
    collector.add(root.node().get());
    // It reads a captured value that failed.
    if (root.node()->state.load(std::memory_order_acquire) == State::Failed)
      std::rethrow_exception(root.node()->error);
  }
  GraphView view = collector.view();
  for (const Tensor& root : roots) {
    if (root.node()->mark >= 0) view.items[root.node()->mark].escapes = true;
  }
  return view;
}

void end_records(const std::vector<NodePtr>& nodes, bool forget) {
  std::vector<std::vector<Edge>> dropped;  // both released after the lock
  std::vector<GradientRecord> ended;
  std::lock_guard lock(engine().mutex);
  for (const NodePtr& node : nodes) {
    if (!node->gradient) continue;
    ended.push_back(std::move(*node->gradient));
    if (forget) {
      node->gradient.reset();
    } else {
      *node->gradient = {};
      node->gradient->released = true;
    }
    if (node->state.load(std::memory_order_acquire) == State::Pending) continue;
    dropped.push_back(std::move(node->inputs));
    node->inputs.clear();
  }
}

std::string describe_pending(const Tensor& tensor) {
  std::unique_lock lock(engine().mutex);
  while (true) {
    {
      Collector collector;  // gone, with its marks, before the lock is
      if (collector.add(tensor.node().get())) {
        collector.decide_escapes({tensor.node().get()});
        const GraphView& graph = collector.view();
        return describe(*build_plan(graph, backend_for(graph.device)), graph);
      }
    }
    engine().published.wait(lock);
  }
}

Counters& counters() {
  static Counters instance;
  return instance;
}

}  // namespace nngpu::graph
