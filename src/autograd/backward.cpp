// Recorded gradients: leaves, backward, the modes of a thread.
#include "autograd/require.h"
#include "autograd/walk.h"
#include "core/fail.h"
#include "graph/infer.h"
#include "nngpu/autograd.h"

namespace nngpu {
namespace {

using autograd::Gradients;
using autograd::WalkOptions;

WalkOptions walk_options(const BackwardOptions& options) {
  const bool keep = options.retain_graph || options.create_graph;
  return {.record = options.create_graph,
          .records = keep ? WalkOptions::Records::Keep : WalkOptions::Records::End};
}

// The gradient to start from.
Tensor seed_of(const char* operation, const Tensor& output, const Tensor& gradient) {
  graph::require_defined(operation, output);
  if (!is_floating(output.dtype()))
    fail<DTypeError>(operation, "gradients need a floating dtype: ", output.dtype());
  if (!graph::is_tracked(output))
    fail<GradientError>(operation, "nothing that the tensor was computed from requires a gradient");
  if (!gradient.defined()) {
    if (output.numel() != 1)
      fail<ShapeError>(operation, "needs a scalar, or the gradient by the tensor: ", output.shape());
    return ones_like(output);
  }
  if (!(gradient.shape() == output.shape()))
    fail<ShapeError>(operation, "the gradient's shape differs: ", gradient.shape(), " for ", output.shape());
  if (gradient.dtype() != output.dtype())
    fail<DTypeError>(operation, "the gradient's dtype differs: ", gradient.dtype(), " for ", output.dtype());
  autograd::require_same_device(operation, "gradient", gradient, output);
  return gradient;
}

}  // namespace

Tensor requires_grad(const Tensor& x) {
  graph::require_defined("requires_grad", x);
  if (!is_floating(x.dtype())) fail<DTypeError>("requires_grad", "gradients need a floating dtype: ", x.dtype());
  return graph::make_leaf(x, std::make_shared<graph::GradientLeaf>());
}

bool Tensor::requires_grad() const { return defined() && graph::is_tracked(*this); }

Tensor Tensor::grad() const {
  graph::require_defined("grad", *this);
  if (!node_->gradient || !node_->gradient->leaf) return {};
  std::lock_guard lock(node_->gradient->leaf->mutex);
  return node_->gradient->leaf->gradient;
}

void Tensor::zero_grad() const {
  graph::require_defined("zero_grad", *this);
  if (node_->gradient && node_->gradient->leaf) graph::collect_gradient(node_->gradient->leaf, Tensor());
}

void Tensor::backward() const { nngpu::backward(*this); }

void backward(const Tensor& output, const Tensor& gradient, const BackwardOptions& options) {
  autograd::walk_to_leaves(output, seed_of("backward", output, gradient), walk_options(options));
}

std::vector<Tensor> gradients(const Tensor& output, const std::vector<Tensor>& inputs, const Tensor& gradient,
                              const BackwardOptions& options) {
  const Tensor seed = seed_of("gradients", output, gradient);
  for (const Tensor& input : inputs) {
    graph::require_defined("gradients", input);
    if (!graph::is_tracked(input)) fail<GradientError>("gradients", "an input does not require a gradient");
  }
  WalkOptions walk = walk_options(options);
  walk.through_targets = true;
  Gradients result = autograd::walk_to(inputs, {output}, {seed}, walk);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!result[i].defined()) result[i] = zeros_like(inputs[i]);
  return result;
}

NoGrad::NoGrad() : before_(graph::set_gradients_enabled(false)) {}
NoGrad::~NoGrad() { graph::set_gradients_enabled(before_); }

Tensor stop_gradient(const Tensor& x) {
  graph::require_defined("stop_gradient", x);
  if (!graph::is_tracked(x)) return x;
  const NoGrad constant;
  return graph::make_node(graph::OpKind::Tie, graph::TieParams{1}, {x});
}

namespace {

std::string described(const graph::Node& node) {
  const std::string name = graph::operation_name(node.kind, node.params);
  const std::string& of = autograd::operation_of_gradient();
  return of.empty() ? name : name + ", in the gradient of " + of + ",";
}

bool is_finite(const Tensor& x) {
  return !is_floating(x.dtype()) || x.numel() == 0 || all(isfinite(x)).item<bool>();
}

// What an operation whose result is not finite was given: the result itself if its operands are finite.
const Tensor& operand_not_finite(const std::vector<Tensor>& operands, const Tensor& result) {
  for (const Tensor& operand : operands)
    if (!is_finite(operand)) return operand;
  return result;
}

void require_finite(const Tensor& first) {
  graph::NodeHook before = graph::set_node_hook(nullptr);  // what follows builds nodes itself
  struct Restore {
    graph::NodeHook hook;
    ~Restore() { graph::set_node_hook(hook); }
  } restore{before};
  const NoGrad untracked;
  std::vector<Tensor> operands;  // which the node forgets when it is computed
  for (const graph::Edge& edge : first.node()->inputs) operands.emplace_back(edge.node, edge.output);
  for (uint32_t i = 0; i < first.node()->outputs.size(); ++i) {
    const Tensor output = graph::output(first, i);
    if (is_finite(output)) continue;
    const graph::Node& node = *first.node();
    const Tensor& culprit = operand_not_finite(operands, output);
    const bool given = &culprit != &output;
    const std::string what = !given                            ? described(node) + " gives "
                             : node.kind == graph::OpKind::Tie ? "a value from before holds "
                                                               : described(node) + " is given ";
    const bool nan = any(isnan(culprit)).item<bool>();
    throw ValueError("[anomaly] " + what + (nan ? "NaN" : "infinity") + ": " + dtype_name(culprit.dtype()) + " " +
                     to_string(culprit.shape()));
  }
}

}  // namespace

DetectAnomaly::DetectAnomaly() : before_(graph::set_node_hook(require_finite)) {}
DetectAnomaly::~DetectAnomaly() { graph::set_node_hook(before_); }

}  // namespace nngpu
