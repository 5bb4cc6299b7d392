#include "graph/node.h"

#include <bit>

#include "graph/context.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/trace.h"

namespace nngpu::graph {

const char* op_name(OpKind kind) {
  static constexpr const char* kNames[] = {
#define NNGPU_OP(kind, view) #kind,
#include "graph/ops.def"
#undef NNGPU_OP
  };
  return kNames[static_cast<int>(kind)];
}

void retain(Node* node) noexcept { node->references.fetch_add(1, std::memory_order_relaxed); }

// Destroying a node releases its inputs, and so on down a chain of any length: iteratively, for the stack's sake.
void release(Node* node) noexcept {
  if (node->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // Linked through the nodes themselves: tensors of static lifetime die after the thread's own objects.
  thread_local Node* doomed = nullptr;
  thread_local bool draining = false;
  if (node->context != nullptr) node->context->unlink(node);
  node->next = doomed;
  doomed = node;
  if (draining) return;
  draining = true;
  while (doomed != nullptr) {
    Node* dead = doomed;
    doomed = dead->next;
    delete dead;
  }
  draining = false;
}

namespace {

int32_t pending_depth(const Node& node) {
  int32_t depth = 0;
  for (const Edge& edge : node.inputs) {
    const Node& input = *edge.node;
    if (input.state.load(std::memory_order_relaxed) == State::Pending) depth = std::max(depth, input.depth);
  }
  return depth + 1;
}

Device device_of(std::span<const Tensor> inputs) {
  for (const Tensor& input : inputs) {
    if (!is_number(*input.node())) return input.device();
  }
  return inputs.empty() ? default_device() : inputs[0].device();
}

}  // namespace

Tensor make_node(OpKind kind, const Params& params, std::span<const Tensor> inputs) {
  NodePtr pointer(new Node);
  Node& node = *pointer;
  node.kind = kind;
  node.params = params;
  node.device = device_of(inputs);
  node.outputs = infer(kind, params, inputs);
  node.inputs.reserve(inputs.size());
  for (const Tensor& input : inputs) {
    node.traced = node.traced || input.node()->traced;
    node.inputs.push_back({input.node(), input.output()});
  }
  if (gradients_enabled()) record_gradient(node, inputs);
  // What reads a traced value that left its function can never be computed: reading it throws.
  if (node.traced || Trace::current() != nullptr) {
    node.traced = true;
    return Tensor(std::move(pointer));
  }
  node.depth = pending_depth(node);
  Context& context = Context::current();
  if (context.link(&node)) run_pending(context);
  Tensor result(std::move(pointer));
  if (node_hook() != nullptr) node_hook()(result);
  return result;
}

Tensor make_data(Device device, DType dtype, const Shape& shape, Value value) {
  NodePtr pointer(new Node);
  pointer->kind = OpKind::Data;
  pointer->device = device;
  pointer->outputs.push_back({shape, dtype, std::move(value)});
  pointer->state.store(State::Ready, std::memory_order_release);
  return Tensor(std::move(pointer));
}

namespace {
Tensor constant_node(int64_t bits, DType dtype, bool weak, Device device) {
  NodePtr pointer(new Node);
  pointer->kind = OpKind::Constant;
  pointer->device = device;
  pointer->params = ConstantParams{static_cast<int64_t>(dtype), weak, bits};
  pointer->outputs.push_back({{}, dtype, {}});
  return Tensor(std::move(pointer));
}
}  // namespace

Tensor make_constant(double value, DType dtype, bool weak, Device device) {
  if (is_floating(dtype)) return constant_node(std::bit_cast<int64_t>(value), dtype, weak, device);
  return constant_node(dtype == DType::Bool ? value != 0 : static_cast<int64_t>(value), dtype, weak, device);
}

Tensor make_constant_int(int64_t value, DType dtype, bool weak, Device device) {
  if (is_floating(dtype)) return make_constant(static_cast<double>(value), dtype, weak, device);
  return constant_node(dtype == DType::Bool ? value != 0 : value, dtype, weak, device);
}

bool is_weak(const Tensor& tensor) {
  return tensor.node()->kind == OpKind::Constant && tensor.node()->params.as<ConstantParams>().weak != 0;
}

void require_defined(const char* operation, const Tensor& tensor) {
  if (!tensor.defined()) throw ValueError(std::string("[") + operation + "] tensor is undefined");
}

}  // namespace nngpu::graph
