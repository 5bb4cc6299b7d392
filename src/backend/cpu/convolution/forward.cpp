// Convolutions and their gradients by the input: both gather columns and multiply them with the weights. The
// gradient by x of a convolution with stride s is s * s convolutions without one: the elements of x at equal
// places modulo s meet the same taps of the kernel.
#include "backend/cpu/convolution/flat.h"
#include "backend/cpu/convolution/problem.h"
#include "backend/cpu/convolution/product.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kSharedPositions = 256;  // that share a pass over the weights
constexpr int64_t kPlaneWork = 32768;      // elements of planes that pay for another thread

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

// Groups or images share the team if they are many; few of them each use all of it.
template <class Body>
void for_each(int64_t count, const Body& body) {
  if (count < 2 * num_threads()) {
    for (int64_t i = 0; i < count; ++i) body(i);
  } else {
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i);
    });
  }
}

template <class T>
void run_padded_product(const GatherProduct<T>& product) {
  if (is_flat(product.gather, product.outputs)) return run_flat_product(product);
  run_gather_product(product);
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

// The products of a strided convolution's gradient, one for each place (a, b) modulo the stride, of one group and
// the first image; what they read and the packed weights are in `scratch`. Idle places meet no tap, and have none.
template <class T>
std::vector<GatherProduct<T>> phases_of(const ConvolutionProblem& p, int64_t group, const T* g, const T* w, T* dx,
                                        ScratchFrame& scratch) {
  std::vector<GatherProduct<T>> phases;
  const int64_t first = group * p.group_in();
  for (int64_t a = 0; a < std::min(p.stride[0], p.x_size[0]); ++a)
    for (int64_t b = 0; b < std::min(p.stride[1], p.x_size[1]); ++b) {
      GatherProduct<T> phase{meetings_of(p, a, b),
                             1,
                             p.group_in(),
                             g + group * p.group_out() * p.y_plane(),
                             w + first * p.group_out() * p.taps(),
                             {p.taps(), p.group_in() * p.taps()},
                             dx + first * p.x_plane() + a * p.x_size[1] + b,
                             {p.in * p.x_plane(), p.x_plane(), p.stride[0] * p.x_size[1], p.stride[1]}};
      if (phase.gather.taps.empty()) continue;
      T* packed = scratch.get<T>(phase.gather.terms() * phase.outputs);
      pack_weights(phase, packed);
      phase.packed = packed;
      phases.push_back(phase);
    }
  return phases;
}

// A few images at a time, so that their memory is passed once and not once a phase; as many as share the weights.
template <class T>
void run_phases(const ConvolutionProblem& p, const std::vector<GatherProduct<T>>& phases) {
  const int64_t plane = p.x_plane() / (p.stride[0] * p.stride[1]);
  const int64_t images = std::clamp<int64_t>(kSharedPositions / (plane + 1), 1, p.batch);
  for_each((p.batch + images - 1) / images, [&](int64_t chunk) {
    const int64_t first = chunk * images;
    for (GatherProduct<T> phase : phases) {
      phase.images = std::min(images, p.batch - first);
      phase.source += first * phase.gather.image_step;
      phase.target += first * phase.to.image_step;
      run_gather_product(phase);
    }
  });
}

template <class T>
void strided_input_gradient(const ConvolutionProblem& p, const T* g, const T* w, T* dx) {
  const auto idle = [&](int64_t a, int64_t b) { return meetings_of(p, a, b).taps.empty(); };
  bool any_idle = false;
  for (int64_t a = 0; a < p.stride[0]; ++a)
    for (int64_t b = 0; b < p.stride[1]; ++b) any_idle |= idle(a, b);
  if (any_idle) std::fill(dx, dx + p.batch * p.in * p.x_plane(), T{0});
  for_each(p.groups, [&](int64_t group) {
    ScratchFrame scratch;
    run_phases(p, phases_of(p, group, g, w, dx, scratch));
  });
}

}  // namespace

template <class T>
void convolve(const ConvolutionProblem& p, const T* x, const T* w, T* y) {
  Gather windows = windows_of(p);
  if (p.group_in() == 0) return std::fill(y, y + p.batch * p.out * p.y_plane(), T{0}), void();
  if (p.group_in() == 1 && p.group_out() <= 4)
    return convolve_planes(windows, p.batch, p.in, p.group_out(), x, w, y);
  windows.merge_rows();
  ScratchFrame scratch;
  const T* source = padded_source(windows, p.batch, x, scratch);
  for_each(p.groups, [&](int64_t group) {
    const int64_t first = group * p.group_out();
    run_padded_product<T>({windows,
                           p.batch,
                           p.group_out(),
                           source + group * p.group_in() * windows.channel_step,
                           w + first * p.group_in() * p.taps(),
                           {p.group_in() * p.taps(), p.taps()},
                           y + first * p.y_plane(),
                           {p.out * p.y_plane(), p.y_plane(), windows.columns, 1}});
  });
}

template <class T>
void convolve_input_gradient(const ConvolutionProblem& p, const T* g, const T* w, T* dx) {
  if (p.group_out() == 0) return std::fill(dx, dx + p.batch * p.in * p.x_plane(), T{0}), void();
  if (p.stride[0] != 1 || p.stride[1] != 1) return strided_input_gradient(p, g, w, dx);
  Gather meetings = meetings_of(p, 0, 0);
  if (p.group_in() == 1 && p.group_out() == 1) return convolve_planes(meetings, p.batch, p.out, 1, g, w, dx);
  meetings.merge_rows();
  ScratchFrame scratch;
  const T* source = padded_source(meetings, p.batch, g, scratch);
  for_each(p.groups, [&](int64_t group) {
    const int64_t first = group * p.group_in();
    run_padded_product<T>({meetings,
                           p.batch,
                           p.group_in(),
                           source + group * p.group_out() * meetings.channel_step,
                           w + first * p.group_out() * p.taps(),
                           {p.taps(), p.group_in() * p.taps()},
                           dx + first * p.x_plane(),
                           {p.in * p.x_plane(), p.x_plane(), meetings.columns, 1}});
  });
}

#define NNGPU_INSTANTIATE(T)                                                 \
  template void convolve(const ConvolutionProblem&, const T*, const T*, T*); \
  template void convolve_input_gradient(const ConvolutionProblem&, const T*, const T*, T*)
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
