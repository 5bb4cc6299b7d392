// Joining work on single numbers, such as an optimizer's count of steps and what is computed from it: one tape
// instead of a launch for each.
#include <algorithm>
#include <unordered_map>

#include "graph/plan_batch.h"
#include "graph/tape_joiner.h"

namespace nngpu::graph {
namespace {

constexpr TapeLimits kLimits{60, 20, 20, 16};

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
    if (TapeJoiner(plan, plan.launches[found->second], plan.launches[i], kLimits).join())
      merged[i] = 1;
    else
      found->second = i;
  }
  if (std::count(merged.begin(), merged.end(), 1) > 0) keep_unmerged(plan, merged);
}

}  // namespace nngpu::graph
