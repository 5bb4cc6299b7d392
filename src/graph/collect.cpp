#include "graph/collect.h"

#include "graph/layout.h"

namespace nngpu::graph {
namespace {

bool is_ready(const Node* node) {
  return node->kind != OpKind::Constant && node->state.load(std::memory_order_acquire) != State::Pending;
}

void fail(Node* node, std::exception_ptr error) {
  node->error = std::move(error);
  node->state.store(State::Failed, std::memory_order_release);
}

const Node* failed_input(const Node* node) {
  for (const Edge& edge : node->inputs) {
    if (edge.node->state.load(std::memory_order_acquire) == State::Failed) return edge.node.get();
  }
  return nullptr;
}

// Kept from one evaluation to the next, since most graphs are so small that allocating would cost as much as the
// walk; guarded by the evaluation lock, as the marks are.
struct Workspace {
  struct Fate {
    int64_t edges = 0;  // from inside the plan
    bool cheap_recipe = false, stays = false;
  };
  std::vector<std::pair<Node*, size_t>> stack;
  std::vector<Fate> fates;

  void trim() {
    constexpr size_t kKept = 16384;
    if (stack.capacity() > kKept) stack = {};
    if (fates.capacity() > kKept) fates = {};
  }
};
Workspace& workspace() {
  static auto* instance = new Workspace;  // threads may end after static destructors
  return *instance;
}

}  // namespace

Collector::Collector() { view_.items.reserve(8); }

Collector::~Collector() {
  for (const GraphView::Item& item : view_.items) item.node->mark = -1;
  workspace().trim();
}

// A depth-first walk with its own stack: graphs may be a million nodes deep.
bool Collector::add(Node* root) {
  if (root->mark >= 0 || root->state.load(std::memory_order_acquire) == State::Failed) return true;
  if (view_.items.empty()) view_.device = root->device;
  auto& stack = workspace().stack;
  stack.clear();
  stack.emplace_back(root, 0);
  while (!stack.empty()) {
    auto& [node, next] = stack.back();
    if (node->claimed) return false;
    if (is_ready(node) || node->kind == OpKind::Placeholder) next = node->inputs.size();
    if (next < node->inputs.size()) {
      Node* input = node->inputs[next++].node.get();
      if (input->mark < 0 && input->state.load(std::memory_order_acquire) != State::Failed)
        stack.emplace_back(input, 0);
      continue;
    }
    Node* done = node;
    stack.pop_back();
    if (done->mark < 0) finish(done);
  }
  return true;
}

void Collector::finish(Node* node) {
  const bool input = is_ready(node) || node->kind == OpKind::Placeholder;
  if (!input) {
    if (const Node* failed = failed_input(node)) return fail(node, failed->error);
  }
  GraphView::Item item;
  item.node = node;
  item.is_input = input;
  if (!input) {
    item.inputs.reserve(node->inputs.size());
    for (const Edge& edge : node->inputs) item.inputs.emplace_back(edge.node->mark, edge.output);
  }
  node->mark = static_cast<int32_t>(view_.items.size());
  view_.items.push_back(std::move(item));
}

void Collector::decide_escapes(const std::vector<Node*>& roots, bool keep_recipes) {
  std::vector<GraphView::Item>& items = view_.items;
  const size_t count = items.size();
  auto& fates = workspace().fates;
  fates.assign(count, {});
  for (const GraphView::Item& item : items) {
    // A tracked node reads its inputs again when gradients are computed.
    if (item.node->gradient && !item.node->gradient->released) continue;
    for (const auto& [source, output] : item.inputs) ++fates[source].edges;
  }
  for (Node* root : roots) {
    if (root->mark >= 0) items[root->mark].escapes = true;
  }
  // Whether somebody outside the plan refers to an item, and whether an item's recipe pins only what is held
  // anyway.
  const auto held_outside = [&](size_t i) { return items[i].node->references.load() > fates[i].edges; };
  for (size_t i = 0; i < count; ++i) {
    GraphView::Item& item = items[i];
    if (item.node->kind == OpKind::Constant) {
      fates[i].cheap_recipe = true;
      continue;
    }
    if (item.is_input) {
      fates[i].cheap_recipe = held_outside(i);
      continue;
    }
    // Storing a repeated value would write out every repetition.
    const OpKind kind = item.node->kind;
    bool cheap = kind == OpKind::Broadcast || (keep_recipes && kind == OpKind::Elementwise);
    for (const auto& [source, output] : item.inputs) cheap = cheap && fates[source].cheap_recipe;
    if (held_outside(i) && !cheap) item.escapes = true;
    fates[i].cheap_recipe = cheap || item.escapes;
  }
  // What a kept recipe needs stays, and must not be overwritten.
  for (size_t i = count; i-- > 0;) {
    if (items[i].escapes || items[i].is_input) continue;
    if (held_outside(i)) fates[i].stays = true;
    if (!fates[i].stays) continue;
    for (const auto& [source, output] : items[i].inputs) fates[source].stays = true;
  }
  for (size_t i = 0; i < count; ++i) {
    if (!items[i].is_input || items[i].node->outputs.size() != 1 || fates[i].stays || held_outside(i)) continue;
    const Value& value = items[i].node->outputs[0].value;
    items[i].donated =
        value.buffer && value.buffer->pool != nullptr && value.buffer.use_count() == 1 && value.offset == 0;
  }
}

}  // namespace nngpu::graph
