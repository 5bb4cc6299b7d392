// Cumulative sums and products along an axis. Floating dtypes accumulate in double, integers wrap.
#include <algorithm>
#include <type_traits>

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kColumns = 64;

template <class T>
using Total = std::conditional_t<is_floating_type<T>, double, uint64_t>;

template <class V>
inline V combine(V a, V b, bool product) {
  return product ? a * b : a + b;
}

template <class T, class R, bool kProduct>
void scan_line(int64_t n, const T* x, int64_t step, R* out, int64_t out_step) {
  Total<R> total = kProduct ? 1 : 0;
  for (int64_t i = 0; i < n; ++i) {
    total = combine(total, static_cast<Total<R>>(widen(x[i * step])), kProduct);
    out[i * out_step] = narrow<R>(total);
  }
}

// Neighbouring lines together, row by row.
template <class T, class R, bool kProduct>
void scan_columns(int64_t columns, int64_t n, const T* x, int64_t step, R* out, int64_t out_step) {
  for (int64_t c = 0; c < columns; c += kColumns) {
    const int64_t width = std::min(kColumns, columns - c);
    Total<R> totals[kColumns];
    std::fill_n(totals, kColumns, static_cast<Total<R>>(kProduct ? 1 : 0));
    for (int64_t i = 0; i < n; ++i) {
      const T* from = x + c + i * step;
      R* to = out + c + i * out_step;
      for (int64_t l = 0; l < width; ++l) {
        totals[l] = combine(totals[l], static_cast<Total<R>>(widen(from[l])), kProduct);
        to[l] = narrow<R>(totals[l]);
      }
    }
  }
}

template <class T, class R, bool kProduct>
void scan_item(const Item& item, int64_t axis, const RunContext& context) {
  const graph::Operand &x = item.inputs[0], &out = item.outputs[0];
  const Walk<2> lines = walk_lines<2>(x.shape, axis, {&x.strides, &out.strides});
  const int64_t n = x.shape[axis], step = x.strides[axis], out_step = out.strides[axis];
  const T* in = context.at<T>(x);
  R* to = context.at<R>(out);
  parallel_for(lines.count(), line_grain(n, 16384), [&](int64_t begin, int64_t end) {
    lines.for_runs(begin, end, [&](const int64_t(&at)[2], int64_t points, int64_t) {
      if (points > 1 && lines.step(0) == 1 && lines.step(1) == 1)
        return scan_columns<T, R, kProduct>(points, n, in + at[0], step, to + at[1], out_step);
      for (int64_t p = 0; p < points; ++p)
        scan_line<T, R, kProduct>(n, in + at[0] + p * lines.step(0), step, to + at[1] + p * lines.step(1),
                                  out_step);
    });
  });
}

}  // namespace

void run_scan(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::ScanParams>();
  const bool product = params.code == graph::Reduction::Prod;
  for_items(launch, [&](const Item& item) {
    if (element_count(item.inputs[0].shape) == 0) return;
    visit_dtype(item.inputs[0].dtype, [&]<class T>() {
      const auto run = [&]<class R>() {
        if (product)
          scan_item<T, R, true>(item, params.axis, context);
        else
          scan_item<T, R, false>(item, params.axis, context);
      };
      // Narrow integers may be summed in i64.
      if (!is_floating_type<T> && item.outputs[0].dtype == DType::I64)
        run.template operator()<int64_t>();
      else
        run.template operator()<T>();
    });
  });
}

}  // namespace nngpu::cpu
