// Convolutions by their definition.
#include <algorithm>

#include "backend/cpu/convolution/problem.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

// Calls body(place in y's plane, place in x's plane) where tap (i, j) of the kernel meets an element of x.
template <class Body>
void for_each_meeting(const ConvolutionProblem& p, int64_t i, int64_t j, const Body& body) {
  for (int64_t row = 0; row < p.y_size[0]; ++row) {
    const int64_t from = row * p.stride[0] + i * p.dilation[0] - p.low[0];
    if (from < 0 || from >= p.x_size[0]) continue;
    for (int64_t column = 0; column < p.y_size[1]; ++column) {
      const int64_t at = column * p.stride[1] + j * p.dilation[1] - p.low[1];
      if (at >= 0 && at < p.x_size[1]) body(row * p.y_size[1] + column, from * p.x_size[1] + at);
    }
  }
}

int64_t first_input(const ConvolutionProblem& p, int64_t o) { return o / p.group_out() * p.group_in(); }

}  // namespace

template <class T>
void convolve(const ConvolutionProblem& p, const T* x, const T* w, T* y) {
  parallel_for(p.batch * p.out, 1, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const int64_t n = plane / p.out, o = plane % p.out;
      T* to = y + plane * p.y_plane();
      std::fill(to, to + p.y_plane(), T{0});
      for (int64_t c = 0; c < p.group_in(); ++c) {
        const T* from = x + (n * p.in + first_input(p, o) + c) * p.x_plane();
        for (int64_t tap = 0; tap < p.taps(); ++tap) {
          const T factor = w[(o * p.group_in() + c) * p.taps() + tap];
          for_each_meeting(p, tap / p.kernel[1], tap % p.kernel[1],
                           [&](int64_t at, int64_t source) { to[at] += factor * from[source]; });
        }
      }
    }
  });
}

template <class T>
void convolve_input_gradient(const ConvolutionProblem& p, const T* g, const T* w, T* dx) {
  parallel_for(p.batch * p.in, 1, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const int64_t n = plane / p.in, channel = plane % p.in;
      const int64_t group = channel / p.group_in(), c = channel % p.group_in();
      T* to = dx + plane * p.x_plane();
      std::fill(to, to + p.x_plane(), T{0});
      for (int64_t o = group * p.group_out(); o < (group + 1) * p.group_out(); ++o) {
        const T* from = g + (n * p.out + o) * p.y_plane();
        for (int64_t tap = 0; tap < p.taps(); ++tap) {
          const T factor = w[(o * p.group_in() + c) * p.taps() + tap];
          for_each_meeting(p, tap / p.kernel[1], tap % p.kernel[1],
                           [&](int64_t source, int64_t at) { to[at] += factor * from[source]; });
        }
      }
    }
  });
}

template <class T>
void convolve_weight_gradient(const ConvolutionProblem& p, const T* x, const T* g, T* dw) {
  parallel_for(p.out * p.group_in(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t kernel = begin; kernel < end; ++kernel) {
      const int64_t o = kernel / p.group_in(), c = kernel % p.group_in();
      for (int64_t tap = 0; tap < p.taps(); ++tap) {
        T sum = 0;
        for (int64_t n = 0; n < p.batch; ++n) {
          const T* left = x + (n * p.in + first_input(p, o) + c) * p.x_plane();
          const T* right = g + (n * p.out + o) * p.y_plane();
          for_each_meeting(p, tap / p.kernel[1], tap % p.kernel[1],
                           [&](int64_t at, int64_t source) { sum += left[source] * right[at]; });
        }
        dw[kernel * p.taps() + tap] = sum;
      }
    }
  });
}

#define NNGPU_INSTANTIATE(T)                                                                \
  template void convolve(const ConvolutionProblem&, const T*, const T*, T*);                \
  template void convolve_input_gradient(const ConvolutionProblem&, const T*, const T*, T*); \
  template void convolve_weight_gradient(const ConvolutionProblem&, const T*, const T*, T*)
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
