// Triangular systems: blocks on the diagonal, and products of what is known with the rows below.
#include "backend/gpu/launches/triangular.h"

#include <algorithm>

#include "backend/gpu/launches/factor_vendor.h"
#include "backend/gpu/launches/subtract_product.h"

namespace nngpu::gpu {
namespace {

constexpr int64_t kWidth = 32;

// As in kernels/triangular.kl.
struct Triangle {
  int64_t a_step, a_rs, a_cs, x_step, x_rs, x_cs, entries, columns;
  int32_t width, unit;
};

void solve_block(GpuBackend& gpu, const Matrices& a, const Matrices& x, bool unit) {
  const Triangle triangle{
      a.step, a.rs, a.cs, x.step, x.rs, x.cs, x.entries, x.columns, static_cast<int32_t>(a.rows), unit};
  Arguments arguments;
  arguments.buffer(a.data).buffer(x.data).value(triangle);
  const SmallGrid grid(gpu, a.rows, x.entries);
  const auto kernel = [&](const char* name) {
    return gpu.library().kernel("triangular", name, grid.definitions(a.dtype));
  };
  if (x.columns < 32)
    grid.launch(gpu, kernel("solve_rows"), arguments, static_cast<uint32_t>(x.columns));
  else
    gpu.launch(kernel("solve_block"), {gpu.blocks_for(x.columns, grid.threads), entry_blocks(x.entries), 1},
               {grid.threads, 1, 1}, arguments);
}

}  // namespace

void solve_triangular(GpuBackend& gpu, const Matrices& a, const Matrices& x, bool upper, bool unit) {
  if (x.entries == 0 || x.rows == 0 || x.columns == 0) return;
  if (upper) {
    // The upper triangle from its end is a lower one, with the rows of x from the last.
    Matrices rows = x.part(x.rows - 1, 0, x.rows, x.columns);
    rows.rs = -x.rs;
    return solve_triangular(gpu, a.reversed(), rows, false, unit);
  }
  for (int64_t first = 0; first < x.rows; first += kWidth) {
    const int64_t width = std::min(kWidth, x.rows - first), next = first + width, rest = x.rows - next;
    const Matrices known = x.part(first, 0, width, x.columns);
    solve_block(gpu, a.part(first, first, width, width), known, unit);
    subtract_product(gpu, a.part(next, first, rest, width), known, x.part(next, 0, rest, x.columns));
  }
}

void run_triangular_solve(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::TriangularParams>();
  const Stack x = output_stack(gpu, launch, context, 0, Entry::Matrix);
  if (x.entries * x.entry_size() == 0) return;
  const Stack a = input_stack(gpu, launch, context, 0, Entry::Matrix);
  fill_stack(gpu, launch, context, 1, Entry::Matrix, x);
  const bool transpose = params.transpose != 0, upper = params.upper != 0;
  const Matrices factor = matrices_of(a);
  if (!solve_triangles_by_vendor(gpu, a, x, {{transpose, upper, params.unit_diagonal != 0}}))
    solve_triangular(gpu, transpose ? factor.transposed() : factor, matrices_of(x), upper != transpose,
                     params.unit_diagonal != 0);
  store_stack(gpu, launch, context, 0, Entry::Matrix, x);
}

}  // namespace nngpu::gpu
