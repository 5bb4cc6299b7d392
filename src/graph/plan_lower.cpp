#include "graph/plan_lower.h"

#include "graph/channels_last.h"

namespace nngpu::graph {
namespace {

bool can_fail(const Node& node) {
  switch (node.kind) {
    case OpKind::Take:
    case OpKind::Gather:
    case OpKind::ScatterAdd:
      return true;
    case OpKind::LuFactor:
    case OpKind::Cholesky:
    case OpKind::Inverse:
    case OpKind::Solve:
    case OpKind::Qr:
    case OpKind::Eigh:
    case OpKind::Svd:
      return node.params.as<LinalgParams>().check != 0;
    default:
      return false;
  }
}

// Results of the decompositions are matrices in LAPACK's layout.
bool is_decomposition(OpKind kind) { return kind >= OpKind::LuFactor && kind <= OpKind::Svd; }

bool prefers_columns(const Operand& matrix) {
  const int rank = matrix.shape.size();
  return matrix.strides[rank - 2] == 1 && matrix.shape[rank - 2] > 1 && matrix.strides[rank - 1] != 1;
}

bool prefers_rows(const Operand& matrix) {
  const int rank = matrix.shape.size();
  return matrix.strides[rank - 1] == 1 && matrix.shape[rank - 1] > 1 && matrix.strides[rank - 2] != 1;
}

}  // namespace

Lowering::Lowering(const GraphView& graph, Plan& plan, Backend& backend)
    : graph_(graph),
      plan_(plan),
      backend_(backend),
      group_(fuse(graph)),
      members_(graph.items.size()),
      values_(graph.items.size()),
      storage_escapes_(graph.items.size(), 0) {
  for (size_t i = 0; i < group_.size(); ++i) {
    if (group_[i] >= 0) members_[group_[i]].push_back(static_cast<int32_t>(i));
  }
}

void Lowering::run() {
  mark_storage();
  plan_.item_inputs.resize(graph_.items.size());
  for (size_t i = 0; i < graph_.items.size(); ++i) {
    for (const auto& [source, output] : graph_.items[i].inputs) plan_.item_inputs[i].push_back(source);
    plan_.item_epochs.push_back(epoch_of(i));
    lower(static_cast<int32_t>(i));
  }
  record_escapes();
}

// A tie that waits for more than it passes on starts an epoch. What it keeps from running early must not be
// batched or merged with what ran before.
int32_t Lowering::epoch_of(size_t item) const {
  int32_t epoch = 0;
  for (const int32_t source : plan_.item_inputs[item])
    epoch = std::max(epoch, plan_.item_epochs[static_cast<size_t>(source)]);
  const GraphView::Item& it = graph_.items[item];
  const bool waits = !it.is_input && it.node->kind == OpKind::Tie && it.inputs.size() > it.node->outputs.size();
  return waits ? epoch + 1 : epoch;
}

// A kept view keeps the storage it looks at.
void Lowering::mark_storage() {
  for (auto i = static_cast<int32_t>(graph_.items.size()) - 1; i >= 0; --i) {
    const GraphView::Item& item = graph_.items[i];
    if (item.escapes) storage_escapes_[i] = 1;
    const bool view = !item.is_input && is_view(item.node->kind);
    const bool ties = view && item.node->kind == OpKind::Tie;
    const size_t seen = ties ? static_cast<size_t>(item.node->params.as<TieParams>().count) : 1;
    for (size_t k = 0; view && storage_escapes_[i] && k < seen; ++k) storage_escapes_[item.inputs[k].first] = 1;
  }
}

int32_t Lowering::add_slot(SlotKind kind, int32_t item, int64_t bytes) {
  plan_.slots.push_back({kind, DType::F32, item, bytes, 0, -1});
  return static_cast<int32_t>(plan_.slots.size()) - 1;
}

Operand Lowering::allocate(int32_t item, uint32_t output, const Dims& strides) {
  const Output& o = node(item).outputs[output];
  const int64_t bytes = numel(o.shape) * static_cast<int64_t>(dtype_size(o.dtype));
  const SlotKind kind = storage_escapes_[item] ? SlotKind::Output : SlotKind::Temporary;
  return {add_slot(kind, -1, bytes), o.dtype, 0, o.shape, strides};
}

Operand Lowering::copy_of(int32_t item, const Operand& source, SlotKind kind, const Dims& strides) {
  const int64_t bytes = numel(source.shape) * static_cast<int64_t>(dtype_size(source.dtype));
  Operand copy{add_slot(kind, -1, bytes), source.dtype, 0, source.shape, strides};
  Launch launch;
  launch.kind = OpKind::Copy;
  launch.inputs = {source};
  launch.outputs = {copy};
  launch.nodes = {item};
  plan_.launches.push_back(std::move(launch));
  return copy;
}

void Lowering::lower(int32_t item) {
  const OpKind kind = node(item).kind;
  if (graph_.items[item].is_input || kind == OpKind::Constant) return lower_input(item);
  if (is_view(kind)) return lower_view(item);
  if (group_[item] >= 0) {
    values_[item].resize(node(item).outputs.size());
    if (group_[item] == item) lower_group(item);
    return;
  }
  lower_generic(item);
}

void Lowering::lower_input(int32_t item) {
  const GraphView::Item& in = graph_.items[item];
  const bool constant = is_number(*in.node);
  for (uint32_t output = 0; output < in.node->outputs.size(); ++output) {
    const Output& o = in.node->outputs[output];
    const int32_t slot = add_slot(constant ? SlotKind::Constant : SlotKind::Input, item, 0);
    plan_.slots[slot].dtype = o.dtype;
    values_[item].push_back({slot, o.dtype, 0, o.shape, constant ? Dims{} : in.strides(output), constant});
  }
}

void Lowering::lower_view(int32_t item) {
  const Node& n = node(item);
  if (n.kind == OpKind::Tie) {
    for (size_t i = 0; i < n.outputs.size(); ++i) values_[item].push_back(input(item, static_cast<int>(i)));
    return;
  }
  Operand source = input(item, 0);
  auto view = view_of(n.kind, n.params, source, n.outputs[0].shape);
  if (!view) {
    source = copy_of(item, source, storage_escapes_[item] ? SlotKind::Output : SlotKind::Temporary,
                     row_major_strides(source.shape));
    view = view_of(n.kind, n.params, source, n.outputs[0].shape);
  }
  values_[item] = {*view};
}

// Where the backend wants it, a convolution gets operands with their channels last, and gives such a result; but
// gradients of weights lie as weights do.
void Lowering::lower_convolution(int32_t item, Launch& launch) {
  const Shape& shape = node(item).outputs[0].shape;
  launch.outputs = {{-1, launch.inputs[0].dtype, 0, shape, row_major_strides(shape)}};
  if (backend_.prefers_channels_last(launch)) {
    for (Operand& operand : launch.inputs) operand = with_channels_last(item, operand);
    const bool weights = launch.params.as<ConvolutionParams>().mode == ConvolutionMode::WeightGradient;
    if (!weights) launch.outputs[0].strides = channels_last_strides(shape);
    channels_last_ = true;
  }
  launch.outputs[0] = allocate(item, 0, launch.outputs[0].strides);
  values_[item] = launch.outputs;
}

// The operand, or a copy that all convolutions of the plan share: a weight serves the forward pass and the
// gradient.
Operand Lowering::with_channels_last(int32_t item, const Operand& operand) {
  if (lies_channels_last(operand)) return operand;
  for (const auto& [source, copy] : channels_last_copies_)
    if (source.slot == operand.slot && source.offset == operand.offset && source.shape == operand.shape &&
        source.strides == operand.strides)
      return copy;
  const Operand copy = copy_of(item, operand, SlotKind::Temporary, channels_last_strides(operand.shape));
  channels_last_copies_.emplace_back(operand, copy);
  return copy;
}

Dims Lowering::output_layout(const Launch& launch, int32_t item, uint32_t output) const {
  const Node& n = node(item);
  const Shape& shape = n.outputs[output].shape;
  if (shape.size() < 2) return row_major_strides(shape);
  // Pools follow what they read.
  const bool pools = n.kind == OpKind::Pool || n.kind == OpKind::PoolGradient;
  if (pools && channels_last_ && is_channels_last(launch.inputs[0])) return channels_last_strides(shape);
  const bool vector_per_item = (n.kind == OpKind::LuFactor && output > 0) ||
                               (n.kind == OpKind::Eigh && output != 1) ||
                               (n.kind == OpKind::Svd && output % 2 == 1);
  if (is_decomposition(n.kind)) return vector_per_item ? row_major_strides(shape) : matrix_strides(shape);
  // A product of column-major matrices stays column-major, so that it chains without copies. One of a transposed
  // matrix and a row-major one, such as the gradient of a weight, is row-major as the weight is.
  if (n.kind == OpKind::Matmul && prefers_columns(input(item, 0)) && !prefers_rows(input(item, 1)))
    return matrix_strides(shape);
  return row_major_strides(shape);
}

void Lowering::lower_generic(int32_t item) {
  const Node& n = node(item);
  Launch launch;
  launch.kind = n.kind;
  launch.params = n.params;
  for (size_t i = 0; i < n.inputs.size(); ++i) launch.inputs.push_back(input(item, static_cast<int>(i)));
  if (n.kind == OpKind::Convolution) lower_convolution(item, launch);
  for (auto o = static_cast<uint32_t>(launch.outputs.size()); o < n.outputs.size(); ++o) {
    values_[item].push_back(allocate(item, o, output_layout(launch, item, o)));
    launch.outputs.push_back(values_[item].back());
  }
  launch.nodes = {item};
  plan_.has_checks = plan_.has_checks || can_fail(n);
  plan_.launches.push_back(std::move(launch));
}

void Lowering::record_escapes() {
  for (size_t i = 0; i < graph_.items.size(); ++i) {
    if (!graph_.items[i].escapes || graph_.items[i].is_input) continue;
    const auto item = static_cast<int32_t>(i);
    for (uint32_t o = 0; o < node(item).outputs.size(); ++o) {
      Operand where = value(item, o);
      // Kept values are dense memory of their own: neither a number in a plan's constants nor a repeated element.
      const bool shared =
          plan_.slots[where.slot].kind == SlotKind::Constant || is_broadcast(where.shape, where.strides);
      if (shared) where = copy_of(item, where, SlotKind::Output, row_major_strides(where.shape));
      plan_.escapes.push_back({item, o, where});
    }
  }
}

std::unique_ptr<Plan> build_plan(const GraphView& graph, Backend& backend) {
  auto plan = std::make_unique<Plan>();
  Lowering(graph, *plan, backend).run();
  batch_launches(*plan);
  join_chains(*plan, backend);
  merge_elementwise(*plan);
  join_siblings(*plan);
  join_numbers(*plan);
  drop_unsafe_donors(*plan);
  assign_memory(*plan);
  for (Launch& launch : plan->launches) backend.prepare(launch);
  return plan;
}

}  // namespace nngpu::graph
