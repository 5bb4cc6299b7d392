// Convolutions as the kernels see them, and which kernel computes them.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_CONVOLUTION_PLAN_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_CONVOLUTION_PLAN_H_

#include "backend/gpu/launches/matmul_problem.h"

namespace nngpu::gpu {

// struct Convolution of kernels/convolution_parts.kl, word for word.
struct ConvolutionArguments {
  int64_t groups, m, n, k;
  int64_t channels;
  int64_t rows, columns;
  int64_t splits, chunk;
  int64_t plane[2];
  int64_t count[2], taps[2];
  int64_t first[2], stride[2], dilation[2];
  int64_t x[4], x_group, w[4], w_group, y[4], y_group;
  int64_t phases[2], spread[2], low[2], size[2], window[2], tap[2];
  int64_t divisor[2], tap_step[2], inverse[2];
  int64_t y_at[2], w_at[2];
};

enum class ConvolutionKernel {
  Tiled,    // as a product
  Direct,   // a thread makes a few results from its window
  Weights,  // a subgroup makes a part of one weight's gradient
};

struct ConvolutionPlan {
  ConvolutionArguments p{};
  ConvolutionKernel kernel = ConvolutionKernel::Tiled;
  bool weights = false;  // gradients of weights
  bool phases = false;   // Tiled: the gradient of the input of a convolution with strides
  bool spread = false;   // Direct: any gradient of an input
  bool wide = false;     // 64-bit indices
  int made = 1;          // Direct: results of a thread
  Tile tile{};
  int64_t blocks = 0;  // Tiled
  int64_t results() const { return p.groups * p.m * p.n; }
};

// x: what windows are gathered from; w: the other factor; y: the result, which has elements.
ConvolutionPlan plan_convolution(const graph::ConvolutionParams& params, const graph::Operand& x,
                                 const graph::Operand& w, const graph::Operand& y);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_CONVOLUTION_PLAN_H_
