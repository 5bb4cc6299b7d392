// Turning a tape into a chain: which values pass in the accumulator and which are saved for later.
#include "backend/cpu/elementwise/chain.h"

#include <algorithm>

#include "backend/cpu/elementwise/codes.h"

namespace nngpu::cpu {
namespace {

class ChainBuilder {
 public:
  ChainBuilder(const graph::Tape& tape, const std::vector<ChainOperand>& operands,
               const std::vector<int32_t>& last_use)
      : tape_(tape),
        operands_(operands),
        last_use_(last_use),
        loads_(static_cast<int32_t>(operands.size())),
        handlers_(chain_handlers(tape.steps[0].in)),
        slot_(last_use.size(), -1) {}

  Chain build() {
    chain_.size = dtype_size(tape_.steps[0].in);
    chain_.block = handlers_.block;
    chain_.run = handlers_.run;
    chain_.stream = handlers_.stream;
    for (size_t s = 0; s < tape_.steps.size(); ++s) add(static_cast<int32_t>(s));
    chain_.steps.push_back({handlers_.end});
    return std::move(chain_);
  }

 private:
  using Place = Chain::Place;

  // The operand of step `s` that the accumulator is: 0, 1, or -1 where it holds neither, or both.
  int accumulated(int32_t s) const {
    const graph::TapeStep& step = tape_.steps[static_cast<size_t>(s)];
    const int32_t before = loads_ + s - 1;
    const auto reads = std::count(std::begin(step.source), std::end(step.source), before);
    if (s == 0 || reads != 1) return -1;
    if (step.source[0] == before) return 0;
    return step.source[1] == before ? 1 : -1;
  }

  // Whether the result of step `s` is read other than as the accumulator of the step after it.
  bool needs_slot(int32_t s) const {
    const auto steps = static_cast<int32_t>(tape_.steps.size());
    for (int32_t reader = s + 1; reader < steps; ++reader) {
      const graph::TapeStep& step = tape_.steps[static_cast<size_t>(reader)];
      const bool reads =
          std::find(std::begin(step.source), std::end(step.source), loads_ + s) != std::end(step.source);
      if (reads && (reader > s + 1 || accumulated(reader) < 0)) return true;
    }
    return false;
  }

  ChainOperand kind(int32_t value) const {
    return value < loads_ ? operands_[static_cast<size_t>(value)] : ChainOperand::Near;
  }

  Chain::Step read(const ChainHandler* by_kind, int32_t value, size_t stride) const {
    const ChainHandler handler = by_kind[static_cast<size_t>(kind(value)) * stride];
    if (value >= loads_) return {handler, Place::Slot, slot_[static_cast<size_t>(value)]};
    return {handler, kind(value) == ChainOperand::Element ? Place::Element : Place::Load, value};
  }

  void add(int32_t s) {
    const graph::TapeStep& step = tape_.steps[static_cast<size_t>(s)];
    int in = accumulated(s);
    if (in < 0) {
      chain_.steps.push_back(read(handlers_.load, step.source[0], 1));
      in = 0;
    }
    const auto code = static_cast<int>(step.code);
    const int32_t other = step.source[1 - in];
    if (handlers_.unary[code] != nullptr) {
      chain_.steps.push_back({handlers_.unary[code]});
    } else {
      chain_.steps.push_back(read(&handlers_.binary[code][0][in], other, 2));
    }
    release(s);
    keep(s);
  }

  void keep(int32_t s) {
    const auto value = static_cast<size_t>(loads_ + s);
    if (last_use_[value] == static_cast<int32_t>(tape_.steps.size()))
      chain_.steps.push_back({handlers_.save, Place::Result, s});
    if (!needs_slot(s)) return;
    slot_[value] = take_slot();
    chain_.steps.push_back({handlers_.save, Place::Slot, slot_[value]});
  }

  void release(int32_t s) {
    for (int32_t value = loads_; value < loads_ + s; ++value) {
      const auto v = static_cast<size_t>(value);
      if (slot_[v] >= 0 && last_reader(value) == s) free_.push_back(slot_[v]);
    }
  }

  // Unlike last_use, of steps alone.
  int32_t last_reader(int32_t value) const {
    for (auto s = static_cast<int32_t>(tape_.steps.size()) - 1; s >= 0; --s) {
      const graph::TapeStep& step = tape_.steps[static_cast<size_t>(s)];
      if (std::find(std::begin(step.source), std::end(step.source), value) != std::end(step.source)) return s;
    }
    return -1;
  }

  int32_t take_slot() {
    if (free_.empty()) return chain_.slots++;
    const int32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }

  const graph::Tape& tape_;
  const std::vector<ChainOperand>& operands_;
  const std::vector<int32_t>& last_use_;
  const int32_t loads_;
  const ChainHandlers& handlers_;
  std::vector<int32_t> slot_;  // of each value
  std::vector<int32_t> free_;
  Chain chain_;
};

bool chainable(const graph::TapeStep& step, DType type) {
  if (step.in != type || step.out != type) return false;
  const ChainHandlers& handlers = chain_handlers(type);
  const auto code = static_cast<int>(step.code);
  return handlers.unary[code] != nullptr || handlers.binary[code][0][0] != nullptr;
}

}  // namespace

// In the caches the jumps of a few cheap steps cost what passing over a tile does; from memory a single cheap step
// is fastest in bursts.
bool worth_a_chain(const graph::Tape& tape, const std::vector<ChainOperand>& operands, bool streams) {
  if (tape.steps.size() == 1) return streams && !has_scalar_forms(tape.steps[0].code);
  const bool far = std::find(operands.begin(), operands.end(), ChainOperand::Far) != operands.end();
  return tape.steps.size() > 3 || streams || far;
}

Chain prepare_chain(const graph::Tape& tape, const std::vector<ChainOperand>& operands,
                    const std::vector<int32_t>& last_use) {
  if (tape.steps.empty()) return {};
  const DType type = tape.steps[0].in;
  if (type != DType::F32 && type != DType::F64) return {};
  for (const graph::TapeStep& step : tape.steps) {
    if (!chainable(step, type)) return {};
  }
  return ChainBuilder(tape, operands, last_use).build();
}

}  // namespace nngpu::cpu
