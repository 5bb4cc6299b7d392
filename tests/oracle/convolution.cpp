#include "oracle/convolution.h"

#include <cmath>

namespace nngpu::oracle {
namespace {

using Index = std::vector<int64_t>;

int64_t result_size(int64_t n, int64_t window, const Windows& w, int axis) {
  int64_t count = 0;
  for (int64_t start = -w.low[axis]; start + w.dilation[axis] * (window - 1) < n + w.high[axis];
       start += w.stride[axis])
    ++count;
  return count;
}

// Calls visit(index in x, index in w, index in y) for every product of the convolution.
void for_each_product(const Index& x, const Index& w, const Index& y, const Windows& s,
                      const std::function<void(const Index&, const Index&, const Index&)>& visit) {
  const int64_t group_out = w[0] / s.groups;
  for_each_index(y, [&](const Index& to) {
    for_each_index({w[1], w[2], w[3]}, [&](const Index& tap) {
      const int64_t row = to[2] * s.stride[0] + tap[1] * s.dilation[0] - s.low[0];
      const int64_t column = to[3] * s.stride[1] + tap[2] * s.dilation[1] - s.low[1];
      if (row < 0 || row >= x[2] || column < 0 || column >= x[3]) return;
      visit({to[0], to[1] / group_out * w[1] + tap[0], row, column}, {to[1], tap[0], tap[1], tap[2]}, to);
    });
  });
}

}  // namespace

Array convolve(const Array& x, const Array& w, const Windows& s) {
  Array y = filled({x.shape[0], w.shape[0], result_size(x.shape[2], w.shape[2], s, 0),
                    result_size(x.shape[3], w.shape[3], s, 1)},
                   0);
  for_each_product(x.shape, w.shape, y.shape, s, [&](const Index& from, const Index& tap, const Index& to) {
    y.ref(to) += x.at(from) * w.at(tap);
  });
  return y;
}

Array convolve_input_gradient(const Array& g, const Array& w, const Index& shape, const Windows& s) {
  Array dx = filled(shape, 0);
  for_each_product(shape, w.shape, g.shape, s, [&](const Index& from, const Index& tap, const Index& to) {
    dx.ref(from) += g.at(to) * w.at(tap);
  });
  return dx;
}

Array convolve_weight_gradient(const Array& x, const Array& g, const Index& shape, const Windows& s) {
  Array dw = filled(shape, 0);
  for_each_product(x.shape, shape, g.shape, s, [&](const Index& from, const Index& tap, const Index& to) {
    dw.ref(tap) += x.at(from) * g.at(to);
  });
  return dw;
}

std::vector<AxisWindow> axis_windows(int64_t n, int64_t window, const Windows& s, int axis, bool ceil_mode,
                                     bool count_padding) {
  const int64_t low = s.low[axis], high = s.high[axis], step = s.dilation[axis], stride = s.stride[axis];
  std::vector<AxisWindow> windows;
  for (int64_t start = -low;; start += stride) {
    const int64_t last = start + step * (window - 1);
    const bool whole = last < n + high;
    // In ceil mode one that is cut off counts if it begins before the padding behind the map.
    const bool cut = ceil_mode && start < n && last - (stride - 1) < n + high;
    if (!whole && !cut) return windows;
    AxisWindow covered{{}, 0};
    for (int64_t k = 0; k < window; ++k) {
      const int64_t at = start + k * step;
      if (at >= 0 && at < n) covered.elements.push_back(at);
      if (count_padding ? at < n + high : at >= 0 && at < n) ++covered.count;
    }
    windows.push_back(covered);
  }
}

std::vector<AxisWindow> adaptive_windows(int64_t n, int64_t count) {
  std::vector<AxisWindow> windows;
  for (int64_t i = 0; i < count; ++i) {
    AxisWindow covered{{}, 0};
    // Element e is covered if its interval [e, e + 1) meets [i * n / count, (i + 1) * n / count).
    for (int64_t e = 0; e < n; ++e)
      if ((e + 1) * count > i * n && e * count < (i + 1) * n) covered.elements.push_back(e);
    covered.count = static_cast<int64_t>(covered.elements.size());
    windows.push_back(covered);
  }
  return windows;
}

Pooled max_pool(const Array& x, const std::vector<AxisWindow>& rows, const std::vector<AxisWindow>& columns) {
  const Index shape{x.shape[0], x.shape[1], static_cast<int64_t>(rows.size()),
                    static_cast<int64_t>(columns.size())};
  Pooled result{filled(shape, 0), filled(shape, -1)};
  for_each_index(shape, [&](const Index& to) {
    double& best = result.values.ref(to);
    double& place = result.places.ref(to);
    for (int64_t row : rows[static_cast<size_t>(to[2])].elements)
      for (int64_t column : columns[static_cast<size_t>(to[3])].elements) {
        const double value = x.at({to[0], to[1], row, column});
        const bool first = place < 0;
        if (!first && !(value > best) && !(std::isnan(value) && !std::isnan(best))) continue;
        best = value;
        place = static_cast<double>(row * x.shape[3] + column);
      }
  });
  return result;
}

Array average_pool(const Array& x, const std::vector<AxisWindow>& rows, const std::vector<AxisWindow>& columns) {
  Array result =
      filled({x.shape[0], x.shape[1], static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns.size())}, 0);
  for_each_index(result.shape, [&](const Index& to) {
    const AxisWindow &down = rows[static_cast<size_t>(to[2])], &across = columns[static_cast<size_t>(to[3])];
    double sum = 0;
    for (int64_t row : down.elements)
      for (int64_t column : across.elements) sum += x.at({to[0], to[1], row, column});
    result.ref(to) = sum / static_cast<double>(down.count * across.count);
  });
  return result;
}

}  // namespace nngpu::oracle
