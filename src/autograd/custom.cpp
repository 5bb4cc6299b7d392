// Functions with gradients of their own, and checkpoints, which are such functions.
#include "graph/custom.h"

#include "autograd/require.h"
#include "autograd/walk.h"
#include "core/fail.h"
#include "graph/trace.h"
#include "nngpu/amp.h"
#include "nngpu/autograd.h"

namespace nngpu {
namespace {

using autograd::Gradients;
using autograd::walk_to;
using autograd::WalkOptions;
using graph::GradientRule;

bool any_tracked(const std::vector<Tensor>& tensors) {
  return graph::gradients_enabled() && std::any_of(tensors.begin(), tensors.end(), graph::is_tracked);
}

// The values as results whose gradients `rule` turns into those of `sources`.
std::vector<Tensor> with_rule(const std::vector<Tensor>& values, const std::vector<Tensor>& sources,
                              GradientRule rule) {
  Tensor first;
  {
    const NoGrad untracked;
    first = graph::make_node(graph::OpKind::Tie, graph::TieParams{static_cast<int64_t>(values.size())}, values);
  }
  auto record = std::make_unique<graph::GradientRecord>();
  record->inputs = sources;
  record->rule = std::move(rule);
  for (const Tensor& source : sources)
    record->released = record->released || (source.node()->gradient && source.node()->gradient->released);
  graph::set_record(*first.node(), std::move(record));
  std::vector<Tensor> results;
  for (size_t i = 0; i < values.size(); ++i) results.push_back(graph::output(first, static_cast<uint32_t>(i)));
  return results;
}

std::vector<Tensor> or_zeros(Gradients gradients, const std::vector<Tensor>& like) {
  for (size_t i = 0; i < like.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = zeros_like(like[i]);
  return gradients;
}

}  // namespace

TensorFunction custom_gradient(TensorFunction forward, CustomBackward backward) {
  autograd::require_function("custom_gradient", forward);
  autograd::require_function("custom_gradient", backward);
  return [forward = std::move(forward), backward = std::move(backward)](const std::vector<Tensor>& inputs) {
    for (const Tensor& input : inputs) graph::require_defined("custom_gradient", input);
    if (!any_tracked(inputs)) return forward(inputs);
    std::vector<Tensor> values;
    {
      const NoGrad untracked;
      values = forward(inputs);
    }
    return with_rule(values, inputs, [inputs, values, backward](const Gradients& gradients) {
      Gradients results = backward(inputs, values, or_zeros(gradients, values));
      autograd::require_like("custom_gradient", "gradient", results, inputs);
      return results;
    });
  };
}

namespace {

// One run of the function, whose own records end with it: its results, and what they were computed from of what
// existed before (inputs, variables, captured tensors).
struct Run {
  std::vector<Tensor> values, sources;
};

Run run_untracked(const TensorFunction& function, const std::vector<Tensor>& inputs) {
  graph::RecordedNodes recorded;
  Run run{function(inputs), {}};
  run.sources = recorded.sources();
  graph::end_records(recorded.interior(), true);
  return run;
}

// A function, and the scope of autocast that it ran in first.
struct Again {
  TensorFunction function;
  std::optional<DType> autocast;

  std::vector<Tensor> operator()(const std::vector<Tensor>& inputs) const {
    const Autocast scope(autocast.value_or(DType::BF16), autocast.has_value());
    return function(inputs);
  }
};

// The gradients of the function, which runs again, behind the gradients it is given: what it computes is not
// needed earlier, and would take memory.
Gradients recomputed(const Again& function, const std::vector<Tensor>& inputs, const std::vector<Tensor>& sources,
                     const Gradients& gradients) {
  std::vector<Tensor> tied = inputs;
  const auto count = static_cast<int64_t>(inputs.size());
  for (const Tensor& gradient : gradients)
    if (gradient.defined()) tied.push_back(gradient);
  const Tensor first = graph::make_node(graph::OpKind::Tie, graph::TieParams{count}, tied);
  graph::RecordedNodes recorded;
  const bool enabled = graph::set_gradients_enabled(true);
  struct Restore {
    bool value;
    ~Restore() { graph::set_gradients_enabled(value); }
  } restore{enabled};
  std::vector<Tensor> leaves, targets;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor again = graph::output(first, static_cast<uint32_t>(i));
    const bool wanted = graph::is_tracked(inputs[i]);
    leaves.push_back(wanted ? graph::make_input_leaf(again) : again);
  }
  // A source is an input, which the run reads as a leaf of its own, or what the function reads anyway.
  for (const Tensor& source : sources) {
    Tensor target = source;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool same = inputs[i].node().get() == source.node().get() && inputs[i].output() == source.output();
      if (same) target = leaves[i];
    }
    targets.push_back(target);
  }
  const std::vector<Tensor> outputs = function(leaves);
  graph::set_gradients_enabled(enabled);
  Gradients results = walk_to(targets, outputs, gradients, {.record = enabled, .owned = leaves});
  if (!enabled) graph::end_records(recorded.interior(), true);
  return results;
}

}  // namespace

TensorFunction checkpoint(TensorFunction function) {
  autograd::require_function("checkpoint", function);
  return [function = std::move(function)](const std::vector<Tensor>& inputs) {
    for (const Tensor& input : inputs) graph::require_defined("checkpoint", input);
    if (!graph::gradients_enabled()) return function(inputs);
    auto draws = std::make_shared<graph::DrawLog>();
    Run run;
    {
      const graph::DrawLog::Recording recording(*draws);
      run = run_untracked(function, inputs);
    }
    if (run.sources.empty()) return run.values;
    return with_rule(
        run.values, run.sources,
        [again = Again{function, autocast_dtype()}, inputs, sources = run.sources, draws](const Gradients& g) {
          const graph::DrawLog::Replaying replaying(*draws);
          return recomputed(again, inputs, sources, g);
        });
  };
}

namespace autograd {

Gradients custom_gradients(const Call& call) {
  fail_without_gradient(graph::kernel_definition(call.params<graph::CustomParams>().kernel).name.c_str());
}

}  // namespace autograd

}  // namespace nngpu
