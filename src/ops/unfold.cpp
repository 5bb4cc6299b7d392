// unfold and fold, made of slices: one a place in the window. They hold for every dtype, and no zero of the
// padding or product with one meets a NaN.
#include "graph/infer_rules.h"
#include "ops/maps.h"

namespace nngpu {
namespace {

// The windows along the axes (height, width) of maps.
struct Windows {
  int64_t n[2], window[2], stride[2], dilation[2], low[2], high[2], count[2];

  Windows(const char* operation, int64_t height, int64_t width, Pair window_, const UnfoldOptions& o)
      : n{height, width},
        window{window_.height, window_.width},
        stride{o.stride.height, o.stride.width},
        dilation{o.dilation.height, o.dilation.width},
        low{o.padding.before.height, o.padding.before.width},
        high{o.padding.after.height, o.padding.after.width} {
    for (int i = 0; i < 2; ++i)
      if (low[i] < 0 || high[i] < 0) fail<ValueError>(operation, "negative padding: ", low[i], " and ", high[i]);
    // The shape of a convolution of one channel with such a kernel, and its errors.
    const graph::ConvolutionParams params{graph::ConvolutionMode::Forward,
                                          1,
                                          {stride[0], stride[1]},
                                          {dilation[0], dilation[1]},
                                          {low[0], low[1]},
                                          {high[0], high[1]},
                                          {0, 0}};
    const Shape shape =
        graph::convolution_shape(operation, params, {1, 1, height, width}, {1, 1, window[0], window[1]});
    count[0] = shape[2];
    count[1] = shape[3];
  }
  int64_t padded(int i) const { return n[i] + low[i] + high[i]; }
  // How many padded elements all windows' elements at one place span, each with stride - 1 behind it.
  int64_t span(int i) const { return count[i] * stride[i]; }
};

// Where the elements at place (i, j) of the windows lie, of the padded maps.
Tensor place(const Tensor& padded, const Windows& w, int64_t i, int64_t j) {
  const int64_t top = i * w.dilation[0], left = j * w.dilation[1];
  const Tensor rows = slice(padded, 2, top, top + (w.count[0] - 1) * w.stride[0] + 1, w.stride[0]);
  return slice(rows, 3, left, left + (w.count[1] - 1) * w.stride[1] + 1, w.stride[1]);
}

// The adjoint of place: (n, c, count, count) among zeros of the padded size. `room` is how much wider than the
// padded maps the result must be for the zeros behind the last elements.
Tensor spread(const Tensor& part, const Windows& w, int64_t i, int64_t j, const int64_t (&room)[2]) {
  const int64_t n = part.shape()[0], c = part.shape()[1];
  Tensor dense = part;
  if (w.stride[0] > 1 || w.stride[1] > 1) {
    dense = pad(expand_dims(expand_dims(part, 3), 5),
                {{0, 0}, {0, 0}, {0, 0}, {0, w.stride[0] - 1}, {0, 0}, {0, w.stride[1] - 1}});
    dense = reshape(dense, {n, c, w.span(0), w.span(1)});
  }
  const int64_t top = i * w.dilation[0], left = j * w.dilation[1];
  return pad(dense, {{0, 0},
                     {0, 0},
                     {top, w.padded(0) + room[0] - top - w.span(0)},
                     {left, w.padded(1) + room[1] - left - w.span(1)}});
}

}  // namespace

Tensor unfold(const Tensor& x, Pair window, const UnfoldOptions& options) {
  const ops::Maps maps = ops::as_maps("unfold", x, 2);
  const Shape& shape = maps.x.shape();
  const Windows w("unfold", shape[2], shape[3], window, options);
  const Tensor padded = pad(maps.x, {{0, 0}, {0, 0}, {w.low[0], w.high[0]}, {w.low[1], w.high[1]}});
  std::vector<Tensor> places;
  for (int64_t i = 0; i < w.window[0]; ++i)
    for (int64_t j = 0; j < w.window[1]; ++j) places.push_back(place(padded, w, i, j));
  const Tensor columns =
      reshape(stack(places, 2), {shape[0], shape[1] * w.window[0] * w.window[1], w.count[0] * w.count[1]});
  return maps.single ? squeeze(columns, {0}) : columns;
}

Tensor fold(const Tensor& columns, Pair size, Pair window, const UnfoldOptions& options) {
  graph::require_defined("fold", columns);
  if (columns.rank() != 2 && columns.rank() != 3)
    fail<ShapeError>("fold", "needs columns of 3 or 2 dimensions: ", columns.shape());
  graph::require_number("fold", columns);
  if (size.height < 0 || size.width < 0)
    fail<ValueError>("fold", "negative size: ", Dims{size.height, size.width});
  const bool single = columns.rank() == 2;
  const Tensor all = single ? expand_dims(columns, 0) : columns;
  const Windows w("fold", size.height, size.width, window, options);
  const int64_t places = w.window[0] * w.window[1], count = w.count[0] * w.count[1];
  if (all.shape()[1] % places != 0 || all.shape()[2] != count)
    fail<ShapeError>("fold", "columns ", columns.shape(), " do not fit ", count, " windows of ", places,
                     " elements");
  const int64_t channels = all.shape()[1] / places;
  const Tensor parts = reshape(all, {all.shape()[0], channels, places, w.count[0], w.count[1]});
  const int64_t room[2] = {w.stride[0] - 1, w.stride[1] - 1};
  Tensor sum;
  for (int64_t p = 0; p < places; ++p) {
    const Tensor part = spread(index(parts, 2, p), w, p / w.window[1], p % w.window[1], room);
    sum = sum.defined() ? sum + part : part;
  }
  Tensor maps = slice(slice(sum, 2, w.low[0], w.low[0] + w.n[0]), 3, w.low[1], w.low[1] + w.n[1]);
  return single ? squeeze(maps, {0}) : maps;
}

}  // namespace nngpu
