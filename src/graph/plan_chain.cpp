// Chains behind products: an elementwise launch that reads what a product, or the chain behind it, makes joins it,
// if the launches in between allow it. What is read elsewhere, too, is stored by the joined launch. Elementwise
// launches do not join each other here: more of their results would live at once.
//
// A product with a chain is a launch of kind Matmul with a tape. The product goes to outputs[0] before the tape
// runs over it, whose loads are the inputs behind the two factors and whose results are the outputs behind the
// first. One load is outputs[0], in the order of its memory; a result may lie in the same place.
//
// Fusion (plan_fuse.cpp) has joined elementwise nodes whose readers are all in one group; here the order of the
// launches is known, so that a value which is read again later, as the sum below an activation is by the gradient,
// is no obstacle.
#include <algorithm>
#include <optional>

#include "graph/layout.h"
#include "graph/plan_batch.h"
#include "graph/tape_joiner.h"

namespace nngpu::graph {
namespace {

// As in plan_fuse.cpp.
constexpr TapeLimits kLimits{40, 20, 10, 16};

bool is_chain(const Launch& launch) {
  return launch.kind == OpKind::Elementwise && launch.items == 1 && numel(launch.tape->shape) > 1;
}

bool is_half(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16; }

int64_t bytes_of(const Operand& operand) {
  return numel(operand.shape) * static_cast<int64_t>(dtype_size(operand.dtype));
}

// Sees a loop over one axis as one over `shape`.
void expand(Launch& launch, const Shape& shape) {
  for (auto* operands : {&launch.inputs, &launch.outputs}) {
    for (Operand& operand : *operands) {
      const int64_t stride = operand.strides[0];
      operand.strides = row_major_strides(shape);
      for (int axis = 0; axis < shape.size(); ++axis) operand.strides[axis] *= stride;
      operand.shape = shape;
    }
  }
  launch.tape->shape = shape;
}

// Brings two loops over equally many elements to one shape; false where they have several axes each.
bool unify(Launch& a, Launch& b) {
  if (a.tape->shape == b.tape->shape) return true;
  if (a.tape->shape.size() == 1) return expand(a, b.tape->shape), true;
  if (b.tape->shape.size() == 1) return expand(b, a.tape->shape), true;
  return false;
}

class Chains {
 public:
  Chains(Plan& plan, Backend& backend)
      : plan_(plan),
        backend_(backend),
        producer_(plan.slots.size(), -1),
        readers_(plan.slots.size()),
        place_(plan.launches.size()),
        chain_(plan.launches.size()) {
    for (size_t i = 0; i < plan.launches.size(); ++i) {
      const auto index = static_cast<int32_t>(i);
      place_[i] = {index, -1};
      for (const Operand& output : plan.launches[i].outputs) producer_[output.slot] = index;
      for (const Operand& input : plan.launches[i].inputs) {
        if (readers_[input.slot].empty() || readers_[input.slot].back() != index)
          readers_[input.slot].push_back(index);
      }
    }
  }

  void run() {
    for (size_t i = 0; i < plan_.launches.size(); ++i)
      if (is_chain(plan_.launches[i])) join(static_cast<int32_t>(i));
    if (!any_) return;
    for (size_t i = 0; i < plan_.launches.size(); ++i)
      if (chain_[i]) attach(plan_.launches[i], *chain_[i]);
    reorder();
  }

 private:
  // Launches run in the order of their places. A joined one comes after the launch it had to wait for.
  struct Place {
    int32_t at, behind;
    auto operator<=>(const Place&) const = default;
  };

  void join(int32_t reader) {
    const std::vector<Operand> inputs = plan_.launches[reader].inputs;
    for (const Operand& input : inputs) {
      const int32_t maker = input.constant ? -1 : producer_[input.slot];
      if (maker >= 0 && maker != reader && fits(maker, reader, input) && append(maker, reader)) return;
    }
  }

  // The result as its maker writes it.
  Operand result_of(int32_t maker, int32_t slot) const {
    const auto is_it = [&](const Operand& output) { return output.slot == slot; };
    const std::vector<Operand> results = results_of(maker);
    return *std::find_if(results.begin(), results.end(), is_it);
  }

  std::vector<Operand> results_of(int32_t maker) const {
    std::vector<Operand> results = plan_.launches[maker].outputs;
    if (chain_[maker]) results.insert(results.end(), chain_[maker]->outputs.begin(), chain_[maker]->outputs.end());
    return results;
  }

  bool is_product(int32_t launch) const { return plan_.launches[launch].kind == OpKind::Matmul; }

  bool is_whole(int32_t maker, const Operand& input) const {
    const Operand result = result_of(maker, input.slot);
    return input.offset == result.offset && numel(input.shape) == numel(result.shape) &&
           is_row_major(input.shape, input.strides) && is_dense(result.shape, result.strides);
  }

  // Whether the loop of `reader` goes through the memory of what `maker` wrote, element by element.
  bool fits(int32_t maker, int32_t reader, const Operand& input) const {
    const Launch& from = plan_.launches[maker];
    const Launch& to = plan_.launches[reader];
    if (from.items != 1 || !is_product(maker) || epoch_of(plan_, from) != epoch_of(plan_, to)) return false;
    const auto reads = [&](const Operand& other) { return other.slot == input.slot; };
    if (std::count_if(to.inputs.begin(), to.inputs.end(), reads) != 1) return false;
    const auto in_order = [&](const Operand& other) {
      return producer_[other.slot] != maker || is_whole(maker, other);
    };
    if (!std::all_of(to.inputs.begin(), to.inputs.end(), in_order)) return false;
    const bool raw = is_product(maker) && from.outputs[0].slot == input.slot;
    if (raw) return !chain_[maker] && only_chain(reader, input.slot);
    return !is_half(result_of(maker, input.slot).dtype);  // it is rounded where it is stored
  }

  // Of two chains that read a product none is its own.
  bool only_chain(int32_t reader, int32_t slot) const {
    return std::none_of(readers_[slot].begin(), readers_[slot].end(), [&](int32_t other) {
      return other != reader && plan_.launches[other].kind == OpKind::Elementwise;
    });
  }

  // The first place where everything that `reader` reads is there, and what it overwrites has been read.
  Place first_place(int32_t maker, int32_t reader) const {
    Place place = place_[maker];
    const Launch& launch = plan_.launches[reader];
    for (const Operand& input : launch.inputs) {
      const int32_t source = input.constant ? -1 : producer_[input.slot];
      if (source >= 0) place = std::max(place, place_[source]);
    }
    for (const Operand& output : launch.outputs) {
      const int32_t donor = plan_.slots[output.slot].donor;
      if (donor < 0) continue;
      for (int32_t other : readers_[donor])
        if (other != reader && other != maker) place = std::max(place, place_[other]);
    }
    return place;
  }

  // Whether a launch may wait: who reads its results runs later, and nothing large is kept for it.
  bool may_wait(int32_t maker, int32_t reader, const Place& until) const {
    if (until == place_[maker]) return true;
    int64_t made = 0, kept = 0;
    for (const Operand& output : results_of(maker)) {
      made += bytes_of(output);
      for (int32_t other : readers_[output.slot])
        if (other != maker && other != reader && place_[other].at <= until.at) return false;
    }
    for (const Operand& input : plan_.launches[maker].inputs) {
      if (input.constant || plan_.slots[input.slot].kind != SlotKind::Temporary) continue;
      const auto later = [&](int32_t other) { return other != maker && place_[other] >= until; };
      if (std::none_of(readers_[input.slot].begin(), readers_[input.slot].end(), later))
        kept += plan_.slots[input.slot].bytes;
    }
    return kept <= made;
  }

  bool append(int32_t maker, int32_t reader) {
    const Place place = first_place(maker, reader);
    if (!keeps_donors(maker, reader) || !may_wait(maker, reader, place)) return false;
    Launch& added = plan_.launches[reader];
    const Launch* before = chain_[maker] ? &*chain_[maker] : nullptr;
    const int32_t made = plan_.launches[maker].outputs[0].slot;
    const bool only_reader = plan_.slots[made].kind == SlotKind::Temporary && readers_[made].size() == 1;
    if (!backend_.takes_chain({plan_.launches[maker], before, added, only_reader})) return false;
    std::vector<int32_t> read, written;
    for (const Operand& input : added.inputs) read.push_back(input.slot);
    for (const Operand& output : added.outputs) written.push_back(output.slot);
    if (is_product(maker) && !chain_[maker]) {
      chain_[maker] = std::move(added);
    } else {
      Launch& into = is_product(maker) ? *chain_[maker] : plan_.launches[maker];
      if (numel(into.tape->shape) != numel(added.tape->shape) || !unify(into, added)) return false;
      if (!TapeJoiner(plan_, into, added, kLimits).join()) return false;
    }
    any_ = true;
    if (place != place_[maker]) place_[maker] = {place.at, reader};
    place_[reader] = {-1, -1};
    for (int32_t slot : read) std::replace(readers_[slot].begin(), readers_[slot].end(), reader, maker);
    for (int32_t slot : written) producer_[slot] = maker;
    return true;
  }

  // Whether what the two overwrite can still be overwritten when they are one: a product's factors are read until
  // its last element, and what a loop reads elsewhere than where it writes, or later, must stay.
  bool keeps_donors(int32_t maker, int32_t reader) const {
    const Launch& from = plan_.launches[maker];
    const Launch& to = plan_.launches[reader];
    const auto reads = [](const std::vector<Operand>& inputs, int32_t slot) {
      return std::any_of(inputs.begin(), inputs.end(), [&](const Operand& input) { return input.slot == slot; });
    };
    const auto donor_of = [&](const Operand& output) { return plan_.slots[output.slot].donor; };
    for (const Operand& output : to.outputs) {
      const int32_t donor = donor_of(output);
      if (donor < 0) continue;
      if (reads(from.inputs, donor) || (chain_[maker] && reads(chain_[maker]->inputs, donor))) return false;
    }
    for (const Operand& output : results_of(maker))
      if (donor_of(output) >= 0 && reads(to.inputs, donor_of(output))) return false;
    return true;
  }

  // The product's own result, if nobody reads it but the chain, takes the place of a result of the chain: the step
  // that writes an element there runs after every step that reads the product's.
  void share_result(Operand& result, Launch& chain) {
    if (plan_.slots[result.slot].kind != SlotKind::Temporary || readers_[result.slot].size() > 1) return;
    const auto loads = static_cast<int32_t>(chain.inputs.size());
    const auto load =
        static_cast<int32_t>(std::find_if(chain.inputs.begin(), chain.inputs.end(),
                                          [&](const Operand& input) { return input.slot == result.slot; }) -
                             chain.inputs.begin());
    int32_t last = -1;
    for (size_t s = 0; s < chain.tape->steps.size(); ++s)
      for (int32_t source : chain.tape->steps[s].source)
        if (source == load) last = static_cast<int32_t>(s);
    for (const TapeStore& store : chain.tape->stores) {
      const Operand& out = chain.outputs[static_cast<size_t>(store.output)];
      if (out.dtype != result.dtype || plan_.slots[out.slot].donor >= 0 || last > store.value - loads) continue;
      result.slot = chain.inputs[load].slot = out.slot;
      result.offset = chain.inputs[load].offset = out.offset;
      return;
    }
  }

  void attach(Launch& product, Launch& chain) {
    share_result(product.outputs[0], chain);
    product.inputs.insert(product.inputs.end(), chain.inputs.begin(), chain.inputs.end());
    product.outputs.insert(product.outputs.end(), chain.outputs.begin(), chain.outputs.end());
    product.tape = std::move(chain.tape);
  }

  void reorder() {
    std::vector<size_t> order;
    for (size_t i = 0; i < place_.size(); ++i)
      if (place_[i].at >= 0) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return place_[a] < place_[b]; });
    std::vector<Launch> launches;
    for (size_t i : order) launches.push_back(std::move(plan_.launches[i]));
    plan_.launches = std::move(launches);
  }

  Plan& plan_;
  Backend& backend_;
  std::vector<int32_t> producer_;              // of each slot: the launch that writes it, or -1
  std::vector<std::vector<int32_t>> readers_;  // of each slot
  std::vector<Place> place_;                   // of each launch; behind nothing where it has joined another
  std::vector<std::optional<Launch>> chain_;   // of each product
  bool any_ = false;
};

}  // namespace

bool& chains_are_joined() {
  static bool joined = true;
  return joined;
}

void join_chains(Plan& plan, Backend& backend) {
  if (chains_are_joined()) Chains(plan, backend).run();
}

}  // namespace nngpu::graph
