#include "graph/tape_joiner.h"

#include <algorithm>

namespace nngpu::graph {

bool TapeJoiner::join() {
  std::vector<Operand> loads = into_.inputs;
  std::vector<int32_t> values;  // of the item's values, their numbers in the joined tape
  Tape& tape = *into_.tape;
  for (const Operand& input : item_.inputs) {
    const int32_t step = step_of_result(input);  // numbered once the number of loads is known
    values.push_back(step >= 0 ? -1 - step : find(loads, input));
  }
  const size_t steps = tape.steps.size() + item_.tape->steps.size();
  const size_t stores = tape.stores.size() + item_.tape->stores.size();
  const auto tensors =
      std::count_if(loads.begin(), loads.end(), [](const Operand& load) { return !load.constant; });
  if (steps > limits_.steps || loads.size() > limits_.loads || stores > limits_.stores) return false;
  if (static_cast<size_t>(tensors) > limits_.tensors) return false;
  shift_steps(static_cast<int32_t>(loads.size() - into_.inputs.size()));
  for (int32_t& value : values)
    if (value < 0) value = static_cast<int32_t>(loads.size()) - 1 - value;
  for (TapeStep step : item_.tape->steps) {
    for (int32_t& source : step.source)
      if (source >= 0) source = values[static_cast<size_t>(source)];
    values.push_back(static_cast<int32_t>(loads.size() + tape.steps.size()));
    tape.steps.push_back(step);
  }
  const auto outputs = static_cast<int32_t>(into_.outputs.size());
  for (const TapeStore& store : item_.tape->stores)
    tape.stores.push_back({values[static_cast<size_t>(store.value)], store.output + outputs});
  for (TapeReduction reduction : item_.tape->reductions) {
    reduction.value = values[static_cast<size_t>(reduction.value)];
    reduction.output += outputs;
    tape.reductions.push_back(reduction);
  }
  keep_what_is_read();
  into_.inputs = std::move(loads);
  into_.outputs.insert(into_.outputs.end(), item_.outputs.begin(), item_.outputs.end());
  return true;
}

// No result of the steps before may overwrite what the item's steps still read.
void TapeJoiner::keep_what_is_read() {
  for (const Operand& output : into_.outputs) {
    int32_t& donor = plan_.slots[static_cast<size_t>(output.slot)].donor;
    const auto reads = [&](const Operand& input) { return input.slot == donor; };
    if (std::any_of(item_.inputs.begin(), item_.inputs.end(), reads)) donor = -1;
  }
}

// The step whose result an operand is, or -1. A store of a load is no step.
int32_t TapeJoiner::step_of_result(const Operand& operand) const {
  for (const TapeStore& store : into_.tape->stores) {
    if (into_.outputs[static_cast<size_t>(store.output)].slot == operand.slot)
      return store.value - static_cast<int32_t>(into_.inputs.size());
  }
  return -1;
}

int32_t TapeJoiner::find(std::vector<Operand>& loads, const Operand& input) {
  for (size_t i = 0; i < loads.size(); ++i) {
    const bool same = loads[i].slot == input.slot && loads[i].offset == input.offset;
    if (same && loads[i].dtype == input.dtype && loads[i].strides == input.strides) return static_cast<int32_t>(i);
  }
  loads.push_back(input);
  return static_cast<int32_t>(loads.size()) - 1;
}

// Loads come before the steps in the numbering of values.
void TapeJoiner::shift_steps(int32_t more) {
  const auto loads = static_cast<int32_t>(into_.inputs.size());
  for (TapeStep& step : into_.tape->steps) {
    for (int32_t& source : step.source)
      if (source >= loads) source += more;
  }
  for (TapeStore& store : into_.tape->stores)
    if (store.value >= loads) store.value += more;
  for (TapeReduction& reduction : into_.tape->reductions)
    if (reduction.value >= loads) reduction.value += more;
}

}  // namespace nngpu::graph
