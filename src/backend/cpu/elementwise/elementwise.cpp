// Elementwise launches: tiles shared out over the threads.
#include "backend/cpu/elementwise/tape.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

// Below this many elements the team costs more than it saves.
constexpr int64_t kParallelElements = 1 << 15;

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
  for (int64_t tile = first; tile < last; ++tile) {
    int64_t start, count;
    tiling.range(tile, start, count);
    run.store(start, count);
  }
}

// The items of a merged launch, each with a loop of its own. Their tiles are numbered through.
struct PreparedItems {
  struct Item {
    graph::Launch launch;
    std::shared_ptr<const PreparedTape> tape;
    Tiling tiling;
    int64_t first_tile;
  };
  std::vector<Item> items;
  int64_t tiles = 0, elements = 0;

  void add(graph::Launch launch) {
    auto tape = prepare_tape(launch);
    const Tiling tiling(*tape);
    items.push_back({std::move(launch), tape, tiling, tiles});
    tiles += tiling.tiles();
    elements += tape->count;
  }

  // Tiles [first, last) of all.
  void run(const graph::RunContext& context, int64_t first, int64_t last) const {
    const auto after = [](int64_t tile, const Item& item) { return tile < item.first_tile; };
    auto item = std::upper_bound(items.begin(), items.end(), first, after) - 1;
    for (; item != items.end() && item->first_tile < last; ++item) {
      const int64_t begin = std::max<int64_t>(0, first - item->first_tile);
      const int64_t end = std::min(item->tiling.tiles(), last - item->first_tile);
      run_tiles(item->launch, *item->tape, context, item->tiling, begin, end);
    }
  }
};

graph::Launch item_of(const graph::Launch& launch, int32_t index) {
  const auto part = [&](const std::vector<graph::Operand>& operands) {
    const auto count = static_cast<int64_t>(operands.size()) / launch.items;
    const auto first = operands.begin() + index * count;
    return std::vector<graph::Operand>(first, first + count);
  };
  graph::Launch item;
  item.kind = launch.kind;
  item.inputs = part(launch.inputs);
  item.outputs = part(launch.outputs);
  item.tape = std::make_unique<graph::Tape>(*launch.tape);
  item.tape->shape = item.outputs[0].shape;
  return item;
}

int64_t grain_of(int64_t elements, int64_t tiles) {
  return std::max<int64_t>(1, kParallelElements / std::max<int64_t>(1, elements / tiles) / 2);
}

}  // namespace

void TapeRun::store(int64_t start, int64_t count) {
  const size_t stores = prepared_.stores.size();
  char* direct[16] = {};
  const bool few = stores <= 16;
  const bool chained = prepared_.chain.block != 0;
  const auto place = [&](size_t k) {
    const auto size = static_cast<int64_t>(prepared_.stores[k].size);
    return context_.at(launch_.outputs[launch_.tape->stores[k].output]) + start * size;
  };
  for (size_t k = 0; k < stores && few; ++k)
    direct[k] = prepared_.stores[k].stream && !chained ? nullptr : place(k);
  compute(start, count, few ? direct : nullptr);
  for (size_t k = 0; k < stores; ++k) {
    const PreparedTape::Store& store = prepared_.stores[k];
    const char* from = value(store.value);
    char* to = place(k);
    if (from == to) continue;
    if (store.convert != nullptr)
      store.convert(to, from, static_cast<size_t>(count));
    else if (store.stream)
      stream_copy(to, from, static_cast<size_t>(count) * store.size);
    else
      std::memcpy(to, from, static_cast<size_t>(count) * store.size);
  }
}

void run_part(TapeRun& run, int64_t start, int64_t count) {
  const PreparedTape& tape = run.tape();
  for (const int64_t end = start + count; start < end;) {
    const int64_t row_left = tape.long_rows ? tape.row - start % tape.row : kTile;
    const int64_t n = std::min({kTile, row_left, end - start});
    run.store(start, n);
    start += n;
  }
}

void prepare_elementwise(graph::Launch& launch) {
  if (launch.items == 1) {
    launch.prepared = prepare_tape(launch);
    return;
  }
  auto prepared = std::make_shared<PreparedItems>();
  for (int32_t i = 0; i < launch.items; ++i) prepared->add(item_of(launch, i));
  launch.prepared = std::move(prepared);
}

void run_elementwise(const graph::Launch& launch, const graph::RunContext& context) {
  if (launch.items > 1) {
    const auto& items = *static_cast<const PreparedItems*>(launch.prepared.get());
    if (items.elements < kParallelElements) return items.run(context, 0, items.tiles);
    return parallel_for(items.tiles, grain_of(items.elements, items.tiles),
                        [&](int64_t first, int64_t last) { items.run(context, first, last); });
  }
  const auto& tape = *static_cast<const PreparedTape*>(launch.prepared.get());
  if (tape.count == 0) return;
  const Tiling tiling(tape);
  if (tape.count < kParallelElements) return run_tiles(launch, tape, context, tiling, 0, tiling.tiles());
  parallel_for(tiling.tiles(), grain_of(tape.count, tiling.tiles()),
               [&](int64_t first, int64_t last) { run_tiles(launch, tape, context, tiling, first, last); });
}

}  // namespace nngpu::cpu
