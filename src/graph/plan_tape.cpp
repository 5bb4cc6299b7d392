// Lowering a group of elementwise nodes, and the reduction at its end, to one tape.
#include <algorithm>
#include <unordered_map>

#include "graph/channels_last.h"
#include "graph/plan_lower.h"

namespace nngpu::graph {

class TapeBuilder {
 public:
  TapeBuilder(Lowering& lowering, int32_t root)
      : lowering_(lowering),
        root_(root),
        tape_(std::make_unique<Tape>()),
        reduces_(lowering.node(root).kind == OpKind::Reduce) {
    launch_.kind = lowering.node(root).kind;
    launch_.params = lowering.node(root).params;
    tape_->shape = reduces_ ? source_shape() : lowering.node(root).outputs[0].shape;
  }

  Launch build() {
    number_loads();
    for (int32_t member : lowering_.members_[root_]) {
      if (member != root_ || !reduces_) add_step(member);
    }
    if (reduces_) {
      const auto [source, output] = lowering_.graph_.items[root_].inputs[0];
      const auto& params = launch_.params.as<ReduceParams>();
      tape_->reductions.push_back({params.code, value_of(source, output), 0, params.ddof});
    }
    choose_layout();
    add_stores();
    finish();
    return std::move(launch_);
  }

 private:
  const Shape& source_shape() const {
    const auto [source, output] = lowering_.graph_.items[root_].inputs[0];
    return lowering_.node(source).outputs[output].shape;
  }

  bool is_member(int32_t item) const { return lowering_.group_[item] == root_ && item != root_; }

  static uint64_t key(int32_t item, uint32_t output) { return static_cast<uint64_t>(item) << 8 | output; }

  // Loads come before the steps in the numbering of values, so they are all found first.
  void number_loads() {
    for (int32_t member : lowering_.members_[root_]) {
      for (const auto& [source, output] : lowering_.graph_.items[member].inputs) {
        if (is_member(source) || values_.count(key(source, output)) != 0) continue;
        values_[key(source, output)] = static_cast<int32_t>(launch_.inputs.size());
        launch_.inputs.push_back(lowering_.value(source, output));
      }
    }
  }

  int32_t value_of(int32_t item, uint32_t output) const { return values_.at(key(item, output)); }

  void add_step(int32_t member) {
    const Node& node = lowering_.node(member);
    TapeStep step;
    step.code = node.params.as<ElementwiseParams>().code;
    step.target = node.outputs[0].dtype;
    step.out = compute_dtype(step.target);
    const auto& inputs = lowering_.graph_.items[member].inputs;
    for (size_t i = 0; i < inputs.size(); ++i) step.source[i] = value_of(inputs[i].first, inputs[i].second);
    const auto& typed = inputs[step.code == Elementwise::Select ? 1 : 0];
    step.in = compute_dtype(lowering_.node(typed.first).outputs[typed.second].dtype);
    values_[key(member, 0)] = static_cast<int32_t>(launch_.inputs.size() + tape_->steps.size());
    tape_->steps.push_back(step);
  }

  bool is_donated(const Operand& load) const {
    const Slot& slot = lowering_.plan_.slots[load.slot];
    return slot.kind == SlotKind::Input && lowering_.graph_.items[slot.item].donated;
  }

  // The loop runs in the memory order of the first full-size input, so a column-major matrix gives a column-major
  // result; first of all of those that a result may take the place of, so that variables keep their layout; then
  // of one with its channels last, where the plan has such.
  void choose_layout() {
    order_ = Dims();
    for (int i = 0; i < tape_->shape.size(); ++i) order_.push_back(i);
    const auto full_size = [&](const Operand& load) {
      return load.shape == tape_->shape && !is_broadcast(load.shape, load.strides) && load.shape.size() > 1;
    };
    const auto& inputs = launch_.inputs;
    auto leading = std::find_if(inputs.begin(), inputs.end(),
                                [&](const Operand& load) { return full_size(load) && is_donated(load); });
    if (leading == inputs.end() && lowering_.channels_last_)
      leading = std::find_if(inputs.begin(), inputs.end(), is_channels_last);
    if (leading == inputs.end()) leading = std::find_if(inputs.begin(), inputs.end(), full_size);
    if (leading != inputs.end()) order_ = memory_order(tape_->shape, broadcast_strides(*leading, tape_->shape));
    if (reduces_) sort_reduced();
  }

  // With the innermost axis fixed by memory, the reduced axes of the rest go innermost if it is reduced itself
  // (each result is one contiguous run of the loop) and just above it if it is kept.
  void sort_reduced() {
    if (order_.size() < 2) return;
    const int64_t mask = launch_.params.as<ReduceParams>().axes;
    const auto is_kept = [&](int64_t axis) { return (mask >> axis & 1) == 0; };
    int last = order_.size() - 1;
    while (last > 0 && tape_->shape[static_cast<int>(order_[last])] == 1) --last;
    std::stable_partition(order_.begin(), order_.begin() + last, is_kept);
  }

  Dims permuted(const Dims& dims) const {
    Dims result;
    for (int64_t axis : order_) result.push_back(dims[static_cast<int>(axis)]);
    return result;
  }

  void add_stores() {
    if (reduces_) {
      const Dims strides = row_major_strides(lowering_.node(root_).outputs[0].shape);
      for (uint32_t o = 0; o < lowering_.node(root_).outputs.size(); ++o) {
        lowering_.values_[root_][o] = lowering_.allocate(root_, o, strides);
        launch_.outputs.push_back(lowering_.values_[root_][o]);
      }
      return;
    }
    for (int32_t member : lowering_.members_[root_]) {
      if (member != root_ && !lowering_.storage_escapes_[member]) continue;
      Dims strides = Dims::filled(tape_->shape.size(), 0);
      int64_t stride = 1;
      for (int k = order_.size() - 1; k >= 0; --k) {
        const int axis = static_cast<int>(order_[k]);
        strides[axis] = stride;
        stride *= std::max<int64_t>(1, tape_->shape[axis]);
      }
      const Operand place = lowering_.allocate(member, 0, strides);
      lowering_.values_[member][0] = place;
      tape_->stores.push_back({value_of(member, 0), static_cast<int32_t>(launch_.outputs.size())});
      launch_.outputs.push_back(place);
    }
  }

  // Strides of a reduction's outputs over the iteration's axes: 0 along the reduced ones.
  Dims reduced_strides() const {
    const auto& params = launch_.params.as<ReduceParams>();
    const Operand& out = launch_.outputs[0];
    Dims strides;
    int next = 0;
    for (int axis = 0; axis < tape_->shape.size(); ++axis) {
      const bool reduced = (params.axes >> axis & 1) != 0;
      strides.push_back(reduced ? 0 : out.strides[next]);
      if (!reduced || params.keepdims != 0) ++next;
    }
    return strides;
  }

  // Expresses every operand over the iteration's axes, in loop order, with neighbours merged.
  void finish() {
    std::vector<Dims> strides;
    for (const Operand& load : launch_.inputs) strides.push_back(permuted(broadcast_strides(load, tape_->shape)));
    for (const Operand& store : launch_.outputs) {
      strides.push_back(permuted(reduces_ ? reduced_strides() : store.strides));
    }
    Dims classes = Dims::filled(tape_->shape.size(), 0);
    if (reduces_) {
      for (int k = 0; k < classes.size(); ++k)
        classes[k] = launch_.params.as<ReduceParams>().axes >> order_[k] & 1;
    }
    Shape shape = permuted(tape_->shape);
    std::vector<Dims*> lists;
    for (Dims& list : strides) lists.push_back(&list);
    collapse(shape, lists, classes);
    tape_->shape = shape;
    for (size_t i = 0; i < strides.size(); ++i) {
      Operand& operand =
          i < launch_.inputs.size() ? launch_.inputs[i] : launch_.outputs[i - launch_.inputs.size()];
      operand.shape = shape;
      operand.strides = strides[i];
    }
    if (reduces_) {
      ReduceParams params = launch_.params.as<ReduceParams>();
      params.axes = 0;
      for (int k = 0; k < classes.size(); ++k) params.axes |= classes[k] << k;
      launch_.params = params;
    }
    launch_.nodes = {root_};
    launch_.tape = std::move(tape_);
  }

  Lowering& lowering_;
  int32_t root_;
  Launch launch_;
  std::unique_ptr<Tape> tape_;
  bool reduces_;
  Dims order_;
  std::unordered_map<uint64_t, int32_t> values_;
};

void Lowering::lower_group(int32_t root) {
  Launch launch = TapeBuilder(*this, root).build();
  choose_donors(launch);
  plan_.launches.push_back(std::move(launch));
}

// The last step that reads a load, or -1.
static int32_t last_reader(const Tape& tape, size_t load) {
  int32_t last = -1;
  for (size_t s = 0; s < tape.steps.size(); ++s)
    for (int32_t source : tape.steps[s].source)
      if (source == static_cast<int32_t>(load)) last = static_cast<int32_t>(s);
  return last;
}

// Whether everything the launch reads in the input's memory is that input: each element where the result's lies.
bool reads_in_place(const Launch& launch, const Operand& input) {
  return std::all_of(launch.inputs.begin(), launch.inputs.end(), [&](const Operand& other) {
    return other.slot != input.slot || (other.offset == input.offset && other.strides == input.strides);
  });
}

// A kept result may take over the storage of an input that nobody else reads, element for element: by the time an
// element of it is written, every step that reads the input there has run. Of several such inputs it takes the one
// that was read last, which for an optimizer's state is its own old value.
void Lowering::choose_donors(Launch& launch) {
  if (launch.kind != OpKind::Elementwise) return;
  const Tape& tape = *launch.tape;
  const auto loads = static_cast<int32_t>(launch.inputs.size());
  std::vector<char> taken(launch.inputs.size(), 0);
  for (const TapeStore& store : tape.stores) {
    const Operand& out = launch.outputs[static_cast<size_t>(store.output)];
    if (plan_.slots[out.slot].kind != SlotKind::Output) continue;
    int32_t latest = -2;
    size_t donor = 0;
    for (size_t i = 0; i < launch.inputs.size(); ++i) {
      const Operand& in = launch.inputs[i];
      const Slot& slot = plan_.slots[in.slot];
      const bool owned = slot.kind == SlotKind::Input && graph_.items[slot.item].donated && !taken[i];
      const bool same =
          dtype_size(in.dtype) == dtype_size(out.dtype) && in.offset == 0 && in.strides == out.strides;
      const int32_t reader = last_reader(tape, i);
      if (!owned || !same || storage_escapes_[slot.item] || !reads_in_place(launch, in)) continue;
      if (reader > store.value - loads || reader <= latest) continue;
      latest = reader;
      donor = i;
    }
    if (latest == -2) continue;
    plan_.slots[out.slot].donor = launch.inputs[donor].slot;
    taken[donor] = 1;
  }
}

}  // namespace nngpu::graph
