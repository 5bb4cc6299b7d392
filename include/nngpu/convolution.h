// Convolution and pooling over the last axes of maps: (n, channels, height, width), or (n, channels, length) for
// the 1d forms. A single map, without n, is taken too and gives a single map. Options are structs for designated
// initialisers, and one number stands for both axes:
//
//   conv2d(x, w, {.stride = 2, .padding = {1, 2}, .groups = 4})
//
// Convolutions promote their operands as arithmetic does and take floating dtypes; half types accumulate in f32.
// As everywhere in neural networks, the kernel is not mirrored: y[i] = sum over k of x[i * stride + k * dilation -
// padding] * w[k], with zeros outside of x. Errors at the call: ShapeError where shapes, channels and groups do
// not fit or a window is larger than the padded input, ValueError for strides, dilations, paddings and groups out
// of their domain, DTypeError.
#ifndef NNGPU_CONVOLUTION_H_
#define NNGPU_CONVOLUTION_H_

#include "nngpu/ops.h"

namespace nngpu {

// A number for each of the axes height and width.
struct Pair {
  int64_t height, width;
  Pair(int both) : height(both), width(both) {}  // NOLINT: implicit, so that one number stands for both
  Pair(int64_t both) : height(both), width(both) {}
  Pair(int64_t height_, int64_t width_) : height(height_), width(width_) {}
};

// Zeros before and after each axis: `.padding = 1`, `{1, 2}` (height, width), or `{{0, 1}, {2, 3}}` (before,
// after).
struct Padding {
  Pair before, after;
  Padding(int all) : before(all), after(all) {}  // NOLINT: as above
  Padding(int64_t all) : before(all), after(all) {}
  Padding(int64_t height, int64_t width) : before(height, width), after(height, width) {}
  Padding(Pair before_, Pair after_) : before(before_), after(after_) {}
};

// --- Convolution ----------------------------------------------------------------------------------------------

struct Conv1dOptions {
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
  PadMode padding_mode = PadMode::Constant;
};
struct Conv2dOptions {
  Pair stride = 1;
  Padding padding = 0;
  Pair dilation = 1;
  int64_t groups = 1;
  PadMode padding_mode = PadMode::Constant;  // Reflect and Replicate pad as pad() does, and fail as it does
};

// x (n, c, h, w), w (o, c / groups, kh, kw), bias (o) -> (n, o, h', w'), where h' = (h + padding before and after
// - dilation * (kh - 1) - 1) / stride + 1, rounded down. Channel j of the result sees the inputs of its group
// alone.
Tensor conv2d(const Tensor& x, const Tensor& w, const Conv2dOptions& options = {});
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options = {});
Tensor conv1d(const Tensor& x, const Tensor& w, const Conv1dOptions& options = {});
Tensor conv1d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv1dOptions& options = {});

struct ConvTranspose1dOptions {
  int64_t stride = 1, padding = 0, output_padding = 0, dilation = 1, groups = 1;
};
struct ConvTranspose2dOptions {
  Pair stride = 1;
  Padding padding = 0;
  Pair output_padding = 0;  // rows and columns more at the end; smaller than the stride or the dilation
  Pair dilation = 1;
  int64_t groups = 1;
};

// The gradient of conv2d by its input, as an operation of its own: x (n, c, h, w), w (c, o / groups, kh, kw), bias
// (o)
// -> (n, o, h', w'), where h' = (h - 1) * stride - padding before and after + dilation * (kh - 1) + 1 +
// output_padding.
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const ConvTranspose2dOptions& options = {});
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const ConvTranspose2dOptions& options = {});
Tensor conv_transpose1d(const Tensor& x, const Tensor& w, const ConvTranspose1dOptions& options = {});
Tensor conv_transpose1d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const ConvTranspose1dOptions& options = {});

// The gradients of sum(conv2d(x, w, options) * g): by x, of height and width `size`, and by w, whose kernels are
// `size` large. padding_mode must be Constant (ValueError).
Tensor conv2d_input_gradient(const Tensor& g, const Tensor& w, Pair size, const Conv2dOptions& options = {});
Tensor conv2d_weight_gradient(const Tensor& x, const Tensor& g, Pair size, const Conv2dOptions& options = {});

// --- Windows as columns ---------------------------------------------------------------------------------------

struct UnfoldOptions {
  Pair stride = 1;
  Padding padding = 0;
  Pair dilation = 1;
};

// The windows of x (n, c, h, w) as columns: (n, c * window.height * window.width, number of windows), windows in
// row-major order. Any dtype.
Tensor unfold(const Tensor& x, Pair window, const UnfoldOptions& options = {});
// Its adjoint: adds columns (n, c * window.height * window.width, number of windows) into maps of height and width
// `size`: (n, c, size.height, size.width). Not bool.
Tensor fold(const Tensor& columns, Pair size, Pair window, const UnfoldOptions& options = {});

// --- Pooling --------------------------------------------------------------------------------------------------

// Strides of 0 mean the window. Padding is at most half the window; it is never a maximum. With ceil_mode a last
// window that is cut off by the end counts, if it starts in the map or its padding before it.
struct MaxPool1dOptions {
  int64_t stride = 0, padding = 0, dilation = 1;
  bool ceil_mode = false;
};
struct MaxPool2dOptions {
  Pair stride = 0;
  Padding padding = 0;
  Pair dilation = 1;
  bool ceil_mode = false;
};
struct AvgPool1dOptions {
  int64_t stride = 0, padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;  // zeros of the padding count as elements
};
struct AvgPool2dOptions {
  Pair stride = 0;
  Padding padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
};

// Maxima, and where they are: i64, the place in the map's plane (row * width + column). NaN wins, and of equal
// elements the first.
struct MaxPool {
  Tensor values, indices;
};

// Floating dtypes.
Tensor max_pool1d(const Tensor& x, int64_t window, const MaxPool1dOptions& options = {});
Tensor max_pool2d(const Tensor& x, Pair window, const MaxPool2dOptions& options = {});
MaxPool max_pool1d_with_indices(const Tensor& x, int64_t window, const MaxPool1dOptions& options = {});
MaxPool max_pool2d_with_indices(const Tensor& x, Pair window, const MaxPool2dOptions& options = {});
// Bool and integers give f32, half types add in f32.
Tensor avg_pool1d(const Tensor& x, int64_t window, const AvgPool1dOptions& options = {});
Tensor avg_pool2d(const Tensor& x, Pair window, const AvgPool2dOptions& options = {});

// Pools with as many windows as the result has elements: window i of o over n elements covers [floor(i * n / o),
// ceil((i + 1) * n / o)).
Tensor adaptive_avg_pool1d(const Tensor& x, int64_t size);
Tensor adaptive_avg_pool2d(const Tensor& x, Pair size);
Tensor adaptive_max_pool1d(const Tensor& x, int64_t size);
Tensor adaptive_max_pool2d(const Tensor& x, Pair size);
MaxPool adaptive_max_pool2d_with_indices(const Tensor& x, Pair size);

// The mean and the maximum of every map: (n, c, h, w) -> (n, c, 1, 1).
Tensor global_avg_pool2d(const Tensor& x);
Tensor global_max_pool2d(const Tensor& x);

}  // namespace nngpu

#endif  // NNGPU_CONVOLUTION_H_
