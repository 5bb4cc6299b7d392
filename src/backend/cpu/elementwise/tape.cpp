#include "backend/cpu/elementwise/tape.h"

#include <cstdlib>
#include <cstring>

#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

// Longer than their elements, so that equal elements of two tiles do not share a cache set.
constexpr size_t kTileBytes = kTile * 8 + 320;
// Below this many elements the team costs more than it saves.
constexpr int64_t kParallelElements = 1 << 15;
// Results that do not fit the last-level cache are written past it.
constexpr int64_t kStreamBytes = int64_t{16} << 20;

// Tiles of one thread, kept between launches.
struct Scratch {
  char* data = nullptr;
  size_t bytes = 0;
  std::vector<const char*> values;
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
      scratch_(thread_scratch().reserve(static_cast<size_t>(prepared.tiles + 1) * kTileBytes)) {
  values_.assign(prepared.loads.size() + prepared.steps.size(), nullptr);
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
  const size_t loads = prepared_.loads.size();
  for (size_t i = 0; i < loads; ++i) {
    if (prepared_.loads[i].access != PreparedTape::Access::Uniform) load(i, start, count);
  }
  const auto operand = [&](int32_t source) { return source >= 0 ? values_[source] : nullptr; };
  for (size_t s = 0; s < prepared_.steps.size(); ++s) {
    const PreparedTape::Step& step = prepared_.steps[s];
    char* to = step.store >= 0 && direct != nullptr && direct[step.store] != nullptr
                   ? direct[step.store]
                   : scratch_ + static_cast<size_t>(step.tile) * kTileBytes;
    const auto n = static_cast<size_t>(count);
    if (step.round != nullptr) {
      step.kernel(to, values_[step.source[0]], nullptr, nullptr, n);
      step.round(reinterpret_cast<float*>(to), reinterpret_cast<const float*>(to), n);
    } else {
      step.kernel(to, values_[step.source[0]], operand(step.source[1]), operand(step.source[2]), n);
    }
    values_[loads + s] = to;
  }
}

namespace {

// The tiles of a loop: pieces of long rows, or whole short rows.
struct Tiling {
  int64_t rows, per_row, length, row, count;
  explicit Tiling(const PreparedTape& tape) : row(tape.row), count(tape.count) {
    if (tape.long_rows) {
      rows = tape.row > 0 ? tape.count / tape.row : 0;
      per_row = (tape.row + kTile - 1) / kTile;
      length = kTile;
    } else {
      length = std::max<int64_t>(1, kTile / tape.row) * tape.row;
      rows = 1;
      per_row = (tape.count + length - 1) / length;
      row = tape.count;
    }
  }
  int64_t tiles() const { return rows * per_row; }
  void range(int64_t tile, int64_t& start, int64_t& elements) const {
    const int64_t begin = tile % per_row * length;
    start = tile / per_row * row + begin;
    elements = std::min(length, row - begin);
  }
};

void run_tiles(const graph::Launch& launch, const PreparedTape& tape, const graph::RunContext& context,
               const Tiling& tiling, int64_t first, int64_t last) {
  TapeRun run(launch, tape, context);
  const size_t stores = tape.stores.size();
  char* direct[16] = {};
  const bool few = stores <= 16;
  bool stream[16] = {};
  for (size_t k = 0; k < stores && few; ++k)
    stream[k] = tape.count * static_cast<int64_t>(tape.stores[k].size) >= kStreamBytes;
  for (int64_t tile = first; tile < last; ++tile) {
    int64_t start, count;
    tiling.range(tile, start, count);
    for (size_t k = 0; k < stores && few; ++k) {
      const auto size = static_cast<int64_t>(tape.stores[k].size);
      direct[k] = stream[k] ? nullptr : context.at(launch.outputs[launch.tape->stores[k].output]) + start * size;
    }
    run.compute(start, count, few ? direct : nullptr);
    for (size_t k = 0; k < stores; ++k) {
      const PreparedTape::Store& store = tape.stores[k];
      const char* from = run.value(store.value);
      char* to =
          context.at(launch.outputs[launch.tape->stores[k].output]) + start * static_cast<int64_t>(store.size);
      if (from == to) continue;
      if (store.convert != nullptr)
        store.convert(to, from, static_cast<size_t>(count));
      else if (few && stream[k])
        stream_copy(to, from, static_cast<size_t>(count) * store.size);
      else
        std::memcpy(to, from, static_cast<size_t>(count) * store.size);
    }
  }
}

}  // namespace

void run_elementwise(const graph::Launch& launch, const graph::RunContext& context) {
  const auto& tape = *static_cast<const PreparedTape*>(launch.prepared.get());
  if (tape.count == 0) return;
  const Tiling tiling(tape);
  if (tape.count < kParallelElements) return run_tiles(launch, tape, context, tiling, 0, tiling.tiles());
  const int64_t grain =
      std::max<int64_t>(1, kParallelElements / std::max<int64_t>(1, tape.count / tiling.tiles()) / 2);
  parallel_for(tiling.tiles(), grain,
               [&](int64_t first, int64_t last) { run_tiles(launch, tape, context, tiling, first, last); });
}

}  // namespace nngpu::cpu
