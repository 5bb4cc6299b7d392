#include "graph/infer_rules.h"
#include "nngpu/convolution.h"
#include "ops/maps.h"

namespace nngpu {
namespace {

using graph::Pooling;
using graph::PoolParams;
using ops::make_node;
using ops::OpKind;

// How many windows there are along one axis. A last window that starts behind the map does not count (PyTorch's
// rule).
int64_t count_windows(const PoolParams& p, int axis, int64_t n, bool ceil_mode) {
  const int64_t span = n + p.low[axis] + p.high[axis] - p.dilation[axis] * (p.window[axis] - 1) - 1;
  const int64_t stride = p.stride[axis];
  int64_t count = (span + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  if (ceil_mode && (count - 1) * stride >= n + p.low[axis]) --count;
  return count;
}

PoolParams window_params(const char* operation, Pooling pooling, const Shape& x, Pair window, Pair stride,
                         const Padding& padding, Pair dilation, bool ceil_mode, bool count_padding) {
  const auto& [low, high] = padding;
  PoolParams p{
      pooling,
      count_padding,
      {window.height, window.width},
      {stride.height == 0 ? window.height : stride.height, stride.width == 0 ? window.width : stride.width},
      {dilation.height, dilation.width},
      {low.height, low.width},
      {high.height, high.width},
      {0, 0}};
  const int64_t plane[2] = {x[2], x[3]};
  graph::check_windows(operation, p, plane);
  for (int i = 0; i < 2; ++i) p.size[i] = count_windows(p, i, plane[i], ceil_mode);
  graph::check_window_count(operation, p, plane, p.size);
  return p;
}

PoolParams adaptive_params(const char* operation, Pooling pooling, const Shape& x, Pair size) {
  PoolParams p{};
  p.pooling = pooling;
  p.size[0] = size.height;
  p.size[1] = size.width;
  graph::check_window_count(operation, p, {x[2], x[3]}, p.size);
  return p;
}

ops::Maps floating_maps(const char* operation, const Tensor& x, int axes) {
  graph::require_defined(operation, x);
  graph::require_floating(operation, x);
  return ops::as_maps(operation, x, axes);
}

MaxPool maxima(const ops::Maps& maps, const PoolParams& params) {
  const Tensor values = make_node(OpKind::Pool, params, {maps.x});
  return {maps.restored(values), maps.restored(graph::output(values, 1))};
}

MaxPool max_pool(const char* operation, int axes, const Tensor& x, Pair window, const MaxPool2dOptions& o) {
  const ops::Maps maps = floating_maps(operation, x, axes);
  return maxima(maps, window_params(operation, Pooling::Max, maps.x.shape(), window, o.stride, o.padding,
                                    o.dilation, o.ceil_mode, false));
}

Tensor avg_pool(const char* operation, int axes, const Tensor& x, Pair window, const AvgPool2dOptions& o) {
  graph::require_defined(operation, x);
  const ops::Maps maps = ops::as_maps(operation, ops::as_floating(operation, x), axes);
  const PoolParams params = window_params(operation, Pooling::Average, maps.x.shape(), window, o.stride, o.padding,
                                          1, o.ceil_mode, o.count_include_pad);
  return maps.restored(make_node(OpKind::Pool, params, {maps.x}));
}

Tensor adaptive_avg(const char* operation, int axes, const Tensor& x, Pair size) {
  graph::require_defined(operation, x);
  const ops::Maps maps = ops::as_maps(operation, ops::as_floating(operation, x), axes);
  const PoolParams params = adaptive_params(operation, Pooling::AdaptiveAverage, maps.x.shape(), size);
  return maps.restored(make_node(OpKind::Pool, params, {maps.x}));
}

MaxPool adaptive_max(const char* operation, int axes, const Tensor& x, Pair size) {
  const ops::Maps maps = floating_maps(operation, x, axes);
  return maxima(maps, adaptive_params(operation, Pooling::AdaptiveMax, maps.x.shape(), size));
}

// Along one axis everything has height 1, which the window covers.
MaxPool2dOptions planar(const MaxPool1dOptions& o) {
  return {{1, o.stride}, {0, o.padding}, {1, o.dilation}, o.ceil_mode};
}
AvgPool2dOptions planar(const AvgPool1dOptions& o) {
  return {{1, o.stride}, {0, o.padding}, o.ceil_mode, o.count_include_pad};
}

void require_plane(const char* operation, const Tensor& x) {
  graph::require_defined(operation, x);
  if (x.rank() != 3 && x.rank() != 4) fail<ShapeError>(operation, "needs maps of 4 or 3 dimensions: ", x.shape());
  if (x.size(-1) < 1 || x.size(-2) < 1) fail<ShapeError>(operation, "the maps are empty: ", x.shape());
}

}  // namespace

MaxPool max_pool2d_with_indices(const Tensor& x, Pair window, const MaxPool2dOptions& options) {
  return max_pool("max_pool2d", 2, x, window, options);
}
MaxPool max_pool1d_with_indices(const Tensor& x, int64_t window, const MaxPool1dOptions& options) {
  return max_pool("max_pool1d", 1, x, {1, window}, planar(options));
}
Tensor max_pool2d(const Tensor& x, Pair window, const MaxPool2dOptions& options) {
  return max_pool2d_with_indices(x, window, options).values;
}
Tensor max_pool1d(const Tensor& x, int64_t window, const MaxPool1dOptions& options) {
  return max_pool1d_with_indices(x, window, options).values;
}

Tensor avg_pool2d(const Tensor& x, Pair window, const AvgPool2dOptions& options) {
  return avg_pool("avg_pool2d", 2, x, window, options);
}
Tensor avg_pool1d(const Tensor& x, int64_t window, const AvgPool1dOptions& options) {
  return avg_pool("avg_pool1d", 1, x, {1, window}, planar(options));
}

Tensor adaptive_avg_pool2d(const Tensor& x, Pair size) { return adaptive_avg("adaptive_avg_pool2d", 2, x, size); }
Tensor adaptive_avg_pool1d(const Tensor& x, int64_t size) {
  return adaptive_avg("adaptive_avg_pool1d", 1, x, {1, size});
}
MaxPool adaptive_max_pool2d_with_indices(const Tensor& x, Pair size) {
  return adaptive_max("adaptive_max_pool2d", 2, x, size);
}
Tensor adaptive_max_pool2d(const Tensor& x, Pair size) { return adaptive_max_pool2d_with_indices(x, size).values; }
Tensor adaptive_max_pool1d(const Tensor& x, int64_t size) {
  return adaptive_max("adaptive_max_pool1d", 1, x, {1, size}).values;
}

Tensor global_avg_pool2d(const Tensor& x) {
  require_plane("global_avg_pool2d", x);
  return mean(x, {-2, -1}, true);
}
Tensor global_max_pool2d(const Tensor& x) {
  require_plane("global_max_pool2d", x);
  return max(x, {-2, -1}, true);
}

}  // namespace nngpu
