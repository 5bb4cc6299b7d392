// A plan as text (explain).
#include <algorithm>
#include <cstdio>
#include <set>

#include "graph/plan_memory.h"

namespace nngpu::graph {
namespace {

std::string human_bytes(int64_t bytes) {
  char text[32];
  if (bytes < 1024)
    std::snprintf(text, sizeof(text), "%lld B", static_cast<long long>(bytes));
  else if (bytes < 1024 * 1024)
    std::snprintf(text, sizeof(text), "%.1f KiB", static_cast<double>(bytes) / 1024);
  else
    std::snprintf(text, sizeof(text), "%.1f MiB", static_cast<double>(bytes) / (1024 * 1024));
  return text;
}

// The bytes an operand really touches: repeated elements count once.
int64_t touched_bytes(const Operand& operand) {
  int64_t count = 1;
  for (int i = 0; i < operand.shape.size(); ++i) {
    if (operand.strides[i] != 0) count *= operand.shape[i];
  }
  return numel(operand.shape) == 0 ? 0 : count * static_cast<int64_t>(dtype_size(operand.dtype));
}

int64_t moved_bytes(const Launch& launch) {
  int64_t bytes = 0;
  std::set<std::pair<int32_t, int64_t>> seen;
  for (const auto* operands : {&launch.inputs, &launch.outputs}) {
    for (const Operand& operand : *operands) {
      if (seen.insert({operand.slot, operand.offset}).second) bytes += touched_bytes(operand);
    }
  }
  return bytes;
}

std::string fused_names(const Launch& launch) {
  if (!launch.tape) return "";
  std::string names;
  for (const TapeStep& step : launch.tape->steps) {
    if (!names.empty()) names += ", ";
    names += elementwise_info(step.code).name;
  }
  if (launch.kind == OpKind::Reduce) {
    static constexpr const char* kReductions[kReductionCount] = {"sum", "prod", "min",       "max",
                                                                 "any", "all",  "logsumexp", "moments"};
    if (!names.empty()) names += " -> ";
    for (size_t k = 0; k < launch.tape->reductions.size(); ++k)
      names +=
          (k > 0 ? " and " : "") + std::string(kReductions[static_cast<int>(launch.tape->reductions[k].code)]);
  }
  return " {" + names + "}";
}

std::string line(size_t index, const Launch& launch) {
  std::string text = "  " + std::to_string(index) + ". " + op_name(launch.kind) + fused_names(launch);
  for (size_t i = 0; i < launch.outputs.size(); ++i) {
    const Operand& out = launch.outputs[i];
    const auto again = [&](const Operand& other) { return other.slot == out.slot; };
    if (std::any_of(launch.outputs.begin() + static_cast<std::ptrdiff_t>(i) + 1, launch.outputs.end(), again))
      continue;
    text += std::string(" ") + dtype_name(out.dtype) + to_string(out.shape);
    if (launch.items > 1) break;
  }
  if (launch.items > 1) text += " x " + std::to_string(launch.items) + " batched";
  return text + ", moves " + human_bytes(moved_bytes(launch)) + "\n";
}

// The launch during which most memory is taken by intermediate results.
int32_t launch_at_peak(const Plan& plan, const std::vector<Lifetime>& all) {
  std::vector<int64_t> change(plan.launches.size() + 1, 0);
  for (const Lifetime& lifetime : all) {
    change[static_cast<size_t>(lifetime.first)] += lifetime.bytes;
    change[static_cast<size_t>(lifetime.last) + 1] -= lifetime.bytes;
  }
  int64_t taken = 0, most = -1;
  int32_t peak = 0;
  for (size_t i = 0; i < plan.launches.size(); ++i) {
    taken += change[i];
    if (taken <= most) continue;
    most = taken;
    peak = static_cast<int32_t>(i);
  }
  return peak;
}

// What holds memory there: the largest first.
std::string peak_report(const Plan& plan) {
  constexpr size_t kShown = 8;
  const std::vector<Lifetime> all = lifetimes(plan);
  if (all.empty()) return "";
  const int32_t peak = launch_at_peak(plan, all);
  std::vector<Lifetime> held;
  for (const Lifetime& lifetime : all)
    if (lifetime.first <= peak && peak <= lifetime.last) held.push_back(lifetime);
  std::stable_sort(held.begin(), held.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  std::string text = "at the peak, during launch " + std::to_string(peak) + ":\n";
  for (size_t i = 0; i < std::min(held.size(), kShown); ++i) {
    const Launch& maker = plan.launches[static_cast<size_t>(held[i].first)];
    text += "  " + human_bytes(held[i].bytes) + " of " + op_name(maker.kind) + fused_names(maker) + " (launch " +
            std::to_string(held[i].first) + ", read until " + std::to_string(held[i].last) + ")\n";
  }
  if (held.size() > kShown) text += "  and " + std::to_string(held.size() - kShown) + " smaller ones\n";
  return text;
}

}  // namespace

std::string describe(const Plan& plan, const GraphView& graph) {
  int64_t operations = 0, moved = 0, kept = 0;
  for (const GraphView::Item& item : graph.items) {
    operations += !item.is_input && item.node->kind != OpKind::Constant;
  }
  for (const Launch& launch : plan.launches) moved += moved_bytes(launch);
  for (const Slot& slot : plan.slots) kept += slot.kind == SlotKind::Output ? slot.bytes : 0;
  std::string text = "plan on " + to_string(graph.device) + ": " + std::to_string(operations) + " operations in " +
                     std::to_string(plan.launches.size()) + " launches\n";
  for (size_t i = 0; i < plan.launches.size(); ++i) text += line(i, plan.launches[i]);
  text += "moves " + human_bytes(moved) + ", intermediates peak at " + human_bytes(plan.arena_bytes) +
          ", results take " + human_bytes(kept) + "\n";
  return text + peak_report(plan);
}

}  // namespace nngpu::graph
