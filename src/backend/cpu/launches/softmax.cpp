// Softmax along any axis: contiguous rows go to the kernels as they are, others through a buffer of rows.
#include "backend/cpu/launches/softmax.h"

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kBuffer = 65536;  // elements in the buffer
constexpr int64_t kColumns = 16;    // strided lines that go through the buffer together

// Rows in the compute type: from and to lines of which neighbours are `across` apart.
template <class T, class C>
void gather_lines(int64_t lines, int64_t n, const T* x, int64_t step, int64_t across, C* rows) {
  if (step == 1) {
    for (int64_t l = 0; l < lines; ++l)
      for (int64_t i = 0; i < n; ++i) rows[l * n + i] = widen(x[i + l * across]);
  } else {
    for (int64_t i = 0; i < n; ++i)
      for (int64_t l = 0; l < lines; ++l) rows[l * n + i] = widen(x[i * step + l * across]);
  }
}
template <class T, class C>
void scatter_lines(int64_t lines, int64_t n, const C* rows, T* y, int64_t step, int64_t across) {
  if (step == 1) {
    for (int64_t l = 0; l < lines; ++l)
      for (int64_t i = 0; i < n; ++i) y[i + l * across] = narrow<T>(rows[l * n + i]);
  } else {
    for (int64_t i = 0; i < n; ++i)
      for (int64_t l = 0; l < lines; ++l) y[i * step + l * across] = narrow<T>(rows[l * n + i]);
  }
}

template <class T>
void softmax_item(const Item& item, const graph::SoftmaxParams& params, const RunContext& context) {
  using C = Compute<T>;
  const graph::Operand &x = item.inputs[0], &out = item.outputs[0];
  const int64_t axis = params.axis, n = x.shape[axis], step = x.strides[axis], out_step = out.strides[axis];
  const Walk<2> lines = walk_lines<2>(x.shape, axis, {&x.strides, &out.strides});
  const T* from = context.at<T>(x);
  T* to = context.at<T>(out);
  const bool log = params.log != 0;
  if constexpr (std::is_same_v<T, C>) {
    if ((step == 1 || n == 1) && (out_step == 1 || n == 1)) {
      parallel_for(lines.count(), line_grain(n, 8192), [&](int64_t begin, int64_t end) {
        lines.for_runs(begin, end, [&](const int64_t(&at)[2], int64_t points, int64_t) {
          softmax_rows<C>(points, n, log, from + at[0], lines.step(0), to + at[1], lines.step(1));
        });
      });
      return;
    }
  }
  ScratchFrame scratch;
  const int64_t columns = std::clamp<int64_t>(kBuffer / n, 1, std::min(kColumns, lines.run()));
  const PerThread<C> buffer(scratch, columns * n, lines.count());
  parallel_for(lines.count(), line_grain(n, 8192), [&](int64_t begin, int64_t end) {
    C* rows = buffer.mine();
    lines.for_runs(begin, end, [&](const int64_t(&at)[2], int64_t points, int64_t) {
      int64_t p = 0;
      if constexpr (std::is_same_v<T, C>)
        if (lines.step(0) == 1 && lines.step(1) == 1)
          p = softmax_columns<C>(points, n, log, from + at[0], step, to + at[1], out_step);
      for (; p < points; p += columns) {
        const int64_t count = std::min(columns, points - p);
        gather_lines(count, n, from + at[0] + p * lines.step(0), step, lines.step(0), rows);
        softmax_rows<C>(count, n, log, rows, n, rows, n);
        scatter_lines(count, n, rows, to + at[1] + p * lines.step(1), out_step, lines.step(1));
      }
    });
  });
}

}  // namespace

void run_softmax(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::SoftmaxParams>();
  for_items(launch, [&](const Item& item) {
    if (element_count(item.inputs[0].shape) == 0) return;
    visit_dtype(item.inputs[0].dtype, [&]<class T>() {
      // Other dtypes were cast before.
      if constexpr (is_floating_type<T>) softmax_item<T>(item, params, context);
    });
  });
}

}  // namespace nngpu::cpu
