#include "graph/trace.h"

#include "graph/evaluate.h"
#include "ops/generator.h"

namespace nngpu::graph {
namespace {
thread_local Trace* current_trace = nullptr;
}

Trace::Trace() : outer_(current_trace) { current_trace = this; }
Trace::~Trace() { current_trace = outer_; }
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
  variables.push_back({cell, {}, {}, {}});
  return variables.back();
}

Tensor Trace::read(const std::shared_ptr<Variable::Cell>& cell) {
  VariableUse& use = use_of(cell);
  if (use.written.defined()) return use.written;
  if (!use.input.defined()) {
    Tensor initial;
    {
      std::lock_guard lock(cell->mutex);
      initial = cell->value;
    }
    use.strides = read_value(initial).strides;
    use.input = add_placeholder(initial.shape(), initial.dtype(), initial.device(), use.strides);
  }
  return use.input;
}

void Trace::write(const std::shared_ptr<Variable::Cell>& cell, const Tensor& value) {
  use_of(cell).written = value;
}

Draw Trace::draw(const std::shared_ptr<Generator::State>& state, uint64_t blocks) {
  const Tensor seed = add_placeholder({}, DType::I64, default_device(), {}, true);
  const Tensor offset = add_placeholder({}, DType::I64, default_device(), {}, true);
  generators.push_back({state, {seed, offset}, blocks});
  return {seed, offset};
}

Draw draw_blocks(const std::shared_ptr<Generator::State>& state, uint64_t blocks) {
  if (Trace* trace = Trace::current()) return trace->draw(state, blocks);
  std::lock_guard lock(state->mutex);
  const uint64_t first = state->offset;
  state->offset += blocks;
  return {make_constant_int(static_cast<int64_t>(state->seed), DType::I64),
          make_constant_int(static_cast<int64_t>(first), DType::I64)};
}

}  // namespace nngpu::graph
