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
  const size_t stores = tape.stores.size();
  char* direct[16] = {};
  const bool few = stores <= 16;
  const bool chained = tape.chain.block != 0;
  for (int64_t tile = first; tile < last; ++tile) {
    int64_t start, count;
    tiling.range(tile, start, count);
    for (size_t k = 0; k < stores && few; ++k) {
      const auto size = static_cast<int64_t>(tape.stores[k].size);
      const bool apart = tape.stores[k].stream && !chained;
      direct[k] = apart ? nullptr : context.at(launch.outputs[launch.tape->stores[k].output]) + start * size;
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
      else if (store.stream)
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
