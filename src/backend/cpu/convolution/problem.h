// A convolution as its kernels see it: sizes, and row-major operands of a type it computes in.
#ifndef NNGPU_BACKEND_CPU_CONVOLUTION_PROBLEM_H_
#define NNGPU_BACKEND_CPU_CONVOLUTION_PROBLEM_H_

#include "backend/cpu/convolution/columns.h"
#include "graph/params.h"

namespace nngpu::cpu {

// x (batch, in, x_size), w (out, in / groups, kernel), y (batch, out, y_size). Lists of two are (height, width).
struct ConvolutionProblem {
  int64_t batch, in, out, groups;
  int64_t x_size[2], kernel[2], y_size[2];
  int64_t stride[2], dilation[2], low[2];

  int64_t group_in() const { return in / groups; }
  int64_t group_out() const { return out / groups; }
  int64_t x_plane() const { return x_size[0] * x_size[1]; }
  int64_t y_plane() const { return y_size[0] * y_size[1]; }
  int64_t taps() const { return kernel[0] * kernel[1]; }

  ConvolutionProblem(const graph::ConvolutionParams& p, const Shape& a, const Shape& b, const Shape& result) {
    using graph::ConvolutionMode;
    const Shape& x = p.mode == ConvolutionMode::InputGradient ? result : a;
    const Shape& w = p.mode == ConvolutionMode::WeightGradient ? result : b;
    const Shape& y = p.mode == ConvolutionMode::Forward         ? result
                     : p.mode == ConvolutionMode::InputGradient ? a
                                                                : b;
    batch = x[0], in = x[1], out = y[1], groups = p.groups;
    for (int i = 0; i < 2; ++i) {
      x_size[i] = x[2 + i], kernel[i] = w[2 + i], y_size[i] = y[2 + i];
      stride[i] = p.stride[i], dilation[i] = p.dilation[i], low[i] = p.low[i];
    }
  }
};

// The gather of a group's windows from x.
inline Gather windows_of(const ConvolutionProblem& p) {
  Gather g{p.x_size[0],
           p.x_size[1],
           p.x_plane(),
           p.in * p.x_plane(),
           p.group_in(),
           p.y_size[0],
           p.y_size[1],
           {p.stride[0], p.stride[1]},
           {}};
  for (int64_t i = 0; i < p.kernel[0]; ++i)
    for (int64_t j = 0; j < p.kernel[1]; ++j)
      g.taps.push_back({i * p.dilation[0] - p.low[0], j * p.dilation[1] - p.low[1], i * p.kernel[1] + j});
  return g;
}

// y = x * w; the gradient of x from g and w; the gradient of w from x and g. Results may hold anything before.
template <class T>
void convolve(const ConvolutionProblem& problem, const T* x, const T* w, T* y);
template <class T>
void convolve_input_gradient(const ConvolutionProblem& problem, const T* g, const T* w, T* dx);
template <class T>
void convolve_weight_gradient(const ConvolutionProblem& problem, const T* x, const T* g, T* dw);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_CONVOLUTION_PROBLEM_H_
