// The index of the first extreme along an axis; NaN counts as the extreme.
#include <algorithm>
#include <limits>
#include <type_traits>

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kStrip = 64;
constexpr int64_t kBlock = 256;  // between looks at what the lanes found

template <class C, bool kLargest>
inline bool better(C a, C b) {
  return kLargest ? a > b : a < b;
}

template <class C>
inline bool is_nan(C x) {
  if constexpr (std::is_floating_point_v<C>)
    return x != x;
  else
    return false;
}

template <class T, bool kLargest>
int64_t arg_line(int64_t n, const T* x, int64_t step) {
  using C = Compute<T>;
  C best = widen(x[0]);
  int64_t where = 0;
  for (int64_t i = 0; i < n; ++i) {
    const C value = widen(x[i * step]);
    if (is_nan(value)) return i;
    if (better<C, kLargest>(value, best)) {
      best = value;
      where = i;
    }
  }
  return where;
}

// The extreme of a block of kBlock elements in independent lanes, which the compiler makes vectors of.
template <class C, bool kLargest, class T>
C block_extreme(const T* x, bool& nan) {
  C lanes[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) lanes[l] = widen(x[l]);
  C unordered[kLanes] = {};  // NaN once a lane has met one
  for (int64_t i = 0; i < kBlock; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) {
      const C value = widen(x[i + l]);
      lanes[l] = better<C, kLargest>(value, lanes[l]) ? value : lanes[l];
      if constexpr (std::is_floating_point_v<C>) unordered[l] += value * C{0};
    }
  }
  C best = lanes[0];
  for (int64_t l = 0; l < kLanes; ++l) {
    best = better<C, kLargest>(lanes[l], best) ? lanes[l] : best;
    nan |= is_nan(unordered[l]);
  }
  return best;
}

// The first block that holds the extreme, then the place inside it. Infinity raises `nan` too (0 * infinity), so
// the loop over single elements has the last word.
template <class T, bool kLargest>
int64_t arg_contiguous(int64_t n, const T* x) {
  using C = Compute<T>;
  if (n < 2 * kBlock) return arg_line<T, kLargest>(n, x, 1);
  int64_t where = 0;
  C best = widen(x[0]);
  for (int64_t i = 0; i < n; i += kBlock) {
    const int64_t count = std::min(kBlock, n - i);
    bool careful = count < kBlock;
    const C extreme = careful ? best : block_extreme<C, kLargest>(x + i, careful);
    if (!careful && !better<C, kLargest>(extreme, best) && i > 0) continue;
    const int64_t found = i + arg_line<T, kLargest>(count, x + i, 1);
    const C value = widen(x[found]);
    if (is_nan(value)) return found;
    if (i == 0 || better<C, kLargest>(value, best)) {
      best = value;
      where = found;
    }
  }
  return where;
}

// Lines that are neighbours in memory but strided along the axis: row by row over up to kStrip of them. Index has
// the width of the values, so that comparisons of values select indices.
template <class T, bool kLargest, class Index>
void arg_strip(int64_t width, int64_t n, const T* x, int64_t step, int64_t* out) {
  using C = Compute<T>;
  C best[kStrip];
  Index where[kStrip] = {};
  for (int64_t l = 0; l < kStrip; ++l) best[l] = widen(x[std::min(l, width - 1)]);
  const auto look = [&](auto lanes, int64_t i) {
    const T* row = x + i * step;
    for (int64_t l = 0; l < lanes; ++l) {
      const C value = widen(row[l]);
      // In integers and without shortcuts: no branch must come between the lanes.
      const int takes = (int{better<C, kLargest>(value, best[l])} | int{is_nan(value)}) & int{!is_nan(best[l])};
      best[l] = takes ? value : best[l];
      where[l] = takes ? static_cast<Index>(i) : where[l];
    }
  };
  if (width == kStrip)
    for (int64_t i = 1; i < n; ++i) look(std::integral_constant<int64_t, kStrip>(), i);
  else
    for (int64_t i = 1; i < n; ++i) look(width, i);
  for (int64_t l = 0; l < width; ++l) out[l] = static_cast<int64_t>(where[l]);
}

template <class T, bool kLargest>
void arg_columns(int64_t columns, int64_t n, const T* x, int64_t step, int64_t* out) {
  using Narrow = std::conditional_t<sizeof(Compute<T>) == 8, int64_t, int32_t>;
  for (int64_t c = 0; c < columns; c += kStrip) {
    const int64_t width = std::min(kStrip, columns - c);
    if (n <= std::numeric_limits<Narrow>::max())
      arg_strip<T, kLargest, Narrow>(width, n, x + c, step, out + c);
    else
      arg_strip<T, kLargest, int64_t>(width, n, x + c, step, out + c);
  }
}

template <class T, bool kLargest>
void arg_item(const graph::Operand& x, int64_t axis, const T* in, int64_t* out) {
  // The results follow one another in the order of the lines, with and without the reduced axis.
  const Walk<1> lines = walk_lines<1>(x.shape, axis, {&x.strides});
  const int64_t n = x.shape[axis], step = x.strides[axis];
  parallel_for(lines.count(), line_grain(n), [&](int64_t begin, int64_t end) {
    lines.for_runs(begin, end, [&](const int64_t(&at)[1], int64_t points, int64_t number) {
      if (step != 1 && lines.step(0) == 1 && points > 1)
        return arg_columns<T, kLargest>(points, n, in + at[0], step, out + number);
      for (int64_t p = 0; p < points; ++p) {
        const T* line = in + at[0] + p * lines.step(0);
        out[number + p] = step == 1 ? arg_contiguous<T, kLargest>(n, line) : arg_line<T, kLargest>(n, line, step);
      }
    });
  });
}

}  // namespace

void run_arg_reduce(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::ArgReduceParams>();
  for_items(launch, [&](const Item& item) {
    const graph::Operand& x = item.inputs[0];
    if (x.shape[params.axis] == 0) return;  // refused before, unless there are no lines
    visit_dtype(x.dtype, [&]<class T>() {
      const T* in = context.at<T>(x);
      int64_t* out = context.at<int64_t>(item.outputs[0]);
      if (params.largest)
        arg_item<T, true>(x, params.axis, in, out);
      else
        arg_item<T, false>(x, params.axis, in, out);
    });
  });
}

}  // namespace nngpu::cpu
