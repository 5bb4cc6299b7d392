// Memory: places a plan's temporaries in one arena so that those alive together do not overlap.
#include "graph/plan_memory.h"

#include <algorithm>
#include <map>

namespace nngpu::graph {
namespace {

constexpr int64_t kAlignment = 64;

}  // namespace

std::vector<Lifetime> lifetimes(const Plan& plan) {
  std::vector<Lifetime> result;
  std::vector<int32_t> index(plan.slots.size(), -1);
  for (size_t i = 0; i < plan.launches.size(); ++i) {
    for (const auto* operands : {&plan.launches[i].outputs, &plan.launches[i].inputs}) {
      for (const Operand& operand : *operands) {
        const Slot& slot = plan.slots[operand.slot];
        if (slot.kind != SlotKind::Temporary) continue;
        if (index[operand.slot] < 0) {
          index[operand.slot] = static_cast<int32_t>(result.size());
          const int64_t bytes = std::max(kAlignment, (slot.bytes + kAlignment - 1) / kAlignment * kAlignment);
          result.push_back({operand.slot, static_cast<int32_t>(i), static_cast<int32_t>(i), bytes});
        }
        result[index[operand.slot]].last = static_cast<int32_t>(i);
      }
    }
  }
  return result;
}

namespace {

// Free ranges of the arena, merged with their neighbours; the smallest that fits is taken.
class Arena {
 public:
  int64_t take(int64_t bytes) {
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->second >= bytes && (best == free_.end() || it->second < best->second)) best = it;
      if (best != free_.end() && best->second == bytes) break;
    }
    if (best == free_.end()) return grow(bytes);
    const int64_t offset = best->first, size = best->second;
    free_.erase(best);
    if (size > bytes) free_[offset + bytes] = size - bytes;
    return offset;
  }

  void give_back(int64_t offset, int64_t bytes) {
    auto next = free_.lower_bound(offset);
    if (next != free_.end() && offset + bytes == next->first) {
      bytes += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      auto before = std::prev(next);
      if (before->first + before->second == offset) {
        before->second += bytes;
        return;
      }
    }
    free_[offset] = bytes;
  }

  int64_t size() const { return size_; }

 private:
  int64_t grow(int64_t bytes) {
    // A free range at the end is extended rather than left as a hole.
    if (!free_.empty()) {
      auto last = std::prev(free_.end());
      if (last->first + last->second == size_) {
        const int64_t offset = last->first;
        free_.erase(last);
        size_ = offset + bytes;
        return offset;
      }
    }
    const int64_t offset = size_;
    size_ += bytes;
    return offset;
  }

  std::map<int64_t, int64_t> free_;
  int64_t size_ = 0;
};

}  // namespace

void drop_unsafe_donors(Plan& plan) {
  struct Reader {
    int32_t launch = -1, item = -1;
    bool several = false;  // items of that launch
  };
  std::vector<Reader> last(plan.slots.size());  // of each slot
  for (size_t i = 0; i < plan.launches.size(); ++i) {
    const Launch& launch = plan.launches[i];
    const size_t each = launch.inputs.size() / static_cast<size_t>(launch.items);
    for (size_t k = 0; k < launch.inputs.size(); ++k) {
      const auto position = static_cast<int32_t>(i), item = static_cast<int32_t>(k / each);
      Reader& reader = last[launch.inputs[k].slot];
      const bool beside = reader.launch == position && (reader.several || reader.item != item);
      reader = {position, item, beside};
    }
  }
  for (size_t i = 0; i < plan.launches.size(); ++i) {
    const Launch& launch = plan.launches[i];
    const size_t each = launch.outputs.size() / static_cast<size_t>(launch.items);
    for (size_t k = 0; k < launch.outputs.size(); ++k) {
      int32_t& donor = plan.slots[launch.outputs[k].slot].donor;
      if (donor < 0) continue;
      const Reader& reader = last[donor];
      const bool own = reader.item == static_cast<int32_t>(k / each) && !reader.several;
      if (reader.launch != static_cast<int32_t>(i) || !own) donor = -1;
    }
  }
}

void assign_memory(Plan& plan) {
  std::vector<Lifetime> all = lifetimes(plan);  // in order of first use
  std::vector<std::vector<int32_t>> ends(plan.launches.size());
  for (size_t i = 0; i < all.size(); ++i) ends[all[i].last].push_back(static_cast<int32_t>(i));
  Arena arena;
  size_t next = 0;
  for (size_t launch = 0; launch < plan.launches.size(); ++launch) {
    for (; next < all.size() && all[next].first == static_cast<int32_t>(launch); ++next) {
      plan.slots[all[next].slot].arena_offset = arena.take(all[next].bytes);
    }
    for (int32_t i : ends[launch]) arena.give_back(plan.slots[all[i].slot].arena_offset, all[i].bytes);
  }
  plan.arena_bytes = arena.size();
}

}  // namespace nngpu::graph
