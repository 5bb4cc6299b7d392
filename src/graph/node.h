// Graph nodes: an operation, its inputs, and its outputs' values once computed.
#ifndef NNGPU_GRAPH_NODE_H_
#define NNGPU_GRAPH_NODE_H_

#include <atomic>
#include <exception>
#include <memory>
#include <span>
#include <vector>

#include "core/buffer.h"
#include "graph/gradient_record.h"
#include "graph/launch.h"
#include "nngpu/tensor.h"

namespace nngpu::graph {

class Context;
class DeferredErrors;

struct Edge {
  NodePtr node;
  uint32_t output = 0;
};

// A computed value: strided elements in a buffer.
struct Value {
  BufferPtr buffer;
  int64_t offset = 0;  // elements
  Dims strides;        // elements
};

struct Output {
  Shape shape;
  DType dtype = DType::F32;
  Value value;  // of a ready node
};

enum class State : uint8_t { Pending, Ready, Failed };

// Immutable but for: the state, which goes from Pending to Ready or Failed once; at that moment the values or the
// error are set and the inputs dropped (a tracked node keeps them), all under the evaluation lock (evaluate.cpp).
struct Node {
  std::atomic<int64_t> references{0};
  std::atomic<State> state{State::Pending};
  OpKind kind{};
  bool claimed = false;  // a plan that is running computes it (guarded by the evaluation lock)
  bool traced = false;   // belongs to a function being traced: never computed itself
  Device device;
  int32_t depth = 0;  // longest chain of pending nodes below, when built
  int32_t mark = -1;  // index in the plan being built (guarded by the evaluation lock)
  Params params;
  std::vector<Edge> inputs;
  std::vector<Output> outputs;
  std::exception_ptr error;
  std::unique_ptr<GradientRecord> gradient;  // null: no gradient flows through (gradient_record.h)
  // Of a ready node that may turn out to have failed: where that will be known. Set with the values.
  std::shared_ptr<DeferredErrors> deferred;
  int32_t deferred_item = 0;

  // Pending nodes of a thread are linked in its context.
  Context* context = nullptr;
  Node* previous = nullptr;
  Node* next = nullptr;
};

// Checks the inputs against the operation's shape and dtype rules and builds its node. The rules never convert:
// operands must have the dtypes the operation takes. Use output() for the others of an operation with several.
Tensor make_node(OpKind kind, const Params& params, std::span<const Tensor> inputs);
inline Tensor make_node(OpKind kind, const Params& params, std::initializer_list<Tensor> inputs) {
  return make_node(kind, params, std::span<const Tensor>(inputs.begin(), inputs.size()));
}
inline Tensor output(const Tensor& first, uint32_t index) { return Tensor(first.node(), index); }

// A ready node over memory that exists.
Tensor make_data(Device device, DType dtype, const Shape& shape, Value value);

// A rank-0 constant, exact in its dtype's category.
Tensor make_constant(double value, DType dtype, bool weak = false, Device device = default_device());
Tensor make_constant_int(int64_t value, DType dtype, bool weak = false, Device device = default_device());
bool is_weak(const Tensor& tensor);

// A number rather than memory of a device: a constant, or a number that a traced function is given.
inline bool is_number(const Node& node) {
  return node.kind == OpKind::Constant ||
         (node.kind == OpKind::Placeholder && node.params.as<PlaceholderParams>().number != 0);
}

// Throws ValueError "[operation] tensor is undefined" for a default-constructed tensor.
void require_defined(const char* operation, const Tensor& tensor);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_NODE_H_
