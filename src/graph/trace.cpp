#include "graph/trace.h"

#include "graph/evaluate.h"
#include "ops/generator.h"

namespace nngpu::graph {
namespace {
thread_local Trace* current_trace = nullptr;
}

Trace::Trace() : outer_(current_trace) { current_trace = this; }
Trace::~Trace() {
  current_trace = outer_;
  for (const auto& leaf : leaves_) {
    std::lock_guard lock(leaf->mutex);
    if (leaf->gradient.defined() && leaf->gradient.node()->traced) leaf->gradient = Tensor();
  }
}
Trace* Trace::current() { return current_trace; }

Tensor Trace::add_placeholder(const Shape& shape, DType dtype, Device device, const Dims& strides, bool number) {
  auto* node = new Node;
  NodePtr pointer(node);
  node->kind = OpKind::Placeholder;
  node->params = PlaceholderParams{static_cast<int64_t>(placeholders.size()), number};
  node->device = device;
  node->traced = true;
  node->outputs.push_back({shape, dtype, {nullptr, 0, strides}});
  placeholders.emplace_back(std::move(pointer));
  return placeholders.back();
}

Trace::VariableUse& Trace::use_of(const std::shared_ptr<Variable::Cell>& cell) {
  for (VariableUse& use : variables) {
    if (use.cell == cell) return use;
  }
  variables.push_back({cell, {}, {}, {}, {}});
  return variables.back();
}

Tensor Trace::current_value(VariableUse& use) {
  if (use.written.defined()) return use.written;
  if (!use.input.defined()) {
    Tensor initial;
    {
      std::lock_guard lock(use.cell->mutex);
      initial = use.cell->value;
    }
    use.strides = computed_value(initial).strides;
    use.input = add_placeholder(initial.shape(), initial.dtype(), initial.device(), use.strides);
  }
  return use.input;
}

Tensor Trace::read(const std::shared_ptr<Variable::Cell>& cell, const std::shared_ptr<GradientLeaf>& leaf) {
  VariableUse& use = use_of(cell);
  const Tensor value = current_value(use);
  if (!leaf) return value;
  if (!use.tracked.defined()) use.tracked = make_leaf(value, leaf);
  return use.tracked;
}

void Trace::write(const std::shared_ptr<Variable::Cell>& cell, const Tensor& value) {
  VariableUse& use = use_of(cell);
  use.written = value;
  use.tracked = Tensor();
}

void Trace::require_no_gradients() const {
  size_t left = 0;
  for (const auto& leaf : leaves_) {
    std::lock_guard lock(leaf->mutex);
    left += leaf->gradient.defined() && leaf->gradient.node()->traced;
  }
  if (left == 0) return;
  throw ValueError("[compile] " + std::to_string(left) +
                   " gradients are left when the function returns: use them there and call zero_grad()");
}

Draw Trace::draw(const std::shared_ptr<Generator::State>& state, uint64_t blocks) {
  const Tensor seed = add_placeholder({}, DType::I64, default_device(), {}, true);
  const Tensor offset = add_placeholder({}, DType::I64, default_device(), {}, true);
  generators.push_back({state, {seed, offset}, blocks});
  return {seed, offset};
}

namespace {

thread_local DrawLog::Scope* current_draws = nullptr;

Draw new_draw(const std::shared_ptr<Generator::State>& state, uint64_t blocks) {
  if (Trace* trace = Trace::current()) return trace->draw(state, blocks);
  std::lock_guard lock(state->mutex);
  const uint64_t first = state->offset;
  state->offset += blocks;
  return {make_constant_int(static_cast<int64_t>(state->seed), DType::I64),
          make_constant_int(static_cast<int64_t>(first), DType::I64)};
}

}  // namespace

DrawLog::Scope::Scope(DrawLog& log, bool replays)
    : log_(log), replays_(replays), outer_(std::exchange(current_draws, this)) {}
DrawLog::Scope::~Scope() { current_draws = outer_; }

bool runs_again() {
  for (const DrawLog::Scope* scope = current_draws; scope != nullptr; scope = scope->outer_)
    if (scope->replays_) return true;
  return false;
}

Draw draw_blocks(const std::shared_ptr<Generator::State>& state, uint64_t blocks) {
  DrawLog::Scope* scope = current_draws;
  if (scope != nullptr && scope->replays_) {
    if (scope->next_ == scope->log_.draws_.size())
      throw ValueError("[checkpoint] the function draws more random numbers when it runs again");
    return scope->log_.draws_[scope->next_++];
  }
  // An outer log replays what this one then records.
  current_draws = scope != nullptr ? scope->outer_ : nullptr;
  Draw draw;
  try {
    draw = scope != nullptr && scope->outer_ != nullptr ? draw_blocks(state, blocks) : new_draw(state, blocks);
  } catch (...) {
    current_draws = scope;
    throw;
  }
  current_draws = scope;
  if (scope != nullptr) scope->log_.draws_.push_back(draw);
  return draw;
}

}  // namespace nngpu::graph
