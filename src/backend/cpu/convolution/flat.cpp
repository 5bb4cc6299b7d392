#include "backend/cpu/convolution/flat.h"

#include <bit>

#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kMostOutputs = 16;
constexpr int64_t kMostGradientOutputs = 8;
constexpr int64_t kLeastGrid = 256;        // of a gradient: shorter runs do not pay for loading its sums
constexpr int64_t kMostSums = 4096;        // of a gradient: terms * outputs
constexpr int64_t kBlockElements = 16384;  // results or gradients of all outputs at once: in a near cache
constexpr int64_t kPieces = 32;            // of the images, each with sums of its own
constexpr int64_t kTaskWork = 100'000;     // multiply-adds that pay for another thread

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Rows of the grid at a time, so that a block of all outputs stays near.
struct Blocks {
  int64_t rows, row, columns, block;  // row: elements from one row of the grid to the next

  Blocks(const Gather& g, int64_t outputs)
      : rows(g.rows),
        row(g.width),
        columns(g.columns),
        block(std::clamp<int64_t>(kBlockElements / (outputs * g.width), 1, g.rows)) {}
  // Places from the first to the last result of `count` rows.
  int64_t span(int64_t count) const { return (count - 1) * row + columns; }
  int64_t longest() const { return span(block); }
  template <class Body>
  void for_each(const Body& body) const {
    for (int64_t first = 0; first < rows; first += block) body(first, std::min(block, rows - first));
  }
};

// Where the elements of a window lie from its first one, channel by channel, and in which order of the kernel.
std::vector<int64_t> offsets_of(const Gather& g) {
  std::vector<int64_t> offsets;
  for (int64_t c = 0; c < g.channels; ++c)
    for (const Tap& tap : g.taps) offsets.push_back(c * g.channel_step + tap.down * g.width + tap.right);
  return offsets;
}

// Weights of a few outputs side by side, a row a term.
template <class T>
void pack(const GatherProduct<T>& p, int64_t first, int64_t outputs, T* to) {
  for (int64_t c = 0; c < p.gather.channels; ++c)
    for (const Tap& tap : p.gather.taps)
      for (int64_t j = 0; j < outputs; ++j)
        *to++ = p.weights[(first + j) * p.layout.output_step + c * p.layout.channel_step + tap.index];
}

}  // namespace

bool is_flat(const Gather& g, int64_t outputs) {
  return g.inside && g.step[0] == 1 && g.step[1] == 1 && outputs <= kMostOutputs && 2 * g.width <= 3 * g.columns &&
         g.terms() * outputs <= kMostSums;
}

bool is_flat_gradient(const Gather& g, int64_t outputs) {
  return is_flat(g, outputs) && outputs <= kMostGradientOutputs && g.grid() >= kLeastGrid;
}

template <class T>
void run_flat_product(const GatherProduct<T>& p) {
  const FlatKernels<T>& kernels = flat_kernels<T>();
  const Blocks blocks(p.gather, p.outputs);
  const std::vector<int64_t> offsets = offsets_of(p.gather);
  const int64_t terms = p.gather.terms(), most = kFlatOutputs, step = round_up(blocks.longest(), kernels.rows);
  ScratchFrame scratch;
  T* weights = scratch.get<T>(terms * p.outputs);
  for (int64_t j = 0; j < p.outputs; j += most) pack(p, j, std::min(most, p.outputs - j), weights + j * terms);
  const PerThread<T> buffers(scratch, p.outputs * step, p.images);
  const int64_t work = p.gather.grid() * terms * p.outputs;
  parallel_for(p.images, 1 + kTaskWork / work, [&](int64_t begin, int64_t end) {
    T* results = buffers.mine();
    for (int64_t image = begin; image < end; ++image)
      blocks.for_each([&](int64_t first, int64_t rows) {
        const T* source = p.source + image * p.gather.image_step + first * blocks.row;
        for (int64_t i = 0; i < blocks.span(rows); i += kernels.rows)
          for (int64_t j = 0; j < p.outputs; j += most) {
            const int64_t outputs = std::min(most, p.outputs - j);
            kernels.tile[outputs - 1](
                {source + i, offsets.data(), terms, outputs, weights + j * terms, results + j * step + i, step});
          }
        T* to = p.target + image * p.to.image_step + first * p.to.row_step;
        for (int64_t j = 0; j < p.outputs; ++j)
          for (int64_t row = 0; row < rows; ++row) {
            const T* from = results + j * step + row * blocks.row;
            std::copy(from, from + blocks.columns, to + j * p.to.output_step + row * p.to.row_step);
          }
      });
  });
}

namespace {

// One thread's part of a gradient by the weights.
template <class T>
class GradientWorker {
 public:
  GradientWorker(const ConvolutionProblem& problem, const Gather& windows, const Blocks& blocks,
                 const std::vector<int64_t>& offsets, T* buffers)
      : p_(problem), windows_(windows), blocks_(blocks), offsets_(offsets), outputs_(problem.group_out()) {
    step_ = padded_step(blocks, kernels_.lanes);
    sums_ = buffers;
    gradients_ = sums_ + sums_size(offsets, outputs_, kernels_.lanes);
    mask_ = gradients_ + outputs_ * step_;
    using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
    for (int64_t i = 0; i < step_; ++i)
      mask_[i] = i < blocks.longest() && i % blocks.row < blocks.columns ? std::bit_cast<T>(~Bits{0}) : T{0};
  }

  static int64_t padded_step(const Blocks& blocks, int64_t lanes) { return round_up(blocks.longest(), lanes); }
  static int64_t sums_size(const std::vector<int64_t>& offsets, int64_t outputs, int64_t lanes) {
    return static_cast<int64_t>(offsets.size()) * outputs * lanes;
  }
  static int64_t buffer_size(const std::vector<int64_t>& offsets, const Blocks& blocks, int64_t outputs,
                             int64_t lanes) {
    return sums_size(offsets, outputs, lanes) + (outputs + 1) * padded_step(blocks, lanes);
  }

  // result[term * outputs + j] of the images [begin, end) of a group, whose first planes are given.
  void run(int64_t begin, int64_t end, const T* source, const T* g, T* result) {
    const int64_t lanes = kernels_.lanes, count = static_cast<int64_t>(offsets_.size()) * outputs_;
    std::fill(sums_, sums_ + count * lanes, T{0});
    for (int64_t image = begin; image < end; ++image)
      blocks_.for_each([&](int64_t first, int64_t rows) {
        take_gradients(g + image * p_.out * p_.y_plane() + first * blocks_.columns, rows);
        add(source + image * windows_.image_step + first * blocks_.row, round_up(blocks_.span(rows), lanes));
      });
    for (int64_t i = 0; i < count; ++i) {
      T sum = 0;
      for (int64_t l = 0; l < lanes; ++l) sum += sums_[i * lanes + l];
      result[i] = sum;
    }
  }

 private:
  // Rows of gradients with zeros between them.
  void take_gradients(const T* g, int64_t rows) {
    for (int64_t j = 0; j < outputs_; ++j) {
      T* to = gradients_ + j * step_;
      std::fill(to, to + step_, T{0});
      for (int64_t row = 0; row < rows; ++row) {
        const T* from = g + j * p_.y_plane() + row * blocks_.columns;
        std::copy(from, from + blocks_.columns, to + row * blocks_.row);
      }
    }
  }

  void add(const T* source, int64_t count) {
    const int64_t most = kFlatGradientOutputs;
    for (int64_t j = 0; j < outputs_; j += most) {
      const int64_t outputs = std::min(most, outputs_ - j);
      for (size_t t = 0; t < offsets_.size(); t += static_cast<size_t>(kernels_.terms))
        kernels_.gradient[outputs - 1]({source, offsets_.data() + t, gradients_ + j * step_, step_, mask_, count,
                                        outputs, sums_ + (static_cast<int64_t>(t) * outputs_ + j) * kernels_.lanes,
                                        outputs_});
    }
  }

  const FlatKernels<T>& kernels_ = flat_kernels<T>();
  const ConvolutionProblem& p_;
  const Gather& windows_;
  const Blocks& blocks_;
  const std::vector<int64_t>& offsets_;
  int64_t outputs_, step_;
  T *sums_, *gradients_, *mask_;
};

}  // namespace

template <class T>
void flat_weight_gradient(const ConvolutionProblem& p, const Gather& windows, const T* source, const T* g, T* dw) {
  const FlatKernels<T>& kernels = flat_kernels<T>();
  const Blocks blocks(windows, p.group_out());
  std::vector<int64_t> offsets = offsets_of(windows);
  const int64_t terms = windows.terms(), outputs = p.group_out();
  // Terms are taken a few at a time: the last ones once more, into sums that nobody reads.
  while (static_cast<int64_t>(offsets.size()) % kernels.terms != 0) offsets.push_back(offsets.back());
  const int64_t each = ceil_div(p.batch, std::min(p.batch, std::max<int64_t>(1, kPieces / p.groups)));
  const int64_t pieces = ceil_div(p.batch, each), count = static_cast<int64_t>(offsets.size()) * outputs;
  ScratchFrame scratch;
  T* sums = scratch.get<T>(p.groups * pieces * count);
  const PerThread<T> buffers(scratch, GradientWorker<T>::buffer_size(offsets, blocks, outputs, kernels.lanes),
                             p.groups * pieces);
  const int64_t work = each * windows.grid() * terms * outputs;
  parallel_for(p.groups * pieces, 1 + kTaskWork / work, [&](int64_t begin, int64_t end) {
    GradientWorker<T> worker(p, windows, blocks, offsets, buffers.mine());
    for (int64_t task = begin; task < end; ++task) {
      const int64_t group = task / pieces, first = task % pieces * each;
      worker.run(first, std::min(first + each, p.batch), source + group * windows.channels * windows.channel_step,
                 g + group * outputs * p.y_plane(), sums + task * count);
    }
  });
  for (int64_t group = 0; group < p.groups; ++group)
    for (int64_t j = 0; j < outputs; ++j)
      for (int64_t t = 0; t < terms; ++t) {
        T sum = 0;
        for (int64_t piece = 0; piece < pieces; ++piece)
          sum += sums[(group * pieces + piece) * count + t * outputs + j];
        dw[(group * outputs + j) * terms + t] = sum;
      }
}

#define NNGPU_INSTANTIATE(T)                               \
  template void run_flat_product(const GatherProduct<T>&); \
  template void flat_weight_gradient(const ConvolutionProblem&, const Gather&, const T*, const T*, T*)
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
