// Joining work on single numbers, such as an optimizer's count of steps and what is computed from it: one tape
// instead of a launch for each.
#include <algorithm>
#include <unordered_map>

#include "graph/plan_batch.h"

namespace nngpu::graph {
namespace {

constexpr size_t kMaxSteps = 60, kMaxLoads = 20, kMaxStores = 16;

// Appends the tape of `item` to that of `into`, whose results it may read. Both compute single numbers.
class TapeJoiner {
 public:
  TapeJoiner(Plan& plan, Launch& into, const Launch& item) : plan_(plan), into_(into), item_(item) {}

  bool join() {
    std::vector<Operand> loads = into_.inputs;
    std::vector<int32_t> values;  // of the item's values, their numbers in the joined tape
    Tape& tape = *into_.tape;
    for (const Operand& input : item_.inputs) {
      const int32_t step = step_of_result(input);  // numbered once the number of loads is known
      values.push_back(step >= 0 ? -1 - step : find(loads, input));
    }
    const size_t steps = tape.steps.size() + item_.tape->steps.size();
    const size_t stores = tape.stores.size() + item_.tape->stores.size();
    if (steps > kMaxSteps || loads.size() > kMaxLoads || stores > kMaxStores) return false;
    shift_steps(static_cast<int32_t>(loads.size() - into_.inputs.size()));
    for (int32_t& value : values)
      if (value < 0) value = static_cast<int32_t>(loads.size()) - 1 - value;
    for (size_t s = 0; s < item_.tape->steps.size(); ++s) {
      TapeStep step = item_.tape->steps[s];
      for (int32_t& source : step.source)
        if (source >= 0) source = values[static_cast<size_t>(source)];
      values.push_back(static_cast<int32_t>(loads.size() + tape.steps.size()));
      tape.steps.push_back(step);
    }
    const auto outputs = static_cast<int32_t>(into_.outputs.size());
    for (const TapeStore& store : item_.tape->stores)
      tape.stores.push_back({values[static_cast<size_t>(store.value)], store.output + outputs});
    keep_what_is_read();
    into_.inputs = std::move(loads);
    into_.outputs.insert(into_.outputs.end(), item_.outputs.begin(), item_.outputs.end());
    return true;
  }

 private:
  // No result of the steps before may overwrite what the item's steps still read.
  void keep_what_is_read() {
    for (const Operand& output : into_.outputs) {
      int32_t& donor = plan_.slots[static_cast<size_t>(output.slot)].donor;
      const auto reads = [&](const Operand& input) { return input.slot == donor; };
      if (std::any_of(item_.inputs.begin(), item_.inputs.end(), reads)) donor = -1;
    }
  }

  // The step whose result an operand is, or -1.
  int32_t step_of_result(const Operand& operand) const {
    for (const TapeStore& store : into_.tape->stores) {
      if (into_.outputs[static_cast<size_t>(store.output)].slot == operand.slot)
        return store.value - static_cast<int32_t>(into_.inputs.size());
    }
    return -1;
  }

  static int32_t find(std::vector<Operand>& loads, const Operand& input) {
    for (size_t i = 0; i < loads.size(); ++i) {
      const bool same = loads[i].slot == input.slot && loads[i].offset == input.offset;
      if (same && loads[i].dtype == input.dtype) return static_cast<int32_t>(i);
    }
    loads.push_back(input);
    return static_cast<int32_t>(loads.size()) - 1;
  }

  // Loads come before the steps in the numbering of values.
  void shift_steps(int32_t more) {
    const auto loads = static_cast<int32_t>(into_.inputs.size());
    for (TapeStep& step : into_.tape->steps) {
      for (int32_t& source : step.source)
        if (source >= loads) source += more;
    }
    for (TapeStore& store : into_.tape->stores)
      if (store.value >= loads) store.value += more;
  }

  Plan& plan_;
  Launch& into_;
  const Launch& item_;
};

bool is_half(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16; }

// A half type's value is rounded where it is stored, so who reads it must not get it from a register.
bool is_number_work(const Launch& launch) {
  const auto rounds = [](const Operand& operand) { return is_half(operand.dtype); };
  return launch.kind == OpKind::Elementwise && launch.items == 1 && launch.tape->shape.empty() &&
         std::none_of(launch.outputs.begin(), launch.outputs.end(), rounds);
}

// The most launches that do other work on any way to each launch. Between two of one such level there is no other
// work: they can be joined, even where one reads what the other computes.
std::vector<int64_t> levels_of_other_work(const Plan& plan) {
  std::vector<int64_t> of_slot(plan.slots.size(), 0), result;
  for (const Launch& launch : plan.launches) {
    int64_t level = 0;
    for (const Operand& input : launch.inputs) level = std::max(level, of_slot[input.slot]);
    for (const Operand& output : launch.outputs) of_slot[output.slot] = level + (is_number_work(launch) ? 0 : 1);
    result.push_back(level);
  }
  return result;
}

}  // namespace

void join_numbers(Plan& plan) {
  if (std::count_if(plan.launches.begin(), plan.launches.end(), is_number_work) < 2) return;
  const std::vector<int64_t> level = levels_of_other_work(plan);
  std::vector<char> merged(plan.launches.size(), 0);
  std::unordered_map<int64_t, size_t> head;
  for (size_t i = 0; i < plan.launches.size(); ++i) {
    if (!is_number_work(plan.launches[i])) continue;
    const auto [found, first] = head.emplace(level[i], i);
    if (first) continue;
    if (TapeJoiner(plan, plan.launches[found->second], plan.launches[i]).join())
      merged[i] = 1;
    else
      found->second = i;
  }
  if (std::count(merged.begin(), merged.end(), 1) > 0) keep_unmerged(plan, merged);
}

}  // namespace nngpu::graph
