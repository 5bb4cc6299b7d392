#include "backend/gpu/launches/convolution_plan.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "backend/gpu/launches/extent.h"
#include "backend/gpu/launches/index_words.h"

namespace nngpu::gpu {
namespace {

using graph::ConvolutionMode;
using graph::ConvolutionParams;
using graph::Operand;

constexpr int64_t kSplitBlocks = 256;                     // that splits of k bring a convolution to
constexpr int64_t kWeightBlocks = 1024;                   // the same for gradients of weights
constexpr int64_t kLongestChunk = 16384;                  // of k in one chain of sums
constexpr int64_t kMostParts = int64_t{1} << 26;          // results of parts, in memory
constexpr int64_t kWeightSubgroups = 8192;                // that work on gradients of few weights
constexpr int64_t kDirectResults = 8, kFewWeights = 256;  // of a group

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

void set(int64_t (&to)[4], const Dims& strides, const std::array<int, 4>& order) {
  for (size_t i = 0; i < 4; ++i) to[i] = strides[order[i]];
}

void set(int64_t (&to)[2], int64_t height, int64_t width) {
  to[0] = height;
  to[1] = width;
}

// x such that a * x = 1 modulo n.
int64_t inverse_modulo(int64_t a, int64_t n) {
  int64_t x = 0, next_x = 1, r = n, next_r = a % n;
  while (next_r != 0) {
    const int64_t quotient = r / next_r;
    x = std::exchange(next_x, x - quotient * next_x);
    r = std::exchange(next_r, r - quotient * next_r);
  }
  return (x % n + n) % n;
}

// The gradient of the input: y (images, channels of the input, ...) from x, the gradient of the result. A window's
// place t reaches back by t * dilation: with strides it is one of `phases` convolutions.
void describe_input_gradient(const ConvolutionParams& params, const Operand& x, const Operand& w, const Operand& y,
                             ConvolutionPlan& plan) {
  ConvolutionArguments& p = plan.p;
  p.channels = x.shape[1] / p.groups;
  p.m = y.shape[1] / p.groups;
  set(p.w, w.strides, {1, 0, 2, 3});
  p.w_group = p.channels * w.strides[0];
  set(p.y, y.strides, {1, 0, 2, 3});
  p.y_group = p.m * y.strides[1];
  for (int i = 0; i < 2; ++i) {
    const int64_t stride = params.stride[i], dilation = params.dilation[i];
    p.count[i] = p.size[i] = y.shape[i + 2];
    p.taps[i] = p.window[i] = w.shape[i + 2];
    p.first[i] = p.low[i] = params.low[i];
    p.spread[i] = stride;
    p.tap[i] = dilation;
    p.divisor[i] = std::gcd(stride, dilation);
    p.tap_step[i] = stride / p.divisor[i];
    p.inverse[i] = inverse_modulo(dilation / p.divisor[i], p.tap_step[i]);
    p.stride[i] = 1;
    p.dilation[i] = -(dilation / p.divisor[i]);
    p.phases[i] = std::min(stride, y.shape[i + 2]);
    p.y_at[i] = y.strides[i + 2];
    p.w_at[i] = w.strides[i + 2];
  }
  plan.phases = params.stride[0] != 1 || params.stride[1] != 1;
  plan.spread = true;
}

void describe_forward(const ConvolutionParams& params, const Operand& x, const Operand& w, const Operand& y,
                      ConvolutionArguments& p) {
  p.channels = x.shape[1] / p.groups;
  p.m = y.shape[1] / p.groups;
  set(p.w, w.strides, {0, 1, 2, 3});
  p.w_group = p.m * w.strides[0];
  set(p.y, y.strides, {1, 0, 2, 3});
  p.y_group = p.m * y.strides[1];
  set(p.count, y.shape[2], y.shape[3]);
  set(p.taps, w.shape[2], w.shape[3]);
  set(p.first, -params.low[0], -params.low[1]);
  set(p.stride, params.stride[0], params.stride[1]);
  set(p.dilation, params.dilation[0], params.dilation[1]);
}

// w is the gradient of the result, y that of the weights.
void describe_weight_gradient(const ConvolutionParams& params, const Operand& x, const Operand& w,
                              const Operand& y, ConvolutionArguments& p) {
  p.channels = x.shape[1] / p.groups;
  p.m = w.shape[1] / p.groups;
  set(p.w, w.strides, {1, 0, 2, 3});
  p.w_group = p.m * w.strides[1];
  set(p.y, y.strides, {0, 1, 2, 3});
  p.y_group = p.m * y.strides[0];
  set(p.count, w.shape[2], w.shape[3]);
  set(p.taps, y.shape[2], y.shape[3]);
  set(p.first, -params.low[0], -params.low[1]);
  set(p.stride, params.stride[0], params.stride[1]);
  set(p.dilation, params.dilation[0], params.dilation[1]);
}

Tile choose_tile(int64_t m, int64_t n, int64_t groups, size_t value_size) {
  if (value_size > 4) return m <= 32 && n <= 32 ? Tile{32, 32, 16, 4, 4} : Tile{64, 64, 8, 4, 4};
  if (m <= 32 && n <= 32) return {32, 32, 16, 4, 4};
  if (n <= 32) return {128, 32, 16, 4, 4};
  if (m <= 32) return {32, 128, 16, 4, 4};
  const bool large = m > 64 && groups * ceil_div(m, 128) * ceil_div(n, 128) >= 128;
  return large ? Tile{128, 128, 8, 8, 8} : Tile{64, 64, 16, 4, 4};
}

// Parts of k: enough for the device, none so long that its sum loses digits.
void split(ConvolutionArguments& p, int64_t wanted, int64_t least) {
  const int64_t room = std::max<int64_t>(1, kMostParts / std::max<int64_t>(1, p.groups * p.m * p.n));
  const int64_t parts =
      std::max(std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, p.k / least)), ceil_div(p.k, kLongestChunk));
  p.chunk = std::max<int64_t>(1, ceil_div(p.k, std::min(parts, room)));
  p.splits = std::max<int64_t>(1, ceil_div(p.k, p.chunk));
}

void plan_tiled(ConvolutionPlan& plan, size_t value_size) {
  ConvolutionArguments& p = plan.p;
  int64_t n = p.n, jobs = p.groups;
  if (plan.phases) {
    n = p.n / (p.size[0] * p.size[1]);
    p.n = n;  // the kernel multiplies it by a phase's positions
    for (int i = 0; i < 2; ++i) {
      n *= ceil_div(p.size[i], p.spread[i]);
      jobs *= p.phases[i];
      // A step beyond the end is never made.
      p.w[i + 2] *= std::min(p.tap_step[i], p.window[i]);
      p.y[i + 2] *= std::min(p.spread[i], p.size[i]);
    }
  }
  plan.tile = choose_tile(p.m, n, jobs, value_size);
  p.rows = ceil_div(p.m, plan.tile.bm);
  p.columns = ceil_div(n, plan.tile.bn);
  const int64_t blocks = jobs * p.rows * p.columns;
  if (!plan.phases) split(p, (plan.weights ? kWeightBlocks : kSplitBlocks) / blocks, 512);
  plan.blocks = blocks * p.splits;
}

void choose_kernel(ConvolutionPlan& plan, size_t value_size) {
  ConvolutionArguments& p = plan.p;
  p.splits = 1;
  p.chunk = std::max<int64_t>(1, p.k);
  if (plan.weights && p.m * p.n < kFewWeights) {
    plan.kernel = ConvolutionKernel::Weights;
    split(p, kWeightSubgroups / plan.results(), 1024);
  } else if (!plan.weights && p.m <= kDirectResults) {
    plan.kernel = ConvolutionKernel::Direct;
    plan.made = p.m == 1 ? 1 : p.m == 2 ? 2 : 4;
    p.rows = ceil_div(p.m, plan.made);
  } else {
    plan_tiled(plan, value_size);
  }
}

// Indices, with the margin of a tile or of a grid's step beyond them, and whatever the kernels multiply.
bool is_wide(const ConvolutionPlan& plan, const ConvolutionParams& params,
             std::initializer_list<const Operand*> list) {
  const ConvolutionArguments& p = plan.p;
  for (const Operand* operand : list)
    if (numel(operand->shape) >= kWideReach || reach(operand->shape, operand->strides) >= kWideReach) return true;
  for (int i = 0; i < 2; ++i)
    for (int64_t value : {params.stride[i], params.dilation[i], params.low[i]})
      if (std::abs(value) >= kWideReach) return true;
  return plan.results() >= kWideReach / p.splits || p.k >= kWideReach || plan.blocks >= kWideReach;
}

}  // namespace

ConvolutionPlan plan_convolution(const ConvolutionParams& params, const Operand& x, const Operand& w,
                                 const Operand& y) {
  ConvolutionPlan plan;
  ConvolutionArguments& p = plan.p;
  plan.weights = params.mode == ConvolutionMode::WeightGradient;
  p.groups = params.groups;
  set(p.plane, x.shape[2], x.shape[3]);
  set(p.x, x.strides, {0, 1, 2, 3});
  switch (params.mode) {
    case ConvolutionMode::Forward:
      describe_forward(params, x, w, y, p);
      break;
    case ConvolutionMode::InputGradient:
      describe_input_gradient(params, x, w, y, plan);
      break;
    case ConvolutionMode::WeightGradient:
      describe_weight_gradient(params, x, w, y, p);
      break;
  }
  p.x_group = p.channels * x.strides[1];
  const int64_t window = p.channels * p.taps[0] * p.taps[1], positions = x.shape[0] * p.count[0] * p.count[1];
  p.n = plan.weights ? window : positions;
  p.k = plan.weights ? positions : window;
  choose_kernel(plan, dtype_size(y.dtype));
  plan.wide = is_wide(plan, params, {&x, &w, &y});
  return plan;
}

}  // namespace nngpu::gpu
