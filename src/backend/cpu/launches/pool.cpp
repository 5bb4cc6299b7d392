// Pooling, a plane at a time.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/copy.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/pool_kernels.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

using graph::Operand;
using graph::PoolParams;

// The elements [begin, end) with a step that a window covers along one axis, and by how many an average divides.
struct Span {
  int64_t begin, end, step, count;
};

Span window_span(const PoolParams& p, int axis, int64_t i, int64_t n, int64_t windows) {
  if (is_adaptive(p.pooling)) {
    const int64_t begin = i * n / windows, end = ((i + 1) * n + windows - 1) / windows;
    return {begin, end, 1, end - begin};
  }
  const int64_t step = p.dilation[axis];
  const int64_t start = i * p.stride[axis] - p.low[axis];
  const int64_t stop = start + (p.window[axis] - 1) * step + 1;
  const int64_t begin = start >= 0 ? start : start + (-start + step - 1) / step * step;
  const int64_t end = std::min(stop, n);
  const int64_t padded = std::min(stop, n + p.high[axis]) - start;
  return {begin, end, step, p.count_padding != 0 ? padded : end - begin};
}

// How planes of an operand are numbered: (n, c), and where one starts.
struct Planes {
  int64_t channels, batch_step, channel_step, row_step, column_step;
  explicit Planes(const Operand& x)
      : channels(x.shape[1]),
        batch_step(x.strides[0]),
        channel_step(x.strides[1]),
        row_step(x.strides[2]),
        column_step(x.strides[3]) {}
  int64_t start(int64_t plane) const { return plane / channels * batch_step + plane % channels * channel_step; }
};

// Calls body(plane) for all planes of x, in parallel.
template <class Body>
void for_planes(const Operand& x, int64_t work, const Body& body) {
  parallel_for(x.shape[0] * x.shape[1], line_grain(work), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) body(plane);
  });
}

// The windows of one axis.
std::vector<Span> window_spans(const PoolParams& p, int axis, int64_t n, int64_t windows) {
  std::vector<Span> spans;
  for (int64_t i = 0; i < windows; ++i) spans.push_back(window_span(p, axis, i, n, windows));
  return spans;
}

// The windows of a launch, and those across that lie in the plane as a whole: [first_whole, last_whole).
struct Windows {
  std::vector<Span> down, across;
  int64_t height, width, rows, columns;
  int64_t first_whole = 0, last_whole = 0;

  Windows(const PoolParams& p, const Shape& x, const Shape& y)
      : down(window_spans(p, 0, x[2], y[2])),
        across(window_spans(p, 1, x[3], y[3])),
        height(x[2]),
        width(x[3]),
        rows(y[2]),
        columns(y[3]) {
    if (is_adaptive(p.pooling)) return;
    const int64_t reach = (p.window[1] - 1) * p.dilation[1] + 1;
    const auto start = [&](int64_t j) { return j * p.stride[1] - p.low[1]; };
    while (first_whole < columns && start(first_whole) < 0) ++first_whole;
    last_whole = columns;
    while (last_whole > first_whole && start(last_whole - 1) + reach > width) --last_whole;
  }
  int64_t work() const { return 8 * rows * columns; }
};

// Where the maxima of a plane come from and go.
template <class T>
struct MaxPlane {
  const T* in;
  int64_t row_step, column_step;
  const T* end;  // of what may be read
  T* values;
  int64_t* places;

  void one(const Span& down, const Span& across, int64_t width, int64_t to) const {
    int64_t place = down.begin * width + across.begin;
    T best = in[down.begin * row_step + across.begin * column_step];
    for (int64_t r = down.begin; r < down.end; r += down.step)
      for (int64_t c = across.begin; c < across.end; c += across.step) {
        const T value = in[r * row_step + c * column_step];
        const auto v = widen(value), b = widen(best);
        if (v > b || (v != v && b == b)) best = value, place = r * width + c;
      }
    values[to] = best;
    places[to] = place;
  }

  // Row i of the windows.
  void row(const PoolParams& p, const Windows& w, int64_t i) const {
    const Span& down = w.down[static_cast<size_t>(i)];
    int64_t first = w.first_whole, last = w.last_whole;
    if constexpr (std::is_floating_point_v<T>) {
      if (column_step == 1 && row_step == w.width && w.height * w.width < int64_t{1} << 31 && first < last) {
        const int64_t rows = (down.end - down.begin + down.step - 1) / down.step;
        const int64_t column = w.across[static_cast<size_t>(first)].begin, start = down.begin * w.width + column;
        max_windows<T>({last - first, p.stride[1], rows, p.window[1], down.step * w.width, p.dilation[1],
                        in + start, end - (in + start), start, values + i * w.columns + first,
                        places + i * w.columns + first});
      } else {
        first = last;
      }
    } else {
      first = last;
    }
    for (int64_t j = 0; j < w.columns; ++j) {
      if (j == first) j = last;
      if (j < w.columns) one(down, w.across[static_cast<size_t>(j)], w.width, i * w.columns + j);
    }
  }
};

template <class T>
void max_pool(const PoolParams& p, const Item& item, const RunContext& context) {
  const Operand &x = item.inputs[0], &y = item.outputs[0];
  const Planes from(x);
  const Windows windows(p, x.shape, y.shape);
  const int64_t count = element_count(x.shape);
  const bool dense = x.strides == contiguous_strides(x.shape);
  for_planes(y, windows.work(), [&](int64_t plane) {
    const int64_t to = plane * windows.rows * windows.columns;
    const T* in = context.at<T>(x) + from.start(plane);
    const MaxPlane<T> maxima{in,
                             from.row_step,
                             from.column_step,
                             dense ? context.at<T>(x) + count : in + windows.height * windows.width,
                             context.at<T>(y) + to,
                             context.at<int64_t>(item.outputs[1]) + to};
    for (int64_t i = 0; i < windows.rows; ++i) maxima.row(p, windows, i);
  });
}

template <class T>
void average_pool(const PoolParams& p, const Item& item, const RunContext& context) {
  using C = Compute<T>;
  const Operand &x = item.inputs[0], &y = item.outputs[0];
  const Planes from(x);
  const Windows windows(p, x.shape, y.shape);
  for_planes(y, windows.work(), [&](int64_t plane) {
    const T* in = context.at<T>(x) + from.start(plane);
    T* to = context.at<T>(y) + plane * windows.rows * windows.columns;
    for (const Span& down : windows.down)
      for (const Span& across : windows.across) {
        C sum = 0;
        for (int64_t r = down.begin; r < down.end; ++r)
          for (int64_t c = across.begin; c < across.end; ++c)
            sum += widen(in[r * from.row_step + c * from.column_step]);
        *to++ = narrow<T>(sum / static_cast<C>(down.count * across.count));
      }
  });
}

// dx of a plane in the type sums are made in: the result itself, or a row of `wide` that is rounded afterwards.
template <class T, class Fill>
void gradient_planes(const Item& item, const RunContext& context, int64_t work, const Fill& fill) {
  using C = Compute<T>;
  const Operand& dx = item.outputs[0];
  const int64_t count = dx.shape[2] * dx.shape[3];
  ScratchFrame scratch;
  const PerThread<C> wide(scratch, std::is_same_v<C, T> ? 0 : count, dx.shape[0] * dx.shape[1]);
  for_planes(dx, work + count, [&](int64_t plane) {
    T* to = context.at<T>(dx) + plane * count;
    if constexpr (std::is_same_v<C, T>) {
      std::fill(to, to + count, T{0});
      fill(plane, to);
    } else {
      C* sums = wide.mine();
      std::fill(sums, sums + count, C{0});
      fill(plane, sums);
      for (int64_t i = 0; i < count; ++i) to[i] = narrow<T>(sums[i]);
    }
  });
}

template <class T>
void max_gradient(const Item& item, const RunContext& context) {
  const Operand &g = item.inputs[0], &places = item.inputs[1];
  const Planes from(g), at(places);
  const int64_t rows = g.shape[2], columns = g.shape[3];
  gradient_planes<T>(item, context, rows * columns, [&](int64_t plane, Compute<T>* to) {
    const T* in = context.at<T>(g) + from.start(plane);
    const int64_t* where = context.at<int64_t>(places) + at.start(plane);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        to[where[i * at.row_step + j * at.column_step]] += widen(in[i * from.row_step + j * from.column_step]);
  });
}

template <class T>
void average_gradient(const PoolParams& p, const Item& item, const RunContext& context) {
  using C = Compute<T>;
  const Operand& g = item.inputs[0];
  const Planes from(g);
  const Windows windows(p, item.outputs[0].shape, g.shape);
  gradient_planes<T>(item, context, windows.work(), [&](int64_t plane, C* to) {
    const T* in = context.at<T>(g) + from.start(plane);
    for (int64_t i = 0; i < windows.rows; ++i)
      for (int64_t j = 0; j < windows.columns; ++j) {
        const Span &down = windows.down[static_cast<size_t>(i)], &across = windows.across[static_cast<size_t>(j)];
        const C share = static_cast<C>(widen(in[i * from.row_step + j * from.column_step])) /
                        static_cast<C>(down.count * across.count);
        for (int64_t r = down.begin; r < down.end; ++r)
          for (int64_t c = across.begin; c < across.end; ++c) to[r * windows.width + c] += share;
      }
  });
}

template <class F>
void for_floating_items(const Launch& launch, const F& f) {
  for_items(launch, [&](const Item& item) {
    if (element_count(item.outputs[0].shape) == 0) return;
    visit_dtype(item.outputs[0].dtype, [&]<class T>() {
      if constexpr (is_floating_type<T>) f.template operator()<T>(item);
    });
  });
}

}  // namespace

// Results are row-major, as lowering lays them out.
void run_pool(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<PoolParams>();
  for_floating_items(launch, [&]<class T>(const Item& item) {
    if (is_max(params.pooling)) return max_pool<T>(params, item, context);
    average_pool<T>(params, item, context);
  });
}

void run_pool_gradient(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<PoolParams>();
  for_floating_items(launch, [&]<class T>(const Item& item) {
    if (is_max(params.pooling)) return max_gradient<T>(item, context);
    average_gradient<T>(params, item, context);
  });
}

}  // namespace nngpu::cpu
