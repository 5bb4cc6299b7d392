// Joining siblings: independent reductions over one loop that read the same memory, such as the mean and the
// variance of a tensor or the sums in a normalization's gradient, become one launch that reads it once. Small ones
// are joined whatever they read.
//
// A joined reduction goes through the same elements in the same steps as alone, so joining changes no bit. That is
// why the operands that differ must be as wide, and lie as regularly, as the others.
#include <algorithm>
#include <unordered_map>

#include "graph/layout.h"
#include "graph/plan_batch.h"
#include "graph/tape_joiner.h"

namespace nngpu::graph {
namespace {

// As in plan_fuse.cpp.
constexpr TapeLimits kLimits{40, 20, 10, 16};
constexpr size_t kMostReductions = 4;               // a thread keeps the partial results of all
constexpr int64_t kSmallBytes = int64_t{64} << 10;  // of what a launch reads: it costs little but itself
constexpr size_t kMostTries = 8;                    // of earlier launches that one may join

bool is_sibling(const Launch& launch) {
  return launch.kind == OpKind::Reduce && launch.items == 1 && numel(launch.tape->shape) > 0;
}

int64_t bytes_read(const Operand& operand) {
  auto bytes = static_cast<int64_t>(dtype_size(operand.dtype));
  for (int axis = 0; axis < operand.shape.size(); ++axis)
    if (operand.strides[axis] != 0) bytes *= operand.shape[axis];
  return bytes;
}

int64_t bytes_read(const Launch& launch) {
  int64_t bytes = 0;
  for (const Operand& input : launch.inputs)
    if (!input.constant) bytes += bytes_read(input);
  return bytes;
}

bool is_same(const Operand& a, const Operand& b) {
  return a.slot == b.slot && a.offset == b.offset && a.dtype == b.dtype && a.strides == b.strides;
}

int64_t bytes_shared(const Launch& a, const Launch& b) {
  int64_t bytes = 0;
  for (const Operand& input : a.inputs) {
    const auto same = [&](const Operand& other) { return is_same(input, other); };
    if (!input.constant && std::any_of(b.inputs.begin(), b.inputs.end(), same)) bytes += bytes_read(input);
  }
  return bytes;
}

// How a backend may read a launch's operands several elements at once: the widest type, and whether each row
// begins at a multiple of as many elements as fit 16 bytes.
std::pair<size_t, bool> packs_of(const Launch& launch) {
  size_t widest = 1;
  const int last = launch.tape->shape.size() - 1;
  const auto is_packed = [&](const Operand& input) {
    return !input.constant && last >= 0 && input.strides[last] != 0;
  };
  for (const Operand& input : launch.inputs)
    if (is_packed(input)) widest = std::max(widest, dtype_size(input.dtype));
  const auto width = static_cast<int64_t>(std::min<size_t>(8, 16 / widest));
  bool regular = true;
  for (const Operand& input : launch.inputs) {
    if (!is_packed(input)) continue;
    regular = regular && input.strides[last] == 1 && input.offset % width == 0;
    for (int axis = 0; axis < last; ++axis) regular = regular && input.strides[axis] % width == 0;
  }
  return {widest, regular};
}

// What two launches must have in common.
KeyWords signature(const Launch& launch) {
  const auto [widest, regular] = packs_of(launch);
  KeyWords key{static_cast<uint64_t>(launch.params.as<ReduceParams>().axes), widest, regular};
  for (const Dims* dims : std::initializer_list<const Dims*>{&launch.tape->shape, &launch.outputs[0].strides}) {
    key.push_back(static_cast<uint64_t>(dims->size()));
    key.insert(key.end(), dims->begin(), dims->end());
  }
  return key;
}

class Siblings {
 public:
  explicit Siblings(Plan& plan) : plan_(plan), producer_(plan.slots.size(), -1), merged_(plan.launches.size(), 0) {
    for (size_t i = 0; i < plan.launches.size(); ++i)
      for (const Operand& output : plan.launches[i].outputs) producer_[output.slot] = static_cast<int32_t>(i);
  }

  void run() {
    for (size_t i = 0; i < plan_.launches.size(); ++i)
      if (is_sibling(plan_.launches[i])) place(static_cast<int32_t>(i));
    if (std::count(merged_.begin(), merged_.end(), 1) > 0) keep_unmerged(plan_, merged_);
  }

 private:
  void place(int32_t item) {
    std::vector<int32_t>& heads = heads_[signature(plan_.launches[item])];
    const size_t tries = std::min(heads.size(), kMostTries);
    for (size_t k = heads.size(); k-- > heads.size() - tries;)
      if (join(heads[k], item)) return;
    heads.push_back(item);
  }

  bool join(int32_t head, int32_t item) {
    Launch& into = plan_.launches[head];
    const Launch& added = plan_.launches[item];
    if (into.tape->reductions.size() + added.tape->reductions.size() > kMostReductions) return false;
    if (!is_worth_it(into, added) || reads(head, item) || reads(item, head)) return false;
    if (!TapeJoiner(plan_, into, added, kLimits).join()) return false;
    for (const Operand& output : added.outputs) producer_[output.slot] = head;
    merged_[item] = 1;
    return true;
  }

  // Half of what the one reads is read by the other, too, or both are small.
  static bool is_worth_it(const Launch& a, const Launch& b) {
    const int64_t least = std::min(bytes_read(a), bytes_read(b));
    if (std::max(bytes_read(a), bytes_read(b)) <= kSmallBytes) return true;
    return bytes_shared(a, b) * 2 >= least && bytes_shared(a, b) > 0;
  }

  // Whether a launch reads, through others or itself, what `source` writes.
  bool reads(int32_t launch, int32_t source) const {
    std::vector<char> seen(plan_.launches.size(), 0);
    std::vector<int32_t> stack{launch};
    seen[launch] = 1;
    while (!stack.empty()) {
      const Launch& next = plan_.launches[stack.back()];
      stack.pop_back();
      for (const Operand& input : next.inputs) {
        const int32_t maker = producer_[input.slot];
        if (maker == source) return true;
        if (maker < 0 || seen[maker]) continue;
        seen[maker] = 1;
        stack.push_back(maker);
      }
    }
    return false;
  }

  Plan& plan_;
  std::vector<int32_t> producer_;  // of each slot: the launch that writes it, or -1
  std::vector<char> merged_;
  std::unordered_map<KeyWords, std::vector<int32_t>, KeyHash> heads_;
};

}  // namespace

bool& siblings_are_joined() {
  static bool joined = true;
  return joined;
}

void join_siblings(Plan& plan) {
  if (!siblings_are_joined() || std::count_if(plan.launches.begin(), plan.launches.end(), is_sibling) < 2) return;
  Siblings(plan).run();
}

}  // namespace nngpu::graph
