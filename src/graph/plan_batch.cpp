// Batching: independent small launches of one signature become one.
#include "graph/plan_batch.h"

#include <algorithm>
#include <unordered_map>

namespace nngpu::graph {
namespace {

constexpr int64_t kSmallElements = 128 * 128;       // of an operand
constexpr int64_t kBatchBytes = int64_t{64} << 20;  // results that one merged launch makes live together

bool batches(const Launch& launch) {
  switch (launch.kind) {
    case OpKind::Matmul:
    case OpKind::LuFactor:
    case OpKind::LuSolve:
    case OpKind::Cholesky:
    case OpKind::Inverse:
    case OpKind::Solve:
    case OpKind::Qr:
    case OpKind::Eigh:
    case OpKind::Svd:
      return numel(launch.outputs[0].shape) <= kSmallElements;
    default:
      return false;
  }
}

void append(KeyWords& key, const Dims& dims) {
  key.push_back(static_cast<uint64_t>(dims.size()));
  key.insert(key.end(), dims.begin(), dims.end());
}

KeyWords signature(const Launch& launch, int64_t level, int32_t epoch) {
  KeyWords key{static_cast<uint64_t>(launch.kind), static_cast<uint64_t>(level), static_cast<uint64_t>(epoch),
               launch.inputs.size()};
  key.insert(key.end(), launch.params.words(), launch.params.words() + launch.params.count());
  for (const auto* operands : {&launch.inputs, &launch.outputs}) {
    for (const Operand& operand : *operands) {
      key.push_back(static_cast<uint64_t>(operand.dtype));
      append(key, operand.shape);
      append(key, operand.strides);
    }
  }
  return key;
}

// The longest chain of launches below each launch.
std::vector<int64_t> levels(const Plan& plan) {
  std::vector<int64_t> of_slot(plan.slots.size(), 0), result;
  for (const Launch& launch : plan.launches) {
    int64_t level = 0;
    for (const Operand& input : launch.inputs) level = std::max(level, of_slot[input.slot]);
    for (const Operand& output : launch.outputs) of_slot[output.slot] = level + 1;
    result.push_back(level);
  }
  return result;
}

int64_t output_bytes(const Launch& launch) {
  int64_t bytes = 0;
  for (const Operand& o : launch.outputs) bytes += numel(o.shape) * static_cast<int64_t>(dtype_size(o.dtype));
  return bytes;
}

}  // namespace

void merge_items(Launch& into, Launch& item) {
  into.inputs.insert(into.inputs.end(), item.inputs.begin(), item.inputs.end());
  into.outputs.insert(into.outputs.end(), item.outputs.begin(), item.outputs.end());
  into.nodes.insert(into.nodes.end(), item.nodes.begin(), item.nodes.end());
  into.items += item.items;
}

// The launches that are left, in the order they had (it keeps few intermediates alive) but for what a merged
// launch reads, which goes before it. There is no cycle: what a launch reads was made on a lower level.
static std::vector<size_t> order_of(const Plan& plan, const std::vector<char>& merged) {
  constexpr size_t kNone = SIZE_MAX;
  std::vector<size_t> producer(plan.slots.size(), kNone), order, stack;
  for (size_t i = 0; i < plan.launches.size(); ++i) {
    if (merged[i]) continue;
    for (const Operand& output : plan.launches[i].outputs) producer[output.slot] = i;
  }
  std::vector<char> placed(plan.launches.size(), 0);
  for (size_t i = 0; i < plan.launches.size(); ++i) {
    if (!merged[i]) stack.push_back(i);
    while (!stack.empty()) {
      const size_t launch = stack.back(), waiting = stack.size();
      const std::vector<Operand>& inputs = plan.launches[launch].inputs;
      for (size_t k = inputs.size(); k-- > 0;) {  // the first on top
        const size_t source = producer[inputs[k].slot];
        const bool own = source == launch;  // a product's chain reads what the product wrote
        if (!placed[launch] && source != kNone && !own && !placed[source]) stack.push_back(source);
      }
      if (stack.size() > waiting) continue;
      if (!placed[launch]) order.push_back(launch);
      placed[launch] = 1;
      stack.pop_back();
    }
  }
  return order;
}

void keep_unmerged(Plan& plan, const std::vector<char>& merged) {
  std::vector<Launch> launches;
  for (size_t i : order_of(plan, merged)) launches.push_back(std::move(plan.launches[i]));
  plan.launches = std::move(launches);
}

void batch_launches(Plan& plan) {
  if (std::count_if(plan.launches.begin(), plan.launches.end(), batches) < 2) return;
  const std::vector<int64_t> level = levels(plan);
  std::unordered_map<KeyWords, std::vector<size_t>, KeyHash> groups;
  bool any = false;
  for (size_t i = 0; i < plan.launches.size(); ++i) {
    if (!batches(plan.launches[i])) continue;
    auto& group = groups[signature(plan.launches[i], level[i], epoch_of(plan, plan.launches[i]))];
    group.push_back(i);
    any = any || group.size() > 1;
  }
  if (!any) return;
  std::vector<char> merged(plan.launches.size(), 0);
  for (auto& [key, group] : groups) {
    const int64_t bytes = std::max<int64_t>(1, output_bytes(plan.launches[group[0]]));
    const auto most = static_cast<size_t>(std::max<int64_t>(2, kBatchBytes / bytes));
    for (size_t i = 0; i < group.size(); ++i) {
      const size_t head = group[i - i % most];
      if (head == group[i]) continue;
      merge_items(plan.launches[head], plan.launches[group[i]]);
      merged[group[i]] = 1;
    }
  }
  keep_unmerged(plan, merged);
}

}  // namespace nngpu::graph
