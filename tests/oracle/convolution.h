// Convolution and pooling by their definitions, in double precision.
#ifndef NNGPU_TESTS_ORACLE_CONVOLUTION_H_
#define NNGPU_TESTS_ORACLE_CONVOLUTION_H_

#include "oracle/array.h"

namespace nngpu::oracle {

// Lists of two are (height, width).
struct Windows {
  int64_t stride[2] = {1, 1}, dilation[2] = {1, 1}, low[2] = {0, 0}, high[2] = {0, 0};
  int64_t groups = 1;
};

// x (n, c, h, w), w (o, c / groups, kh, kw) -> (n, o, h', w').
Array convolve(const Array& x, const Array& w, const Windows& windows);
// The gradients of sum(convolve(x, w) * g): by x, of shape `shape`, and by w.
Array convolve_input_gradient(const Array& g, const Array& w, const std::vector<int64_t>& shape,
                              const Windows& windows);
Array convolve_weight_gradient(const Array& x, const Array& g, const std::vector<int64_t>& shape,
                               const Windows& windows);

struct Pooled {
  Array values, places;
};
// The windows of one axis: the elements each covers, and by how many elements an average divides.
struct AxisWindow {
  std::vector<int64_t> elements;
  int64_t count;
};
std::vector<AxisWindow> axis_windows(int64_t n, int64_t window, const Windows& windows, int axis, bool ceil_mode,
                                     bool count_padding);
std::vector<AxisWindow> adaptive_windows(int64_t n, int64_t count);

Pooled max_pool(const Array& x, const std::vector<AxisWindow>& rows, const std::vector<AxisWindow>& columns);
Array average_pool(const Array& x, const std::vector<AxisWindow>& rows, const std::vector<AxisWindow>& columns);

}  // namespace nngpu::oracle

#endif  // NNGPU_TESTS_ORACLE_CONVOLUTION_H_
