#include "graph/infer_rules.h"

namespace nngpu::graph {
namespace {

Dims pair(const int64_t (&values)[2]) { return {values[0], values[1]}; }

void require_planes(const char* operation, const Tensor& x) {
  require_floating(operation, x);
  if (x.rank() != 4) fail<ShapeError>(operation, "needs 4 dimensions: ", x.shape());
}

// Beyond a dilation as wide as the plane, a window that starts before the plane may step over it.
bool has_element(const PoolParams& p, int axis, int64_t plane, int64_t out) {
  for (int64_t i = 0; i < out && i * p.stride[axis] < p.low[axis]; ++i) {
    const int64_t before = p.low[axis] - i * p.stride[axis];
    const int64_t steps = (before + p.dilation[axis] - 1) / p.dilation[axis];
    if (steps >= p.window[axis] || steps * p.dilation[axis] - before >= plane) return false;
  }
  return true;
}

}  // namespace

void check_windows(const char* operation, const PoolParams& p, const int64_t (&plane)[2]) {
  for (int i = 0; i < 2; ++i) {
    if (p.window[i] < 1) fail<ValueError>(operation, "the window must be positive: ", pair(p.window));
    if (p.stride[i] < 1) fail<ValueError>(operation, "stride must be positive: ", pair(p.stride));
    if (p.dilation[i] < 1) fail<ValueError>(operation, "dilation must be positive: ", pair(p.dilation));
    if (p.low[i] < 0 || p.high[i] < 0)
      fail<ValueError>(operation, "negative padding: ", pair(p.low), " and ", pair(p.high));
    if (p.low[i] > p.window[i] / 2 || p.high[i] > p.window[i] / 2)
      fail<ValueError>(operation, "padding is more than half the window: ", pair(p.low), " and ", pair(p.high),
                       " for ", pair(p.window));
    int64_t reach = 0;
    if (__builtin_mul_overflow(p.dilation[i], p.window[i] - 1, &reach))
      fail<ValueError>(operation, "dilation is too large: ", pair(p.dilation));
    if (reach >= plane[i] + p.low[i] + p.high[i])
      fail<ShapeError>(operation, "the window is larger than the padded input: ", pair(p.window),
                       " with dilation ", pair(p.dilation), " on ", pair(plane), " with padding ", pair(p.low),
                       " and ", pair(p.high));
  }
}

void check_window_count(const char* operation, const PoolParams& p, const int64_t (&plane)[2],
                        const int64_t (&out)[2]) {
  for (int i = 0; i < 2; ++i) {
    if (out[i] < 1) fail<ValueError>(operation, "the result's size must be positive: ", pair(out));
    if (plane[i] < 1) fail<ShapeError>(operation, "the planes are empty: ", pair(plane));
    if (is_adaptive(p.pooling)) continue;
    if ((out[i] - 1) * p.stride[i] - p.low[i] >= plane[i])
      fail<ShapeError>(operation, "a window starts after the plane: ", pair(out), " windows on ", pair(plane));
    if (p.dilation[i] > plane[i] && !has_element(p, i, plane[i], out[i]))
      fail<ShapeError>(operation, "a window has no element: dilation ", pair(p.dilation), " on ", pair(plane));
  }
}

Outputs infer_pool(const PoolParams& params, const Tensor& x) {
  require_planes("pool", x);
  const int64_t plane[2] = {x.shape()[2], x.shape()[3]};
  if (!is_adaptive(params.pooling)) check_windows("pool", params, plane);
  check_window_count("pool", params, plane, params.size);
  const Shape shape{x.shape()[0], x.shape()[1], params.size[0], params.size[1]};
  if (!is_max(params.pooling)) return one(shape, x.dtype());
  return {made(shape, x.dtype()), made(shape, DType::I64)};
}

Outputs infer_pool_gradient(const PoolParams& params, Inputs inputs) {
  const Tensor& g = inputs[0];
  require_planes("pool_gradient", g);
  if (!is_adaptive(params.pooling)) check_windows("pool_gradient", params, params.size);
  check_window_count("pool_gradient", params, params.size, {g.shape()[2], g.shape()[3]});
  if (is_max(params.pooling)) {
    require_dtype("pool_gradient", inputs[1], DType::I64);
    if (!(inputs[1].shape() == g.shape()))
      fail<ShapeError>("pool_gradient", "gradient and places differ in shape: ", g.shape(), " and ",
                       inputs[1].shape());
  }
  return one({g.shape()[0], g.shape()[1], params.size[0], params.size[1]}, g.dtype());
}

}  // namespace nngpu::graph
