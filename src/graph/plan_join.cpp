// Joining work on few elements, such as an optimizer's count of steps, or the statistics of channels and what
// follows from them: one tape instead of a launch for each, even where one reads another.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "graph/plan_batch.h"
#include "graph/tape_joiner.h"

namespace nngpu::graph {
namespace {

constexpr TapeLimits kLimits{60, 20, 20, 16};
constexpr int64_t kFewElements = 128 * 128;  // the launch costs more than what it does

bool is_half(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16; }

// A half type's value is rounded where it is stored, so who reads it must not get it from a register.
bool is_small_work(const Launch& launch) {
  const auto rounds = [](const Operand& operand) { return is_half(operand.dtype); };
  return launch.kind == OpKind::Elementwise && launch.items == 1 && numel(launch.tape->shape) > 0 &&
         numel(launch.tape->shape) <= kFewElements &&
         std::none_of(launch.outputs.begin(), launch.outputs.end(), rounds);
}

bool is_small_work(const Launch& launch, const Shape& shape) {
  return is_small_work(launch) && launch.tape->shape == shape;
}

// The most launches that do other work on any way to each launch. Between two of one such level there is no other
// work: they can be joined, even where one reads what the other computes.
std::vector<int64_t> levels_of_other_work(const Plan& plan, const Shape& shape) {
  std::vector<int64_t> of_slot(plan.slots.size(), 0), result;
  for (const Launch& launch : plan.launches) {
    int64_t level = 0;
    for (const Operand& input : launch.inputs) level = std::max(level, of_slot[input.slot]);
    const int64_t own = is_small_work(launch, shape) ? 0 : 1;
    for (const Operand& output : launch.outputs) of_slot[output.slot] = level + own;
    result.push_back(level);
  }
  return result;
}

bool lies_alike(const Operand& a, const Operand& b) { return a.offset == b.offset && a.strides == b.strides; }

// Whether the loops meet element by element: what the item reads of the first one's results, or overwrites of what
// the first one reads, lies in the order of the loop for both.
bool meets(const Plan& plan, const Launch& first, const Launch& item) {
  for (const Operand& output : first.outputs)
    for (const Operand& input : item.inputs)
      if (input.slot == output.slot && !lies_alike(input, output)) return false;
  for (const Operand& output : item.outputs) {
    const int32_t donor = plan.slots[output.slot].donor;
    for (const Operand& input : first.inputs)
      if (input.slot == donor && !lies_alike(input, output)) return false;
  }
  return true;
}

void join_over(Plan& plan, const Shape& shape) {
  const std::vector<int64_t> level = levels_of_other_work(plan, shape);
  std::vector<char> merged(plan.launches.size(), 0);
  std::unordered_map<int64_t, size_t> head;
  for (size_t i = 0; i < plan.launches.size(); ++i) {
    Launch& item = plan.launches[i];
    if (!is_small_work(item, shape)) continue;
    const auto [found, first] = head.emplace(level[i], i);
    if (first) continue;
    Launch& into = plan.launches[found->second];
    if (meets(plan, into, item) && TapeJoiner(plan, into, item, kLimits).join())
      merged[i] = 1;
    else
      found->second = i;
  }
  if (std::count(merged.begin(), merged.end(), 1) > 0) keep_unmerged(plan, merged);
}

}  // namespace

// One shape after the other: what is joined over one is other work for the next.
void join_numbers(Plan& plan) {
  std::map<std::vector<int64_t>, int64_t> count;
  for (const Launch& launch : plan.launches) {
    if (!is_small_work(launch)) continue;
    const Shape& shape = launch.tape->shape;
    ++count[std::vector<int64_t>(shape.begin(), shape.end())];
  }
  for (const auto& [sizes, launches] : count) {
    Shape shape;
    for (int64_t size : sizes) shape.push_back(size);
    if (launches > 1) join_over(plan, shape);
  }
}

}  // namespace nngpu::graph
