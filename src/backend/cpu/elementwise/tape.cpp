#include "backend/cpu/elementwise/tape.h"

#include <cstdlib>
#include <cstring>
namespace nngpu::cpu {
namespace {

// Longer than their elements, so that equal elements of two tiles do not share a cache set.
constexpr size_t kTileBytes = kTile * 8 + 320;

// Tiles of one thread, kept between launches.
struct Scratch {
  char* data = nullptr;
  size_t bytes = 0;
  std::vector<const char*> values;
  std::vector<ChainStep> chain;
  ~Scratch() { std::free(data); }
  char* reserve(size_t wanted) {
    if (wanted > bytes) {
      std::free(data);
      data = nullptr;
      bytes = 0;
      data = static_cast<char*>(std::aligned_alloc(64, wanted));
      if (data == nullptr) throw std::bad_alloc();
      bytes = wanted;
    }
    return data;
  }
};
Scratch& thread_scratch() {
  thread_local Scratch scratch;
  return scratch;
}

}  // namespace

TapeRun::TapeRun(const graph::Launch& launch, const PreparedTape& prepared, const graph::RunContext& context)
    : launch_(launch),
      prepared_(prepared),
      context_(context),
      values_(thread_scratch().values),
      chain_(thread_scratch().chain),
      scratch_(thread_scratch().reserve(static_cast<size_t>(prepared.tiles + 1) * kTileBytes +
                                        static_cast<size_t>(prepared.chain.slots) * prepared.chain.block)),
      slots_(scratch_ + static_cast<size_t>(prepared.tiles + 1) * kTileBytes) {
  values_.assign(prepared.loads.size() + prepared.steps.size(), nullptr);
  bind_chain();
  for (size_t i = 0; i < prepared.loads.size(); ++i) {
    if (prepared.loads[i].access == PreparedTape::Access::Uniform) load(i, 0, std::min(kTile, prepared.count));
  }
}

int64_t TapeRun::row_offset(const graph::Operand& operand, int64_t row) const {
  int64_t offset = 0;
  for (int axis = operand.shape.size() - 2; axis >= 0 && row > 0; --axis) {
    offset += row % operand.shape[axis] * operand.strides[axis];
    row /= operand.shape[axis];
  }
  return offset;
}

// Rows are copied one after the other, an odometer over the outer axes giving their offsets.
void TapeRun::pack(char* to, const char* base, const graph::Operand& operand, size_t size, int64_t start,
                   int64_t count) const {
  const int rank = operand.shape.size();
  const int64_t row_length = prepared_.row, stride = operand.strides[rank - 1];
  int64_t row = start / row_length, column = start % row_length;
  int64_t index[kMaxRank];
  int64_t offset = 0;
  for (int axis = rank - 2; axis >= 0; --axis) {
    index[axis] = row % operand.shape[axis];
    row /= operand.shape[axis];
    offset += index[axis] * operand.strides[axis];
  }
  while (count > 0) {
    const int64_t n = std::min(count, row_length - column);
    const char* from = base + (offset + column * stride) * static_cast<int64_t>(size);
    if (stride == 1)
      std::memcpy(to, from, static_cast<size_t>(n) * size);
    else if (stride == 0)
      fill(to, from, size, static_cast<size_t>(n));
    else
      gather_strided(to, from, size, stride, static_cast<size_t>(n));
    to += static_cast<size_t>(n) * size;
    count -= n;
    column = 0;
    for (int axis = rank - 2; axis >= 0; --axis) {
      offset += operand.strides[axis];
      if (++index[axis] < operand.shape[axis]) break;
      offset -= operand.shape[axis] * operand.strides[axis];
      index[axis] = 0;
    }
  }
}

void TapeRun::load(size_t i, int64_t start, int64_t count) {
  const PreparedTape::Load& load = prepared_.loads[i];
  const graph::Operand& operand = launch_.inputs[i];
  const char* base = context_.at(operand);
  char* tile = load.tile >= 0 ? scratch_ + static_cast<size_t>(load.tile) * kTileBytes : nullptr;
  const auto bytes = static_cast<int64_t>(load.size);
  const char* from = base;
  int64_t elements = count;
  switch (load.access) {
    case PreparedTape::Access::Linear:
      from = base + start * bytes;
      break;
    case PreparedTape::Access::Row:
      from = base + (row_offset(operand, start / prepared_.row) + start % prepared_.row) * bytes;
      break;
    case PreparedTape::Access::Uniform:
      elements = 1;
      break;
    case PreparedTape::Access::RowUniform:
      from = base + row_offset(operand, start / prepared_.row) * bytes;
      elements = 1;
      break;
    case PreparedTape::Access::Packed:
      // A converted tile is packed at the scratch's end and converted from there.
      char* raw = load.convert != nullptr ? scratch_ + static_cast<size_t>(prepared_.tiles) * kTileBytes : tile;
      pack(raw, base, operand, load.size, start, count);
      from = raw;
      break;
  }
  if (load.convert != nullptr) {
    load.convert(tile, from, static_cast<size_t>(elements));
    from = tile;
  }
  if (load.expand) {
    char element[8];
    std::memcpy(element, from, load.compute_size);
    fill(tile, element, load.compute_size, static_cast<size_t>(count));
    from = tile;
  }
  values_[i] = from;
}

void TapeRun::compute(int64_t start, int64_t count, char* const* direct) {
  for (size_t i = 0; i < prepared_.loads.size(); ++i) {
    if (prepared_.loads[i].access != PreparedTape::Access::Uniform) load(i, start, count);
  }
  const int64_t done = compute_chain(count, direct);
  if (done < count) compute_steps(done, count, direct);
}

char* TapeRun::result(const PreparedTape::Step& step, char* const* direct) const {
  if (step.store >= 0 && direct != nullptr && direct[step.store] != nullptr) return direct[step.store];
  return scratch_ + static_cast<size_t>(step.tile) * kTileBytes;
}

// What of the chain's steps is the same for all tiles.
void TapeRun::bind_chain() {
  chain_.clear();
  for (const Chain::Step& step : prepared_.chain.steps) {
    ChainStep bound{step.handler, nullptr, 0};
    if (step.place == Chain::Place::Slot)
      bound.at = slots_ + static_cast<size_t>(step.index) * prepared_.chain.block;
    else if (step.place == Chain::Place::Load || step.place == Chain::Place::Result)
      bound.moves = ~size_t{0};
    chain_.push_back(bound);
  }
}

// Whole blocks go through the chain, where the tape has one. Returns how many elements they are.
int64_t TapeRun::compute_chain(int64_t count, char* const* direct) {
  const Chain& chain = prepared_.chain;
  const size_t blocks = chain.block != 0 ? static_cast<size_t>(count) * chain.size / chain.block : 0;
  if (blocks == 0) return 0;
  for (size_t k = 0; k < chain.steps.size(); ++k) {
    const Chain::Step& step = chain.steps[k];
    const auto index = static_cast<size_t>(step.index);
    if (step.place == Chain::Place::Load || step.place == Chain::Place::Element) {
      chain_[k].at = const_cast<char*>(values_[index]);
    } else if (step.place == Chain::Place::Result) {
      const PreparedTape::Step& source = prepared_.steps[index];
      char* to = result(source, direct);
      const bool stream = source.store >= 0 && prepared_.stores[static_cast<size_t>(source.store)].stream;
      chain_[k].at = to;
      chain_[k].handler = stream && reinterpret_cast<uintptr_t>(to) % 64 == 0 ? chain.stream : step.handler;
      values_[prepared_.loads.size() + index] = to;
    }
  }
  chain.run(chain_.data(), blocks * chain.block);
  return static_cast<int64_t>(blocks * chain.block / chain.size);
}

// Elements [from, count) of the tile, step by step. `from` is not zero behind a chain alone, whose values are all
// of one size.
void TapeRun::compute_steps(int64_t from, int64_t count, char* const* direct) {
  const size_t loads = prepared_.loads.size();
  const size_t skipped = static_cast<size_t>(from) * prepared_.chain.size;
  const auto operand = [&](int32_t source) -> const char* {
    if (source < 0) return nullptr;
    const auto value = static_cast<size_t>(source);
    return values_[value] + (value < loads && prepared_.loads[value].one_element() ? 0 : skipped);
  };
  for (size_t s = 0; s < prepared_.steps.size(); ++s) {
    const PreparedTape::Step& step = prepared_.steps[s];
    char* to = result(step, direct);
    const auto n = static_cast<size_t>(count - from);
    step.kernel(to + skipped, operand(step.source[0]), operand(step.source[1]), operand(step.source[2]), n);
    if (step.round != nullptr) step.round(reinterpret_cast<float*>(to), reinterpret_cast<const float*>(to), n);
    values_[loads + s] = to;
  }
}

}  // namespace nngpu::cpu
