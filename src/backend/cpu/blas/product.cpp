// Runs the tiles of one product, on one thread or on a team.
#include "backend/cpu/blas/product.h"

#include <algorithm>

#include "backend/cpu/blas/scratch.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kFinishBytes = 512 << 10;  // of c that are finished at once: they are still near

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// for_each(count, dynamic, body) runs this thread's share of the bodies; wait() returns when the whole team
// has come there.
struct Alone {
  template <class Body>
  void for_each(int64_t count, bool, const Body& body) const {
    for (int64_t i = 0; i < count; ++i) body(i);
  }
  int size() const { return 1; }
  void wait() const {}
};

// Made by every thread of a parallel region. Handing out tasks one by one evens out cores that are slower, or
// busier, than others; small tasks are dealt in advance, since fetching the next one costs a round trip
// between cores.
struct Team {
  template <class Body>
  void for_each(int64_t count, bool dynamic, const Body& body) const {
    if (dynamic) {
#pragma omp for schedule(dynamic, 1) nowait
      for (int64_t i = 0; i < count; ++i) body(i);
    } else {
      for (int64_t i = count * rank / members; i < count * (rank + 1) / members; ++i) body(i);
    }
  }
  int size() const { return members; }
  void wait() const {
#pragma omp barrier
  }

  int rank = omp_get_thread_num(), members = omp_get_num_threads();
};

template <class T>
struct Operands {
  const T* a;
  const T* b;
  T* c;
  T* packed_a;
  T* packed_b;
  const Finish* finish;
};

// One step of the blocked loops: rows [i0, i1) x columns [j0, j1) of c += the terms [p0, p0 + depth) of the sum.
struct Step {
  int64_t i0, i1, j0, j1, p0, depth;
};

// A tile that c cannot take directly, because it has no unit stride or crosses the diagonal of a part.
template <class T>
void run_buffered_tile(const Plan<T>& plan, TileArgs<T> args, int64_t i, int64_t j, int64_t columns, T* c) {
  alignas(64) T buffer[kMaxTileVectors * 64 / sizeof(T) * kMaxTileColumns];
  // Calls body(element of buffer, element of c) for the wanted elements.
  const auto for_each_column = [&](const auto& body) {
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t diagonal = j + column - i;
      const int64_t first = plan.part == Part::Lower ? std::clamp<int64_t>(diagonal, 0, args.rows) : 0;
      const int64_t last = plan.part == Part::Upper ? std::clamp<int64_t>(diagonal + 1, 0, args.rows) : args.rows;
      T* inside = buffer + column * args.rows;
      T* outside = c + column * plan.c_cs;
      for (int64_t row = first; row < last; ++row) body(inside[row], outside[row * plan.c_rs]);
    }
  };
  std::fill(buffer, buffer + args.rows * columns, T{0});
  if (args.beta != T{0}) for_each_column([](T& inside, const T& outside) { inside = outside; });
  args.c = buffer;
  args.c_step = args.rows;
  plan.kernels->tile_for(args.rows, columns)(args);
  for_each_column([](const T& inside, T& outside) { outside = inside; });
}

enum class Position { Inside, Across, Outside };

Position tile_position(Part part, int64_t i, int64_t rows, int64_t j, int64_t columns) {
  if (part == Part::All) return Position::Inside;
  const int64_t lowest = i - (j + columns - 1), highest = i + rows - 1 - j;  // of row - column in the tile
  const int64_t worst = part == Part::Lower ? lowest : -highest;
  const int64_t best = part == Part::Lower ? highest : -lowest;
  return worst >= 0 ? Position::Inside : best < 0 ? Position::Outside : Position::Across;
}

// The height of tiles that cut `rows` evenly: 64 as 32 + 32 rather than 48 + 16, since a tile of one vector has
// too few sums to keep the pipes busy. Packed panels have the full height.
template <class T>
int64_t even_tile_rows(const Plan<T>& plan, int64_t rows) {
  const int64_t most = plan.kernels->tile_rows, lanes = plan.kernels->lanes;
  if (plan.pack_a || rows <= most) return most;
  return ceil_div(ceil_div(rows, ceil_div(rows, most)), lanes) * lanes;
}

// Rows of columns that have had their last pass over k.
template <class T>
void finish_columns(const Plan<T>& plan, const Operands<T>& o, int64_t row, int64_t rows, int64_t col,
                    int64_t columns) {
  const int64_t start = o.finish->index(o.c + row + col * plan.c_cs);
  if (rows == plan.c_cs)
    o.finish->apply(start, rows * columns, 1, 0);
  else
    o.finish->apply(start, rows, columns, plan.c_cs);
}

// All tiles of rows [row, row_end) x columns [col, col_end), which lie within `step` and read rows of a that a
// second-level cache holds.
template <class T>
void run_block(const Plan<T>& plan, const Operands<T>& o, const Step& step, int64_t row, int64_t row_end,
               int64_t col, int64_t col_end) {
  const Kernels<T>& kernels = *plan.kernels;
  const int64_t tile_rows = even_tile_rows(plan, row_end - row);
  TileArgs<T> args;
  args.k = step.depth;
  args.alpha = plan.alpha;
  args.beta = step.p0 == 0 ? plan.beta : T{1};
  args.c_step = plan.c_cs;
  for (int64_t j = col; j < col_end; j += kernels.tile_columns) {
    const int64_t columns = std::min(kernels.tile_columns, col_end - j);
    args.b = plan.pack_b ? o.packed_b + (j - step.j0) * step.depth : o.b + j * plan.b_cs + step.p0 * plan.b_rs;
    args.b_step = plan.pack_b ? columns : plan.b_rs;
    args.b_stride = plan.pack_b ? 1 : plan.b_cs;
    for (int64_t i = row; i < row_end; i += tile_rows) {
      args.rows = std::min(tile_rows, row_end - i);
      const Position position = tile_position(plan.part, i, args.rows, j, columns);
      if (position == Position::Outside) continue;
      args.a = plan.pack_a ? o.packed_a + (i - step.i0) * step.depth : o.a + i + step.p0 * plan.a_cs;
      args.a_step = plan.pack_a ? ceil_div(args.rows, kernels.lanes) * kernels.lanes : plan.a_cs;
      args.c = o.c + i * plan.c_rs + j * plan.c_cs;
      if (plan.gather || position == Position::Across) {
        run_buffered_tile(plan, args, i, j, columns, args.c);
      } else {
        kernels.tile_for(args.rows, columns)(args);
      }
    }
  }
}

template <class T>
void run_tiles(const Plan<T>& plan, const Operands<T>& o, const Step& step, int64_t row, int64_t row_end,
               int64_t col, int64_t col_end) {
  const bool last = o.finish != nullptr && step.p0 + step.depth >= plan.k;
  const bool near = (row_end - row) * (col_end - col) * static_cast<int64_t>(sizeof(T)) <= kFinishBytes;
  for (int64_t i = row; i < row_end; i += plan.row_block) {
    const int64_t end = std::min(i + plan.row_block, row_end);
    if (!last || near) {
      run_block(plan, o, step, i, end, col, col_end);
      continue;
    }
    const int64_t columns = plan.kernels->tile_columns;
    for (int64_t j = col; j < col_end; j += columns) {
      run_block(plan, o, step, i, end, j, std::min(j + columns, col_end));
      finish_columns(plan, o, i, end - i, j, std::min(columns, col_end - j));
    }
  }
  if (last && near) finish_columns(plan, o, row, row_end - row, col, col_end - col);
}

// Packs panel `index` of the step: first the panels of a, then those of b.
template <class T>
void pack_panel(const Plan<T>& plan, const Operands<T>& o, const Step& step, int64_t a_panels, int64_t index) {
  const Kernels<T>& kernels = *plan.kernels;
  if (index < a_panels) {
    const int64_t i = step.i0 + index * kernels.tile_rows;
    const int64_t rows = std::min(kernels.tile_rows, step.i1 - i);
    kernels.pack(rows, step.depth, o.a + i * plan.a_rs + step.p0 * plan.a_cs, plan.a_rs, plan.a_cs,
                 o.packed_a + (i - step.i0) * step.depth, ceil_div(rows, kernels.lanes) * kernels.lanes);
  } else {
    const int64_t j = step.j0 + (index - a_panels) * kernels.tile_columns;
    const int64_t columns = std::min(kernels.tile_columns, step.j1 - j);
    kernels.pack(columns, step.depth, o.b + j * plan.b_cs + step.p0 * plan.b_rs, plan.b_cs, plan.b_rs,
                 o.packed_b + (j - step.j0) * step.depth, columns);
  }
}

// How c's part of a step is cut into tasks.
struct Grain {
  int64_t rows, columns;
  bool dynamic;
};

// Big steps are cut into many tasks, so that the team ends together. Small ones are dealt out by columns, or by
// rows if those are very many: where two threads meet within a column of c, they fight for a cache line.
template <class T>
Grain choose_grain(const Plan<T>& plan, const Step& step, int threads, int64_t depth) {
  constexpr double kSmallShare = 400e6, kTask = 8e6, kColumnWork = 500e3;  // multiply-adds
  const int64_t m = step.i1 - step.i0, n = step.j1 - step.j0;
  if (threads == 1) return {m, n, false};
  const int64_t tile_rows = plan.kernels->tile_rows, tile_columns = plan.kernels->tile_columns;
  const int64_t row_tiles = ceil_div(m, tile_rows), col_tiles = ceil_div(n, tile_columns);
  const double work = double(m) * double(n) * double(depth);
  if (work < kSmallShare * threads && plan.part == Part::All) {
    if (m > n && double(m) * double(depth) > kColumnWork * threads && row_tiles >= threads) {
      return {ceil_div(row_tiles, threads) * tile_rows, n, false};
    }
    const int64_t row_parts = std::min(row_tiles, ceil_div(2 * threads, col_tiles));
    return {ceil_div(row_tiles, row_parts) * tile_rows, tile_columns, false};
  }
  int64_t rows = row_tiles, columns = col_tiles;
  const auto tasks = [&] { return ceil_div(row_tiles, rows) * ceil_div(col_tiles, columns); };
  while (rows * columns > 1 && (tasks() < 4 * threads || (tasks() < 32 * threads && work > kTask * tasks()))) {
    int64_t& longer = rows == 1 || (columns > 1 && columns * tile_columns >= rows * tile_rows) ? columns : rows;
    longer = (longer + 1) / 2;
  }
  return {rows * tile_rows, columns * tile_columns, true};
}

// Calls body(row, row_end, col, col_end) for the tasks that c's part of `step` is cut into.
template <class T, class Threads, class Body>
void for_each_task(const Plan<T>& plan, const Step& step, int64_t depth, const Threads& team, const Body& body) {
  const Grain grain = choose_grain(plan, step, team.size(), depth);
  const int64_t down = ceil_div(step.i1 - step.i0, grain.rows);
  team.for_each(down * ceil_div(step.j1 - step.j0, grain.columns), grain.dynamic, [&](int64_t task) {
    const int64_t row = step.i0 + task % down * grain.rows;
    const int64_t col = step.j0 + task / down * grain.columns;
    body(row, std::min(row + grain.rows, step.i1), col, std::min(col + grain.columns, step.j1));
  });
}

template <class T, class Threads>
void run_step(const Plan<T>& plan, const Operands<T>& o, const Step& step, bool pack_b, const Threads& team) {
  const int64_t a_panels = plan.pack_a ? ceil_div(step.i1 - step.i0, plan.kernels->tile_rows) : 0;
  const int64_t b_panels = pack_b ? ceil_div(step.j1 - step.j0, plan.kernels->tile_columns) : 0;
  if (a_panels + b_panels > 0) {
    team.for_each(a_panels + b_panels, false, [&](int64_t index) { pack_panel(plan, o, step, a_panels, index); });
    team.wait();
  }
  for_each_task(plan, step, step.depth, team, [&](int64_t row, int64_t row_end, int64_t col, int64_t col_end) {
    run_tiles(plan, o, step, row, row_end, col, col_end);
  });
}

// Without packing nothing is shared, and the team need not meet between the passes over k.
template <class T, class Threads>
void run_in_place(const Plan<T>& plan, const Operands<T>& o, const Threads& team) {
  const Step whole{0, plan.m, 0, plan.n, 0, plan.k_block};
  for_each_task(plan, whole, plan.k, team, [&](int64_t row, int64_t row_end, int64_t col, int64_t col_end) {
    Step step = whole;
    do {
      step.depth = std::min(plan.k_block, plan.k - step.p0);
      run_tiles(plan, o, step, row, row_end, col, col_end);
      step.p0 += step.depth;
    } while (step.p0 < plan.k);
  });
}

template <class T, class Threads>
void run_steps(const Plan<T>& plan, const Operands<T>& o, const Threads& team) {
  if (!plan.pack_a && !plan.pack_b) return run_in_place(plan, o, team);
  Step step;
  for (step.j0 = 0; step.j0 < plan.n; step.j0 = step.j1) {
    step.j1 = std::min(plan.n, step.j0 + plan.col_span);
    step.p0 = 0;
    do {
      step.depth = std::min(plan.k_block, plan.k - step.p0);
      for (step.i0 = 0; step.i0 < plan.m; step.i0 = step.i1) {
        step.i1 = std::min(plan.m, step.i0 + plan.row_span);
        if (step.i0 + step.j0 + step.p0 > 0) team.wait();  // the last step's panels are still being read
        run_step(plan, o, step, plan.pack_b && step.i0 == 0, team);
      }
      step.p0 += step.depth;
    } while (step.p0 < plan.k);
  }
}

}  // namespace

template <class T>
void run_plan(const Plan<T>& plan, int threads, const T* a, const T* b, T* c, const Finish* finish) {
  if (plan.m <= 0 || plan.n <= 0) return;
  Operands<T> o{plan.swapped ? b : a, plan.swapped ? a : b, c, nullptr, nullptr, finish};
  const int64_t depth = std::min(plan.k, plan.k_block);
  const auto whole = [](int64_t size, int64_t unit) { return ceil_div(size, unit) * unit; };
  if (plan.pack_a) {
    const int64_t rows = std::min(plan.row_span, whole(plan.m, plan.kernels->tile_rows));
    o.packed_a = scratch<T>(Scratch::Left, rows * depth);
  }
  if (plan.pack_b) o.packed_b = scratch<T>(Scratch::Right, std::min(plan.col_span, plan.n) * depth);
  if (threads <= 1) {
    run_steps(plan, o, Alone{});
    return;
  }
#pragma omp parallel num_threads(threads)
  run_steps(plan, o, Team{});
}

template <class T>
void product(Part part, int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, ConstMatrix<T> b, T beta,
             Matrix<T> c, const Finish* finish) {
  if (m <= 0 || n <= 0) return;
  const Plan<T> plan = make_plan<T>(part, m, n, k, alpha, a, b, beta, c);
  run_plan(plan, plan_threads(plan), a.data, b.data, c.data, finish);
}

#define NNGPU_INSTANTIATE(T)                                                                              \
  template void run_plan(const Plan<T>&, int, const T*, const T*, T*, const Finish*);                     \
  template void product(Part, int64_t, int64_t, int64_t, T, ConstMatrix<T>, ConstMatrix<T>, T, Matrix<T>, \
                        const Finish*)
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
