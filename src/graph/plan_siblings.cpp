// Joining siblings: independent reductions over one loop that read the same memory, such as the mean and the
// variance of a tensor or the sums in a normalization's gradient, become one launch that reads it once; small ones
// are joined whatever they read. Elementwise work on small vectors, such as what follows from the statistics of
// channels, is joined too, even where one launch reads another's result.
//
// A joined reduction goes through the same elements in the same steps as alone, so joining changes no bit. That is
// why the operands that differ must be as wide, and lie as regularly, as the others.
//
// The other launches keep their order: what is computed again late to save memory must not be pulled forward. So
// the later of the two runs where the earlier did, if all it reads is there, or the earlier waits, if nobody reads
// it meanwhile.
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
constexpr TapeLimits kSmallLimits{60, 20, 20, 16};
constexpr int64_t kFewElements = 128 * 128;  // of vectors: their launch costs more than what it does

// A half type's value is rounded where it is stored, so who reads it must not get it from a register.
bool is_small_work(const Launch& launch) {
  const auto rounds = [](const Operand& operand) {
    return operand.dtype == DType::F16 || operand.dtype == DType::BF16;
  };
  return launch.kind == OpKind::Elementwise && numel(launch.tape->shape) > 1 &&
         numel(launch.tape->shape) <= kFewElements &&
         std::none_of(launch.outputs.begin(), launch.outputs.end(), rounds);
}

bool is_sibling(const Launch& launch) {
  if (launch.items != 1) return false;
  return is_small_work(launch) || (launch.kind == OpKind::Reduce && numel(launch.tape->shape) > 0);
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
  if (launch.kind == OpKind::Elementwise) {
    KeyWords shape{0};
    shape.insert(shape.end(), launch.tape->shape.begin(), launch.tape->shape.end());
    return shape;
  }
  const auto [widest, regular] = packs_of(launch);
  KeyWords key{1, static_cast<uint64_t>(launch.params.as<ReduceParams>().axes), widest, regular};
  for (const Dims* dims : std::initializer_list<const Dims*>{&launch.tape->shape, &launch.outputs[0].strides}) {
    key.push_back(static_cast<uint64_t>(dims->size()));
    key.insert(key.end(), dims->begin(), dims->end());
  }
  return key;
}

bool lies_alike(const Operand& a, const Operand& b) { return a.offset == b.offset && a.strides == b.strides; }

// Whether two elementwise loops meet element by element: what the item reads of the first one's results, or
// overwrites of what the first one reads, lies in the order of the loop for both.
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

// Whether a launch may run later without keeping anything large.
bool can_sink(const Plan& plan, const Launch& launch) {
  constexpr int64_t kSmallSlot = int64_t{1} << 20;
  const auto is_large = [&](const Operand& input) {
    const Slot& slot = plan.slots[input.slot];
    return slot.kind == SlotKind::Temporary && slot.bytes > kSmallSlot;
  };
  return launch.kind == OpKind::Elementwise && launch.items == 1 && numel(launch.tape->shape) <= kFewElements &&
         std::none_of(launch.inputs.begin(), launch.inputs.end(), is_large);
}

// Puts work on few elements right before what reads it: a sum that is divided by a count, say, can then wait for
// another sum.
void sink_small_work(Plan& plan) {
  const size_t count = plan.launches.size();
  std::vector<size_t> first_reader(plan.slots.size(), count), anchor(count);
  for (size_t i = count; i-- > 0;) {
    const Launch& launch = plan.launches[i];
    size_t first = count;
    for (const Operand& output : launch.outputs) first = std::min(first, first_reader[output.slot]);
    anchor[i] = first < count && can_sink(plan, launch) ? first : i;
    for (const Operand& input : launch.inputs)
      first_reader[input.slot] = std::min(first_reader[input.slot], anchor[i]);
  }
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return anchor[a] < anchor[b]; });
  std::vector<Launch> launches;
  for (size_t i : order) launches.push_back(std::move(plan.launches[i]));
  plan.launches = std::move(launches);
}

class Siblings {
 public:
  explicit Siblings(Plan& plan)
      : plan_(plan), producer_(plan.slots.size(), -1), readers_(plan.slots.size()), place_(plan.launches.size()) {
    for (size_t i = 0; i < plan.launches.size(); ++i) {
      place_[i] = static_cast<int32_t>(i);
      for (const Operand& output : plan.launches[i].outputs) producer_[output.slot] = place_[i];
      for (const Operand& input : plan.launches[i].inputs) readers_[input.slot].push_back(place_[i]);
    }
  }

  void run() {
    for (size_t i = 0; i < plan_.launches.size(); ++i)
      if (is_sibling(plan_.launches[i])) add(static_cast<int32_t>(i));
    if (any_) reorder();
  }

 private:
  void add(int32_t item) {
    std::vector<int32_t>& heads = heads_[signature(plan_.launches[item])];
    const size_t tries = std::min(heads.size(), kMostTries);
    for (size_t k = heads.size(), last = heads.size() - tries; k-- > last;)
      if (join(heads[k], item)) return;
    heads.push_back(item);
  }

  bool join(int32_t head, int32_t item) {
    Launch& into = plan_.launches[head];
    const Launch& added = plan_.launches[item];
    const bool reduces = added.kind == OpKind::Reduce;
    if (reduces ? !is_worth_it(into, added) : !meets(plan_, into, added)) return false;
    const bool hoisted = is_ready(item, head, reduces);
    if (!hoisted && !can_wait(head, item, reduces)) return false;
    if (!TapeJoiner(plan_, into, added, reduces ? kLimits : kSmallLimits).join()) return false;
    for (const Operand& output : added.outputs) producer_[output.slot] = head;
    for (const Operand& input : added.inputs)
      std::replace(readers_[input.slot].begin(), readers_[input.slot].end(), item, head);
    if (!hoisted) place_[head] = place_[item];
    place_[item] = -1;
    any_ = true;
    return true;
  }

  // Half of what the one reads is read by the other, too, or both are small.
  static bool is_worth_it(const Launch& a, const Launch& b) {
    if (a.tape->reductions.size() + b.tape->reductions.size() > kMostReductions) return false;
    const int64_t least = std::min(bytes_read(a), bytes_read(b));
    if (std::max(bytes_read(a), bytes_read(b)) <= kSmallBytes) return true;
    return bytes_shared(a, b) * 2 >= least && bytes_shared(a, b) > 0;
  }

  // Whether all that `item` reads is there where `head` runs, and all that it overwrites has been read. What the
  // head itself writes is there for elementwise work alone.
  bool is_ready(int32_t item, int32_t head, bool reduces) const {
    const int32_t place = place_[head];
    for (const Operand& input : plan_.launches[item].inputs) {
      const int32_t maker = producer_[input.slot];
      if (maker == head ? reduces : maker >= 0 && place_[maker] > place) return false;
    }
    for (const Operand& output : plan_.launches[item].outputs) {
      const int32_t donor = plan_.slots[output.slot].donor;
      if (donor < 0) continue;
      for (int32_t reader : readers_[donor])
        if (reader != item && place_[reader] > place) return false;
    }
    return true;
  }

  // Whether nobody reads what `head` writes until `item` runs, nor has overwritten what it reads.
  bool can_wait(int32_t head, int32_t item, bool reduces) const {
    for (const Operand& output : plan_.launches[head].outputs) {
      for (int32_t reader : readers_[output.slot]) {
        const bool own = reader == item && !reduces;
        if (reader != head && !own && place_[reader] <= place_[item]) return false;
      }
    }
    return true;
  }

  void reorder() {
    std::vector<size_t> order;
    for (size_t i = 0; i < place_.size(); ++i)
      if (place_[i] >= 0) order.push_back(i);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return place_[a] < place_[b]; });
    std::vector<Launch> launches;
    for (size_t i : order) launches.push_back(std::move(plan_.launches[i]));
    plan_.launches = std::move(launches);
  }

  Plan& plan_;
  std::vector<int32_t> producer_;              // of each slot: the launch that writes it, or -1
  std::vector<std::vector<int32_t>> readers_;  // of each slot
  std::vector<int32_t> place_;                 // of each launch in the order, or -1 where it has joined another
  std::unordered_map<KeyWords, std::vector<int32_t>, KeyHash> heads_;
  bool any_ = false;
};

}  // namespace

bool& siblings_are_joined() {
  static bool joined = true;
  return joined;
}

void join_siblings(Plan& plan) {
  if (!siblings_are_joined() || std::count_if(plan.launches.begin(), plan.launches.end(), is_sibling) < 2) return;
  sink_small_work(plan);
  Siblings(plan).run();
}

}  // namespace nngpu::graph
