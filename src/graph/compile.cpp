#include "nngpu/compile.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "core/fail.h"
#include "graph/deferred.h"
#include "graph/evaluate.h"
#include "graph/plan_cache.h"
#include "graph/stats.h"
#include "graph/trace.h"
#include "nngpu/amp.h"
#include "ops/generator.h"

namespace nngpu {

using namespace graph;  // NOLINT: this file is the engine's own

namespace {

// Where one input of a compiled plan comes from at each replay.
struct Source {
  enum Kind { Argument, FromVariable, Draw, Captured, Number } kind;
  size_t index = 0;  // of the argument, variable or generator use
  Binding fixed;     // of a captured value or number
};

// Where a result lies: an output of the plan, or one of its inputs passed through.
struct Result {
  int32_t item;
  int32_t escape = -1;  // index in plan.escapes
  int32_t slot = -1;    // of the input passed through
};

struct CompiledPlan {
  std::shared_ptr<const Plan> plan;
  GraphView graph;              // kept for the captured values and constants it refers to
  std::vector<Tensor> roots;    // keeps graph's nodes alive
  std::vector<Source> sources;  // a slot
  std::vector<Result> results;  // the function's, then the written variables'
  std::vector<Trace::VariableUse> variables;
  std::vector<Trace::GeneratorUse> generators;
  size_t result_count = 0;
  Device device;
};

KeyWords argument_key(const std::vector<Tensor>& inputs) {
  // The modes that a function is traced in.
  const auto autocast = static_cast<uint64_t>(autocast_dtype().value_or(DType::F32));
  KeyWords key{gradients_enabled(), autocast};
  for (const Tensor& input : inputs) {
    const Dims& strides = computed_value(input).strides;
    key.push_back(static_cast<uint64_t>(input.dtype()) << 8 | static_cast<uint64_t>(input.rank()));
    key.push_back(static_cast<uint64_t>(input.device().type) << 32 | static_cast<uint64_t>(input.device().index));
    key.insert(key.end(), input.shape().begin(), input.shape().end());
    key.insert(key.end(), strides.begin(), strides.end());
  }
  return key;
}

void require_traced(const std::vector<Tensor>& outputs) {
  for (const Tensor& output : outputs) require_defined("compile", output);
}

// Finds what each placeholder is; the trace numbers them in order.
Source source_of(const Trace& trace, size_t arguments, int64_t placeholder) {
  if (placeholder < static_cast<int64_t>(arguments))
    return {Source::Argument, static_cast<size_t>(placeholder), {}};
  const Node* node = trace.placeholders[placeholder].node().get();
  for (size_t i = 0; i < trace.variables.size(); ++i) {
    const Tensor& input = trace.variables[i].input;
    if (input.defined() && input.node().get() == node) return {Source::FromVariable, i, {}};
  }
  for (size_t i = 0; i < trace.generators.size(); ++i) {
    const Draw& draw = trace.generators[i].draw;
    if (draw.seed.node().get() == node) return {Source::Draw, 2 * i, {}};
    if (draw.offset.node().get() == node) return {Source::Draw, 2 * i + 1, {}};
  }
  throw Error("[compile] internal error: an input without a source");
}

Binding binding_of(const Tensor& tensor) {
  const Value& value = computed_value(tensor);
  const auto size = static_cast<int64_t>(dtype_size(tensor.dtype()));
  return {value.buffer, value.buffer->data + value.offset * size, false, 0};
}

void find_sources(CompiledPlan& compiled, const Trace& trace, size_t arguments) {
  std::vector<uint32_t> seen(compiled.graph.items.size(), 0);
  compiled.sources.resize(compiled.plan->slots.size());
  for (size_t i = 0; i < compiled.sources.size(); ++i) {
    const Slot& slot = compiled.plan->slots[i];
    if (slot.kind != SlotKind::Input && slot.kind != SlotKind::Constant) continue;
    Node* node = compiled.graph.items[slot.item].node;
    if (node->kind == OpKind::Constant) {
      compiled.sources[i] = {Source::Number, 0, {nullptr, nullptr, false, node->params.as<ConstantParams>().bits}};
    } else if (node->kind == OpKind::Placeholder) {
      compiled.sources[i] = source_of(trace, arguments, node->params.as<PlaceholderParams>().index);
    } else {
      const uint32_t output = seen[slot.item]++;
      if (!node->outputs[output].value.buffer) continue;
      const Tensor captured(NodePtr(node), output);
      read_value(captured);  // throws if it has failed: replays do not ask again
      compiled.sources[i] = {Source::Captured, 0, binding_of(captured)};
    }
  }
}

Result result_of(const CompiledPlan& compiled, const Tensor& root) {
  for (size_t e = 0; e < compiled.plan->escapes.size(); ++e) {
    const Escape& escape = compiled.plan->escapes[e];
    if (compiled.graph.items[escape.item].node == root.node().get() && escape.output == root.output()) {
      return {escape.item, static_cast<int32_t>(e), -1};
    }
  }
  uint32_t output = 0;
  for (size_t s = 0; s < compiled.plan->slots.size(); ++s) {  // an input returned as it is: a slot an output
    const Slot& slot = compiled.plan->slots[s];
    if (slot.kind != SlotKind::Input || compiled.graph.items[slot.item].node != root.node().get()) continue;
    if (output++ == root.output()) return {slot.item, -1, static_cast<int32_t>(s)};
  }
  throw Error("[compile] internal error: a result without a place");
}

// Input storage may be reused only for variables that the function replaces.
void allow_donation(GraphView& graph, const Trace& trace) {
  for (GraphView::Item& item : graph.items) {
    for (const Trace::VariableUse& use : trace.variables) {
      const bool read = use.input.defined() && use.input.node().get() == item.node;
      if (read && use.written.defined() && !item.escapes) item.donated = true;
    }
  }
}

std::shared_ptr<CompiledPlan> trace_function(const TensorFunction& function, const std::vector<Tensor>& inputs) {
  auto compiled = std::make_shared<CompiledPlan>();
  Trace trace;
  std::vector<Tensor> arguments;
  for (const Tensor& input : inputs) {
    arguments.push_back(
        trace.add_placeholder(input.shape(), input.dtype(), input.device(), computed_value(input).strides));
  }
  compiled->roots = function(arguments);
  require_traced(compiled->roots);
  trace.require_no_gradients();
  compiled->result_count = compiled->roots.size();
  const auto results = static_cast<std::ptrdiff_t>(compiled->result_count);
  for (const Trace::VariableUse& use : trace.variables) {
    if (use.written.defined()) compiled->roots.push_back(use.written);
  }
  // What was written last is computed first: the gradients of the last layers are there first, and what they are
  // computed from need not wait for those of the others.
  std::vector<Tensor> in_order(compiled->roots.begin(), compiled->roots.begin() + results);
  in_order.insert(in_order.end(), compiled->roots.rbegin(), compiled->roots.rend() - results);
  compiled->graph = collect_traced(in_order);
  allow_donation(compiled->graph, trace);
  compiled->device = compiled->graph.device;
  compiled->plan = build_plan(compiled->graph, backend_for(compiled->device));
  counters().plans_built.fetch_add(1, std::memory_order_relaxed);
  find_sources(*compiled, trace, inputs.size());
  for (const Tensor& root : compiled->roots) compiled->results.push_back(result_of(*compiled, root));
  compiled->variables = trace.variables;
  compiled->generators = trace.generators;
  return compiled;
}

// Whether the value is laid out as the one traced. Its dtype and device change where a module is converted or
// moved.
bool fits(const Tensor& value, const Trace::VariableUse& use) {
  return value.dtype() == use.input.dtype() && value.device() == use.input.device() &&
         computed_value(value).strides == use.strides;
}

// Holds the cells of the variables a replay uses, in one order for all threads.
class CellLocks {
 public:
  explicit CellLocks(const std::vector<Trace::VariableUse>& uses) {
    for (const auto& use : uses) cells_.push_back(use.cell.get());
    std::sort(cells_.begin(), cells_.end());
    for (Variable::Cell* cell : cells_) cell->mutex.lock();
  }
  ~CellLocks() {
    for (Variable::Cell* cell : cells_) cell->mutex.unlock();
  }
  CellLocks(const CellLocks&) = delete;
  CellLocks& operator=(const CellLocks&) = delete;

 private:
  std::vector<Variable::Cell*> cells_;
};

class Replay {
 public:
  Replay(const CompiledPlan& compiled, const std::vector<Tensor>& inputs) : compiled_(compiled), inputs_(inputs) {}

  // Nothing where another thread has assigned a variable that the plan does not fit, or that is pending.
  std::optional<std::vector<Tensor>> run() {
    const CellLocks locks(compiled_.variables);
    if (!variables_fit()) return std::nullopt;
    take_draws();
    bind();
    RunResult result = run_plan(*compiled_.plan, backend_for(compiled_.device), bindings_);
    deferred_ = DeferredErrors::of(compiled_.plan, result, std::move(unknown_));
    std::vector<Tensor> values;
    std::vector<std::pair<Tensor, Tensor>> old;
    for (size_t i = 0; i < compiled_.results.size(); ++i) values.push_back(value_of(i, result));
    size_t next = compiled_.result_count;
    for (const auto& use : compiled_.variables) {
      if (use.written.defined()) old.push_back(use.cell->set(values[next++]));
    }
    values.resize(compiled_.result_count);
    return values;
  }

 private:
  bool variables_fit() const {
    return std::all_of(compiled_.variables.begin(), compiled_.variables.end(), [](const Trace::VariableUse& use) {
      if (!use.input.defined()) return true;
      const Tensor& value = use.cell->value;
      return value.node()->state.load(std::memory_order_acquire) == State::Ready && fits(value, use);
    });
  }

  // A replay that then fails has used its numbers up: another thread may have drawn those behind them.
  void take_draws() {
    for (const auto& use : compiled_.generators) {
      std::lock_guard lock(use.state->mutex);
      draws_.push_back(static_cast<int64_t>(use.state->seed));
      draws_.push_back(static_cast<int64_t>(use.state->offset));
      use.state->offset += use.blocks;
    }
  }

  void bind() {
    bindings_.resize(compiled_.sources.size());
    for (size_t i = 0; i < bindings_.size(); ++i) {
      const Slot& slot = compiled_.plan->slots[i];
      if (slot.kind != SlotKind::Input && slot.kind != SlotKind::Constant) continue;
      const Source& source = compiled_.sources[i];
      switch (source.kind) {
        case Source::Argument:
          bind_value(i, inputs_[source.index]);
          break;
        case Source::FromVariable:
          bind_value(i, compiled_.variables[source.index].cell->value);
          allow_donation(bindings_[i], *compiled_.variables[source.index].cell);
          break;
        case Source::Draw:
          bindings_[i].constant = draws_[source.index];
          break;
        case Source::Captured:
        case Source::Number:
          bindings_[i] = source.fixed;
          break;
      }
    }
  }

  void bind_value(size_t slot, const Tensor& tensor) {
    bindings_[slot] = binding_of(tensor);
    const Node& node = *tensor.node();
    if (node.deferred != nullptr)
      unknown_.push_back({compiled_.plan->slots[slot].item, node.deferred, node.deferred_item});
  }

  static void allow_donation(Binding& binding, const Variable::Cell& cell) {
    const Node& node = *cell.value.node();
    const bool alone = node.references.load() == 1 && node.outputs.size() == 1 && binding.buffer.use_count() == 2;
    binding.donate = alone && binding.buffer->pool != nullptr && binding.address == binding.buffer->data;
  }

  Tensor value_of(size_t i, const RunResult& result) const {
    const int32_t item = compiled_.results[i].item;
    Tensor value = place_value(i, result);
    if (deferred_ != nullptr && deferred_->may_fail(item)) {
      value.node()->deferred = deferred_;
      value.node()->deferred_item = item;
    }
    return value;
  }

  Tensor place_value(size_t i, const RunResult& result) const {
    const Result& where = compiled_.results[i];
    const Tensor& root = compiled_.roots[i];
    if (!result.item_errors.empty() && result.item_errors[where.item]) {
      Tensor failed = make_data(compiled_.device, root.dtype(), root.shape(), {});
      failed.node()->error = result.item_errors[where.item];
      failed.node()->state.store(State::Failed, std::memory_order_release);
      return failed;
    }
    const Operand view = where.escape >= 0 ? compiled_.plan->escapes[where.escape].value
                                           : Operand{where.slot, DType::F32, 0, {}, {}};
    const auto size = static_cast<int64_t>(dtype_size(root.dtype()));
    if (compiled_.plan->slots[view.slot].kind == SlotKind::Output) {
      return make_data(compiled_.device, root.dtype(), root.shape(),
                       {result.outputs[view.slot], view.offset, view.strides});
    }
    const Binding& input = bindings_[view.slot];
    const Dims strides =
        where.escape >= 0 ? view.strides : compiled_.graph.items[where.item].strides(root.output());
    const int64_t offset = (input.address - input.buffer->data) / size + view.offset;
    return make_data(compiled_.device, root.dtype(), root.shape(), {input.buffer, offset, strides});
  }

  const CompiledPlan& compiled_;
  const std::vector<Tensor>& inputs_;
  std::vector<int64_t> draws_;  // the seed and offset of each draw
  std::vector<Binding> bindings_;
  std::vector<DeferredErrors::Source> unknown_;
  std::shared_ptr<DeferredErrors> deferred_;
};

bool variables_changed_layout(const CompiledPlan& compiled) {
  for (const auto& use : compiled.variables) {
    if (!use.input.defined()) continue;
    Tensor value;
    {
      std::lock_guard lock(use.cell->mutex);
      value = use.cell->value;
    }
    if (!fits(value, use)) return true;
  }
  return false;
}

}  // namespace

struct CompiledFunction::Impl {
  TensorFunction function;
  std::mutex mutex;
  PlanCache<CompiledPlan> plans;
  Impl(TensorFunction f, size_t capacity) : function(std::move(f)), plans(std::max<size_t>(1, capacity)) {}

  // The cached plan that fits the arguments and the variables as they are now, or a new one.
  std::shared_ptr<CompiledPlan> plan_for(const KeyWords& key, const std::vector<Tensor>& inputs) {
    std::shared_ptr<CompiledPlan> compiled;
    {
      std::lock_guard lock(mutex);
      compiled = plans.find(key);
    }
    if (compiled && !variables_changed_layout(*compiled)) {
      counters().cache_hits.fetch_add(1, std::memory_order_relaxed);
      return compiled;
    }
    compiled = trace_function(function, inputs);
    std::lock_guard lock(mutex);
    plans.insert(key, compiled);
    return compiled;
  }
};

CompiledFunction::CompiledFunction(TensorFunction function, size_t capacity)
    : impl_(std::make_shared<Impl>(std::move(function), capacity)) {
  if (!impl_->function) fail<ValueError>("compile", "there is no function");
}

std::vector<Tensor> CompiledFunction::operator()(const std::vector<Tensor>& inputs) const {
  for (const Tensor& input : inputs) require_defined("compile", input);
  // Part of a larger function, or of one whose gradients are wanted; or every operation is to be looked at.
  const bool inlined = Trace::current() != nullptr || node_hook() != nullptr ||
                       (gradients_enabled() && std::any_of(inputs.begin(), inputs.end(), is_tracked));
  if (inlined) return impl_->function(inputs);
  evaluate(inputs);
  const KeyWords key = argument_key(inputs);
  while (true) {
    const std::shared_ptr<CompiledPlan> compiled = impl_->plan_for(key, inputs);
    if (auto results = Replay(*compiled, inputs).run()) return *std::move(results);
  }
}

size_t CompiledFunction::cached_plans() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->plans.size();
}

std::string explain(const TensorFunction& function, const std::vector<Tensor>& inputs) {
  evaluate(inputs);
  const auto compiled = trace_function(function, inputs);
  return describe(*compiled->plan, compiled->graph);
}

std::string explain(const Tensor& tensor) {
  require_defined("explain", tensor);
  if (tensor.is_ready()) return "ready: nothing would run\n";
  return describe_pending(tensor);
}

EngineStats engine_stats() {
  const Counters& c = counters();
  return {c.plans_run.load(), c.launches.load(), c.plans_built.load(), c.cache_hits.load()};
}

}  // namespace nngpu
