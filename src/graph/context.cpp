#include "graph/context.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "graph/layout.h"
#include "graph/plan.h"

namespace nngpu::graph {
namespace {

// Views take no memory of their own.
int64_t node_bytes(const Node& node) {
  int64_t bytes = 0;
  if (is_view(node.kind)) return bytes;
  for (const Output& output : node.outputs) {
    bytes += numel(output.shape) * static_cast<int64_t>(dtype_size(output.dtype));
  }
  return bytes;
}

// A node that is being destroyed is still linked until its destructor gets the lock: take only living ones.
bool retain_if_alive(Node* node) {
  int64_t references = node->references.load(std::memory_order_relaxed);
  while (references > 0) {
    if (node->references.compare_exchange_weak(references, references + 1)) return true;
  }
  return false;
}

NodePtr adopt(Node* node) {
  NodePtr pointer(node);
  node->references.fetch_sub(1);  // the one retain_if_alive took
  return pointer;
}

// Contexts outlive their threads, since nodes refer to them; a new thread takes over one that is free.
struct Contexts {
  std::mutex mutex;
  std::vector<Context*> free;
};
Contexts& contexts() {
  static auto* instance = new Contexts;  // never destroyed: threads may end after static destructors
  return *instance;
}

struct Lease {
  Context* context;
  Lease() {
    std::lock_guard lock(contexts().mutex);
    if (contexts().free.empty()) {
      context = new Context;
    } else {
      context = contexts().free.back();
      contexts().free.pop_back();
    }
  }
  ~Lease() {
    std::lock_guard lock(contexts().mutex);
    contexts().free.push_back(context);
  }
};

}  // namespace

Context& Context::current() {
  thread_local Lease lease;
  return *lease.context;
}

bool Context::link(Node* node) {
  const int64_t bytes = node_bytes(*node);
  std::lock_guard lock(mutex_);
  node->context = this;
  node->previous = nullptr;
  node->next = head_;
  if (head_ != nullptr) head_->previous = node;
  head_ = node;
  ++count_;
  bytes_ += bytes;
  if (is_batchable(*node)) ++batchable_;
  return count_ > kMaxPendingNodes || bytes_ > kMaxPendingBytes;
}

void Context::unlink(Node* node) {
  const int64_t bytes = node_bytes(*node);
  std::lock_guard lock(mutex_);
  if (node->context == nullptr) return;
  (node->previous != nullptr ? node->previous->next : head_) = node->next;
  if (node->next != nullptr) node->next->previous = node->previous;
  node->context = nullptr;
  --count_;
  bytes_ -= bytes;
  if (is_batchable(*node)) --batchable_;
}

template <class Visit>
void Context::for_each_alive(const Visit& visit) {
  for (Node* node = head_; node != nullptr; node = node->next) {
    if (node->state.load(std::memory_order_acquire) == State::Pending) visit(node);
  }
}

std::vector<NodePtr> Context::sinks() {
  std::vector<NodePtr> result;
  std::lock_guard lock(mutex_);
  std::unordered_set<Node*> consumed;
  for_each_alive([&](Node* node) {
    for (const Edge& edge : node->inputs) consumed.insert(edge.node.get());
  });
  for_each_alive([&](Node* node) {
    if (consumed.count(node) == 0 && retain_if_alive(node)) result.push_back(adopt(node));
  });
  return result;
}

std::vector<NodePtr> Context::batch_partners(const GraphView& graph) {
  std::vector<NodePtr> result;
  const auto collected = [](const GraphView::Item& item) { return !item.is_input && is_batchable(*item.node); };
  const auto own = [&](const GraphView::Item& item) { return collected(item) && item.node->context == this; };
  std::lock_guard lock(mutex_);
  if (batchable_ == std::count_if(graph.items.begin(), graph.items.end(), own)) return result;
  std::vector<Node*> kinds;  // one node a distinct signature
  for (const GraphView::Item& item : graph.items) {
    if (!collected(item)) continue;
    Node* node = item.node;
    const auto same = [&](Node* other) { return same_signature(*node, *other) && node->depth == other->depth; };
    if (kinds.size() < 16 && std::none_of(kinds.begin(), kinds.end(), same)) kinds.push_back(node);
  }
  if (kinds.empty()) return result;
  for_each_alive([&](Node* node) {
    if (!is_batchable(*node)) return;
    const auto fits = [&](Node* other) {
      return node != other && node->depth == other->depth && same_signature(*node, *other);
    };
    if (std::any_of(kinds.begin(), kinds.end(), fits) && retain_if_alive(node)) result.push_back(adopt(node));
  });
  return result;
}

void Context::mark_changed(const std::shared_ptr<Variable::Cell>& cell) {
  std::lock_guard lock(mutex_);
  for (const auto& known : changed_) {
    if (known.lock() == cell) return;
  }
  changed_.push_back(cell);
}

std::vector<std::shared_ptr<Variable::Cell>> Context::take_changed() {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Variable::Cell>> cells;
  for (const auto& weak : changed_) {
    if (auto cell = weak.lock()) cells.push_back(std::move(cell));
  }
  changed_.clear();
  return cells;
}

bool is_batchable(const Node& node) {
  switch (node.kind) {
    case OpKind::Matmul:
    case OpKind::LuFactor:
    case OpKind::LuSolve:
    case OpKind::Cholesky:
    case OpKind::Inverse:
    case OpKind::Solve:
    case OpKind::Qr:
    case OpKind::Eigh:
    case OpKind::Svd:
      return numel(node.outputs[0].shape) <= kBatchElements;
    default:
      return false;
  }
}

bool same_signature(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.params.count() != b.params.count() || a.inputs.size() != b.inputs.size()) return false;
  if (!std::equal(a.params.words(), a.params.words() + a.params.count(), b.params.words())) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    const Output& x = a.inputs[i].node->outputs[a.inputs[i].output];
    const Output& y = b.inputs[i].node->outputs[b.inputs[i].output];
    if (x.dtype != y.dtype || !(x.shape == y.shape)) return false;
  }
  return true;
}

}  // namespace nngpu::graph
