// Merging elementwise launches: independent ones of the same tape become items of one launch, each with its own
// number of elements.
#include <algorithm>
#include <unordered_map>

#include "graph/plan_batch.h"

namespace nngpu::graph {
namespace {

constexpr int64_t kSmallElements =
    128 * 128;  // of an intermediate: a larger one is better used while it is in the cache
constexpr int64_t kTemporaryBytes = int64_t{64} << 20;  // that one merged launch makes live together

// How an item reads an operand. A single element may be read in any of the ways.
enum class Form : uint8_t { Constant, Single, Dense, Any };

int64_t elements(const Launch& launch) { return numel(launch.tape->shape); }

bool is_temporary(const Plan& plan, const Operand& operand) {
  return plan.slots[operand.slot].kind == SlotKind::Temporary;
}

bool is_run(const Operand& operand) {
  return operand.constant || operand.strides.empty() || operand.strides[0] == 0 || operand.strides[0] == 1;
}

// Loops over one run of elements, in which every operand is contiguous or one element.
bool merges(const Plan& plan, const Launch& launch) {
  if (launch.kind != OpKind::Elementwise || elements(launch) == 0 || launch.tape->shape.size() > 1) return false;
  for (const Operand& output : launch.outputs) {
    if (!output.strides.empty() && output.strides[0] != 1) return false;
    if (is_temporary(plan, output) && elements(launch) > kSmallElements) return false;
  }
  return std::all_of(launch.inputs.begin(), launch.inputs.end(), is_run);
}

std::vector<Form> forms_of(const Launch& launch) {
  std::vector<Form> forms;
  for (const Operand& input : launch.inputs) {
    if (input.constant)
      forms.push_back(Form::Constant);
    else if (input.strides.empty())
      forms.push_back(Form::Any);
    else
      forms.push_back(input.strides[0] == 0 ? Form::Single : Form::Dense);
  }
  return forms;
}

// What all items have in common; numbers are those of one slot.
KeyWords signature(const Launch& launch, int64_t height, int32_t epoch) {
  const Tape& tape = *launch.tape;
  KeyWords key{static_cast<uint64_t>(height), static_cast<uint64_t>(epoch), launch.inputs.size(),
               launch.outputs.size(), tape.steps.size()};
  const auto append = [&](auto value) { key.push_back(static_cast<uint64_t>(value)); };
  for (const TapeStep& step : tape.steps) {
    append(step.code);
    append(step.in);
    append(step.out);
    append(step.target);
    for (int32_t source : step.source) append(source);
  }
  for (const TapeStore& store : tape.stores) {
    append(store.value);
    append(store.output);
  }
  for (const auto* operands : {&launch.inputs, &launch.outputs}) {
    for (const Operand& operand : *operands) {
      append(operand.dtype);
      append(operand.constant ? operand.slot : -1);
    }
  }
  return key;
}

// The longest chain of launches above each launch. Unlike levels, heights bring together what ends a plan: the
// updates of parameters, whose gradients are ready one after another.
std::vector<int64_t> heights(const Plan& plan) {
  std::vector<int64_t> of_slot(plan.slots.size(), 0), result(plan.launches.size(), 0);
  for (size_t i = plan.launches.size(); i-- > 0;) {
    const Launch& launch = plan.launches[i];
    for (const Operand& output : launch.outputs) result[i] = std::max(result[i], of_slot[output.slot]);
    for (const Operand& input : launch.inputs) of_slot[input.slot] = std::max(of_slot[input.slot], result[i] + 1);
  }
  return result;
}

int64_t temporary_bytes(const Plan& plan, const Launch& launch) {
  int64_t bytes = 0;
  for (const Operand& output : launch.outputs)
    if (is_temporary(plan, output)) bytes += plan.slots[output.slot].bytes;
  return bytes;
}

bool agree(std::vector<Form>& group, const std::vector<Form>& item) {
  for (size_t i = 0; i < item.size(); ++i)
    if (group[i] != item[i] && group[i] != Form::Any && item[i] != Form::Any) return false;
  for (size_t i = 0; i < item.size(); ++i)
    if (group[i] == Form::Any) group[i] = item[i];
  return true;
}

// Items of one tape.
class TapeMerger {
 public:
  TapeMerger(Plan& plan, std::vector<char>& merged) : plan_(plan), merged_(merged) {}

  void add(size_t index, int64_t height) {
    Launch& launch = plan_.launches[index];
    const int64_t bytes = temporary_bytes(plan_, launch);
    const std::vector<Form> forms = forms_of(launch);
    std::vector<Group>& groups = groups_[signature(launch, height, epoch_of(plan_, launch))];
    for (Group& group : groups) {
      if (group.bytes + bytes > kTemporaryBytes || !agree(group.forms, forms)) continue;
      merge_items(plan_.launches[group.head], launch);
      group.bytes += bytes;
      merged_[index] = 1;
      return;
    }
    groups.push_back({index, bytes, forms});
  }

 private:
  struct Group {
    size_t head;
    int64_t bytes;
    std::vector<Form> forms;
  };
  Plan& plan_;
  std::vector<char>& merged_;
  std::unordered_map<KeyWords, std::vector<Group>, KeyHash> groups_;
};

}  // namespace

void merge_elementwise(Plan& plan) {
  const auto may_merge = [&](const Launch& launch) { return merges(plan, launch); };
  if (std::count_if(plan.launches.begin(), plan.launches.end(), may_merge) < 2) return;
  const std::vector<int64_t> height = heights(plan);
  std::vector<char> merged(plan.launches.size(), 0);
  TapeMerger merger(plan, merged);
  for (size_t i = 0; i < plan.launches.size(); ++i)
    if (may_merge(plan.launches[i])) merger.add(i, height[i]);
  if (std::count(merged.begin(), merged.end(), 1) > 0) keep_unmerged(plan, merged);
}

}  // namespace nngpu::graph
