// Convolutions and their gradients by the input: both gather columns and multiply them with the weights. The
// gradient by x of a convolution with stride s is s * s convolutions without one: the elements of x at equal
// places modulo s meet the same taps of the kernel.
#include "backend/cpu/convolution/problem.h"
#include "backend/cpu/convolution/product.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kPlaneWork = 32768;  // elements of planes that pay for another thread

// The gather from g of what the elements of x at (a, b) modulo the stride have met.
Gather meetings_of(const ConvolutionProblem& p, int64_t a, int64_t b) {
  const int64_t* s = p.stride;
  Gather g{p.y_size[0],
           p.y_size[1],
           p.y_plane(),
           p.out * p.y_plane(),
           p.group_out(),
           (p.x_size[0] - a + s[0] - 1) / s[0],
           (p.x_size[1] - b + s[1] - 1) / s[1],
           {1, 1},
           {}};
  for (int64_t i = 0; i < p.kernel[0]; ++i)
    for (int64_t j = 0; j < p.kernel[1]; ++j) {
      const int64_t down = a + p.low[0] - i * p.dilation[0], right = b + p.low[1] - j * p.dilation[1];
      if (down % s[0] == 0 && right % s[1] == 0)
        g.taps.push_back({down / s[0], right / s[1], i * p.kernel[1] + j});
    }
  return g;
}

// Groups share the team if they are many; few of them each use all of it.
template <class Body>
void for_groups(int64_t groups, const Body& body) {
  if (groups < 2 * num_threads()) {
    for (int64_t group = 0; group < groups; ++group) body(group);
  } else {
    parallel_for(groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t group = begin; group < end; ++group) body(group);
    });
  }
}

// Every plane of the result comes from one plane: `outputs` of them from each of `sources` an image.
template <class T>
void convolve_planes(const Gather& g, int64_t batch, int64_t sources, int64_t outputs, const T* from, const T* w,
                     T* to) {
  const int64_t taps = static_cast<int64_t>(g.taps.size()), planes = sources * outputs;
  parallel_for(batch * planes, 1 + kPlaneWork / (g.grid() * taps + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      column_kernels<T>().plane(g, from + i / outputs * g.channel_step, w + i % planes * taps, to + i * g.grid());
  });
}

bool has_idle_phase(const ConvolutionProblem& p) {
  for (int64_t a = 0; a < p.stride[0]; ++a)
    for (int64_t b = 0; b < p.stride[1]; ++b)
      if (meetings_of(p, a, b).taps.empty()) return true;
  return p.group_out() == 0;
}

}  // namespace

template <class T>
void convolve(const ConvolutionProblem& p, const T* x, const T* w, T* y) {
  Gather windows = windows_of(p);
  if (p.group_in() == 0) return std::fill(y, y + p.batch * p.out * p.y_plane(), T{0}), void();
  if (p.group_in() == 1 && p.group_out() <= 4)
    return convolve_planes(windows, p.batch, p.in, p.group_out(), x, w, y);
  windows.merge_rows();
  for_groups(p.groups, [&](int64_t group) {
    const int64_t first = group * p.group_out();
    run_gather_product<T>({windows,
                           p.batch,
                           p.group_out(),
                           x + group * p.group_in() * p.x_plane(),
                           w + first * p.group_in() * p.taps(),
                           {p.group_in() * p.taps(), p.taps()},
                           y + first * p.y_plane(),
                           {p.out * p.y_plane(), p.y_plane(), windows.columns, 1}});
  });
}

template <class T>
void convolve_input_gradient(const ConvolutionProblem& p, const T* g, const T* w, T* dx) {
  if (has_idle_phase(p)) std::fill(dx, dx + p.batch * p.in * p.x_plane(), T{0});
  if (p.group_out() == 0) return;
  const bool whole = p.stride[0] == 1 && p.stride[1] == 1;
  if (whole && p.group_in() == 1 && p.group_out() == 1)
    return convolve_planes(meetings_of(p, 0, 0), p.batch, p.out, 1, g, w, dx);
  for (int64_t a = 0; a < std::min(p.stride[0], p.x_size[0]); ++a)
    for (int64_t b = 0; b < std::min(p.stride[1], p.x_size[1]); ++b) {
      Gather meetings = meetings_of(p, a, b);
      if (meetings.taps.empty()) continue;
      if (whole) meetings.merge_rows();
      const int64_t row_step = whole ? meetings.columns : p.stride[0] * p.x_size[1];
      for_groups(p.groups, [&](int64_t group) {
        const int64_t first = group * p.group_in();
        run_gather_product<T>({meetings,
                               p.batch,
                               p.group_in(),
                               g + group * p.group_out() * p.y_plane(),
                               w + first * p.group_out() * p.taps(),
                               {p.taps(), p.group_in() * p.taps()},
                               dx + first * p.x_plane() + a * p.x_size[1] + b,
                               {p.in * p.x_plane(), p.x_plane(), row_step, p.stride[1]}});
      });
    }
}

#define NNGPU_INSTANTIATE(T)                                                 \
  template void convolve(const ConvolutionProblem&, const T*, const T*, T*); \
  template void convolve_input_gradient(const ConvolutionProblem&, const T*, const T*, T*)
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
