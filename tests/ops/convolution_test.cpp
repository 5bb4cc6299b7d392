// Convolution and pooling: arguments that they refuse, and results known by hand.
#include "nngpu/convolution.h"

#include <cmath>
#include <limits>

#include "ops/expect_error.h"

namespace nngpu {
namespace {

const Device kCpu{DeviceType::CPU, 0};

Tensor f32(const Shape& shape) { return zeros(shape, DType::F32, kCpu); }
Tensor counted(const Shape& shape) { return reshape(arange(0, double(numel(shape)), 1, DType::F32, kCpu), shape); }
Tensor values(const std::vector<float>& v, const Shape& shape) { return Tensor::from_vector(v, shape, kCpu); }
const Tensor kUndefined;

using Floats = std::vector<float>;

TEST(ConvolutionArguments, Shapes) {
  const Tensor x = f32({2, 4, 5, 6}), w = f32({6, 4, 3, 3});
  EXPECT_ERROR(ValueError, conv2d(kUndefined, w), "[conv2d] tensor is undefined");
  EXPECT_ERROR(ValueError, conv2d(x, kUndefined), "[conv2d] tensor is undefined");
  EXPECT_ERROR(ValueError, conv2d(x, w, kUndefined), "[conv2d] tensor is undefined");
  EXPECT_ERROR(ShapeError, conv2d(f32({4, 5}), w), "[conv2d] needs maps of 4 or 3 dimensions: (4, 5)");
  EXPECT_ERROR(ShapeError, conv2d(x, f32({6, 4, 3})), "[conv2d] needs a kernel of 4 dimensions: (6, 4, 3)");
  EXPECT_ERROR(ShapeError, conv1d(x, f32({6, 4, 3})), "[conv1d] needs maps of 3 or 2 dimensions: (2, 4, 5, 6)");
  EXPECT_ERROR(ShapeError, conv2d(x, w, f32({5})), "[conv2d] needs a bias of shape (6,): (5,)");
  EXPECT_ERROR(ShapeError, conv2d(x, f32({6, 3, 3, 3})),
               "[conv2d] channels do not fit: the kernel (6, 3, 3, 3) takes 3 in 1 groups, the input has 4");
  EXPECT_ERROR(ShapeError, conv2d(x, f32({5, 2, 3, 3}), {.groups = 2}),
               "[conv2d] channels do not fit: the kernel (5, 2, 3, 3) takes 4 in 2 groups, the input has 4");
  EXPECT_ERROR(ShapeError, conv2d(x, f32({6, 4, 6, 3})),
               "[conv2d] the kernel is larger than the padded input: (6, 3) with dilation (1, 1) on (5, 6) with "
               "padding (0, 0) and (0, 0)");
  EXPECT_ERROR(ShapeError, conv2d(x, w, {.padding = {0, 1}, .dilation = 3}),
               "[conv2d] the kernel is larger than the padded input: (3, 3) with dilation (3, 3) on (5, 6) with "
               "padding (0, 1) and (0, 1)");
  EXPECT_ERROR(ShapeError, conv2d(x, f32({6, 4, 0, 3})), "[conv2d] the kernel is empty: (0, 3)");
  EXPECT_ERROR(ShapeError, conv_transpose2d(x, f32({3, 6, 3, 3})),
               "[conv_transpose2d] channels do not fit: the kernel (3, 6, 3, 3) gives 3 in 1 groups, the gradient "
               "has 4");
  EXPECT_ERROR(ShapeError, conv_transpose2d(f32({1, 4, 1, 1}), f32({4, 1, 3, 3}), {.padding = 2}),
               "[conv_transpose2d] padding leaves nothing of the result: 2 and 2 of 3");
  EXPECT_ERROR(
      ShapeError, conv2d_input_gradient(f32({2, 6, 3, 4}), w, {5, 5}),
      "[conv2d_input_gradient] the gradient does not have the shape of the result: (2, 6, 3, 4), expected "
      "(2, 6, 3, 3)");
  EXPECT_ERROR(
      ShapeError, conv2d_weight_gradient(x, f32({1, 6, 3, 4}), 3),
      "[conv2d_weight_gradient] the gradient does not have the shape of the result: (1, 6, 3, 4), expected "
      "(2, 6, 3, 4)");
}

TEST(ConvolutionArguments, Options) {
  const Tensor x = f32({2, 4, 5, 6}), w = f32({6, 4, 3, 3});
  EXPECT_ERROR(ValueError, conv2d(x, w, {.stride = 0}), "[conv2d] stride must be positive: (0, 0)");
  EXPECT_ERROR(ValueError, conv2d(x, w, {.dilation = {1, -1}}), "[conv2d] dilation must be positive: (1, -1)");
  EXPECT_ERROR(ValueError, conv2d(x, w, {.padding = -1}), "[conv2d] negative padding: -1");
  EXPECT_ERROR(ValueError, conv2d(x, w, {.groups = 0}), "[conv2d] groups must be positive: 0");
  EXPECT_ERROR(ValueError, conv2d(x, w, {.dilation = int64_t{1} << 62}),
               "[conv2d] dilation is too large: (4611686018427387904, 4611686018427387904)");
  EXPECT_ERROR(ValueError, conv2d(x, w, {.padding = 9, .padding_mode = PadMode::Reflect}),
               "[pad] reflection is wider than axis 2 of (2, 4, 5, 6): (9, 9)");
  EXPECT_ERROR(ValueError, conv_transpose2d(x, f32({4, 2, 3, 3}), {.stride = 2, .output_padding = 2}),
               "[conv_transpose2d] output padding must be smaller than the stride or the dilation: 2");
  EXPECT_ERROR(ValueError, conv_transpose2d(x, f32({4, 2, 3, 3}), {.stride = {0, 1}}),
               "[conv_transpose2d] stride and dilation must be positive: 0 and 1");
  EXPECT_ERROR(DTypeError, conv2d(cast(x, DType::I32), cast(w, DType::I32)),
               "[conv2d] needs a floating dtype: i32");
  EXPECT_ERROR(ValueError, unfold(x, 2, {.padding = -1}), "[unfold] negative padding: -1 and -1");
  EXPECT_ERROR(ShapeError, fold(f32({1, 7, 4}), 3, 2),
               "[fold] columns (1, 7, 4) do not fit 4 windows of 4 elements");
}

TEST(PoolArguments, Refused) {
  const Tensor x = f32({2, 4, 5, 6});
  EXPECT_ERROR(ValueError, max_pool2d(kUndefined, 2), "[max_pool2d] tensor is undefined");
  EXPECT_ERROR(ShapeError, max_pool2d(f32({5, 6}), 2), "[max_pool2d] needs maps of 4 or 3 dimensions: (5, 6)");
  EXPECT_ERROR(ShapeError, avg_pool1d(x, 2), "[avg_pool1d] needs maps of 3 or 2 dimensions: (2, 4, 5, 6)");
  EXPECT_ERROR(ValueError, max_pool2d(x, 0), "[max_pool2d] the window must be positive: (0, 0)");
  EXPECT_ERROR(ValueError, max_pool2d(x, 2, {.stride = -1}), "[max_pool2d] stride must be positive: (-1, -1)");
  EXPECT_ERROR(ValueError, max_pool2d(x, 3, {.padding = 2}),
               "[max_pool2d] padding is more than half the window: (2, 2) and (2, 2) for (3, 3)");
  EXPECT_ERROR(ValueError, avg_pool2d(x, 3, {.padding = -1}),
               "[avg_pool2d] negative padding: (-1, -1) and (-1, -1)");
  EXPECT_ERROR(
      ShapeError, avg_pool2d(x, 6),
      "[avg_pool2d] the window is larger than the padded input: (6, 6) with dilation (1, 1) on (5, 6) with "
      "padding (0, 0) and (0, 0)");
  EXPECT_ERROR(DTypeError, max_pool2d(cast(x, DType::I64), 2), "[max_pool2d] needs a floating dtype: i64");
  EXPECT_ERROR(ValueError, adaptive_avg_pool2d(x, {0, 2}),
               "[adaptive_avg_pool2d] the result's size must be positive: (0, 2)");
  EXPECT_ERROR(ShapeError, adaptive_max_pool2d(f32({2, 4, 0, 6}), 2),
               "[adaptive_max_pool2d] the planes are empty: (0, 6)");
  EXPECT_ERROR(ShapeError, global_avg_pool2d(f32({2, 4, 0, 6})),
               "[global_avg_pool2d] the maps are empty: (2, 4, 0, 6)");
  // A window of two elements four apart that starts before a map of two: both lie beside it.
  EXPECT_ERROR(ShapeError, max_pool1d(f32({1, 1, 2}), 2, {.stride = 1, .padding = 1, .dilation = 3}),
               "[max_pool1d] a window has no element: dilation (1, 3) on (1, 2)");
}

TEST(Convolution, KnownNumbers) {
  // 0 1 2 / 3 4 5 / 6 7 8 with the kernel 1 2 / 3 4.
  const Tensor x = counted({1, 1, 3, 3}), w = values({1, 2, 3, 4}, {1, 1, 2, 2});
  EXPECT_EQ(conv2d(x, w).to_vector<float>(), (Floats{27, 37, 57, 67}));
  EXPECT_EQ(conv2d(x, w, values({100}, {1}), {.stride = 2}).to_vector<float>(), (Floats{127}));
  EXPECT_EQ(conv2d(x, w, {.padding = {{1, 0}, {0, 1}}}).to_vector<float>(),
            (Floats{4, 11, 6, 27, 37, 17, 57, 67, 29}));
  EXPECT_EQ(conv2d(x, w, {.dilation = 2}).to_vector<float>(), (Floats{0 + 2 * 2 + 3 * 6 + 4 * 8}));
  // The transposed one spreads the kernel at each element.
  const Tensor small = values({1, 2}, {1, 1, 1, 2});
  EXPECT_EQ(conv_transpose2d(small, w).to_vector<float>(), (Floats{1, 4, 4, 3, 10, 8}));
  EXPECT_EQ(conv_transpose2d(small, w, {.stride = 2, .output_padding = {0, 1}}).to_vector<float>(),
            (Floats{1, 2, 2, 4, 0, 3, 4, 6, 8, 0}));
  EXPECT_EQ(conv1d(values({1, 2, 3, 4}, {1, 4}), values({1, -1}, {1, 1, 2}), {.padding = 1}).to_vector<float>(),
            (Floats{-1, -1, -1, -1, 4}));
  EXPECT_EQ(conv_transpose1d(values({1, 2}, {1, 2}), values({1, -1}, {1, 1, 2}), {.stride = 3}).to_vector<float>(),
            (Floats{1, -1, 0, 2, -2}));
  EXPECT_EQ(conv2d(x, values({1, 0}, {1, 1, 1, 2}), {.padding = {0, 1}, .padding_mode = PadMode::Replicate})
                .to_vector<float>(),
            (Floats{0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8}));
}

TEST(Convolution, Forms) {
  EXPECT_EQ(conv2d(f32({3, 8, 9}), f32({4, 3, 3, 3})).shape(), (Shape{4, 6, 7}));
  EXPECT_EQ(conv2d(f32({0, 3, 8, 9}), f32({4, 3, 3, 3})).shape(), (Shape{0, 4, 6, 7}));
  EXPECT_EQ(conv1d(f32({2, 3, 9}), f32({4, 3, 3}), {.stride = 2}).shape(), (Shape{2, 4, 4}));
  EXPECT_EQ(conv2d(cast(f32({1, 3, 8, 9}), DType::F16), f32({4, 3, 3, 3})).dtype(), DType::F32);
  EXPECT_EQ(conv2d(cast(f32({1, 3, 8, 9}), DType::I32), cast(f32({4, 3, 3, 3}), DType::F64)).dtype(), DType::F64);
  // Output padding beyond the stride, as a dilation allows.
  EXPECT_EQ(conv_transpose2d(f32({1, 1, 3, 3}), f32({1, 1, 2, 2}), {.output_padding = 2, .dilation = 3}).shape(),
            (Shape{1, 1, 8, 8}));
}

TEST(Unfold, KnownNumbers) {
  const Tensor x = counted({1, 1, 3, 3});
  EXPECT_EQ(unfold(x, 2).to_vector<float>(), (Floats{0, 1, 3, 4, 1, 2, 4, 5, 3, 4, 6, 7, 4, 5, 7, 8}));
  EXPECT_EQ(unfold(x, {1, 2}, {.stride = {2, 1}, .padding = {0, 1}}).to_vector<float>(),
            (Floats{0, 0, 1, 2, 0, 6, 7, 8, 0, 1, 2, 0, 6, 7, 8, 0}));
  EXPECT_EQ(fold(unfold(ones({1, 1, 3, 3}, DType::F32, kCpu), 2), 3, 2).to_vector<float>(),
            (Floats{1, 2, 1, 2, 4, 2, 1, 2, 1}));
  EXPECT_EQ(fold(unfold(x, 2, {.stride = 2, .padding = 1, .dilation = 2}), 3, 2,
                 {.stride = 2, .padding = 1, .dilation = 2})
                .to_vector<float>(),
            (Floats{0, 0, 0, 0, 16, 0, 0, 0, 0}));
  EXPECT_EQ(unfold(f32({3, 8, 9}), 3).shape(), (Shape{27, 42}));
}

TEST(Pool, KnownNumbers) {
  const Tensor x = values({1, 5, 2, 0, 3, 4, 5, 1, 9, 8, 7, 6}, {1, 1, 3, 4});
  const MaxPool pooled = max_pool2d_with_indices(x, 2, {.stride = 1});
  EXPECT_EQ(pooled.values.to_vector<float>(), (Floats{5, 5, 5, 9, 8, 7}));
  EXPECT_EQ(pooled.indices.to_vector<int64_t>(), (std::vector<int64_t>{1, 1, 6, 8, 9, 10}));
  EXPECT_EQ(max_pool2d(x, 2).to_vector<float>(), (Floats{5, 5}));
  EXPECT_EQ(max_pool2d(x, 2, {.ceil_mode = true}).to_vector<float>(), (Floats{5, 5, 9, 7}));
  EXPECT_EQ(max_pool2d(x, 2, {.stride = 3, .padding = 1, .dilation = 2}).to_vector<float>(), (Floats{4, 5}));
  EXPECT_EQ(avg_pool2d(x, 2, {.stride = {1, 2}}).to_vector<float>(), (Floats{3.25, 2, 6, 4.75}));
  EXPECT_EQ(avg_pool1d(values({1, 2, 3}, {1, 3}), 2, {.padding = 1}).to_vector<float>(), (Floats{0.5, 2.5}));
  EXPECT_EQ(
      avg_pool1d(values({1, 2, 3}, {1, 3}), 2, {.padding = 1, .count_include_pad = false}).to_vector<float>(),
      (Floats{1, 2.5}));
  // The last window keeps one element and no padding: its average is over one.
  EXPECT_EQ(avg_pool1d(values({1, 2, 3}, {1, 3}), 2, {.ceil_mode = true}).to_vector<float>(), (Floats{1.5, 3}));
  EXPECT_EQ(adaptive_avg_pool1d(values({1, 2, 3, 4, 5}, {1, 5}), 3).to_vector<float>(), (Floats{1.5, 3, 4.5}));
  EXPECT_EQ(adaptive_max_pool1d(values({1, 2, 3, 4, 5}, {1, 5}), 3).to_vector<float>(), (Floats{2, 4, 5}));
  EXPECT_EQ(global_avg_pool2d(x).to_vector<float>(), (Floats{51.f / 12}));
  EXPECT_EQ(global_max_pool2d(x).shape(), (Shape{1, 1, 1, 1}));
  EXPECT_EQ(avg_pool2d(cast(x, DType::I32), 2).dtype(), DType::F32);
}

TEST(Pool, NanIsTheMaximum) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const MaxPool pooled = max_pool1d_with_indices(values({inf, nan, nan, -inf, -inf, -inf}, {1, 6}), 3);
  const Floats found = pooled.values.to_vector<float>();
  EXPECT_TRUE(std::isnan(found[0]));
  EXPECT_EQ(found[1], -inf);
  EXPECT_EQ(pooled.indices.to_vector<int64_t>(), (std::vector<int64_t>{1, 3}));
}

}  // namespace
}  // namespace nngpu
