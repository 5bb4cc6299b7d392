// The gradient of a convolution by its weights: gathered columns times the gradient of the result, summed over all
// positions. What is summed in which order depends on the shape alone.
#include "backend/cpu/blas/kernels.h"
#include "backend/cpu/convolution/columns.h"
#include "backend/cpu/convolution/flat.h"
#include "backend/cpu/convolution/problem.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kTerms = 32;           // terms whose columns are gathered at once
constexpr int64_t kRange = 384;          // terms of a task
constexpr int64_t kTasks = 32;           // of all groups, if the positions allow it
constexpr int64_t kSumsBytes = 8 << 20;  // of the partial sums of all tasks

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// The work is cut into pieces of positions, and ranges of terms. Every piece has sums of its own:
// sums[(group * pieces + piece) * terms + term][output], which are added in order.
template <class T>
struct Cut {
  int64_t terms, outputs, row;  // row: the outputs rounded up to whole tiles
  int64_t tile;                 // outputs in a tile: even tiles, rather than full ones and a short rest
  int64_t positions, block;     // block: positions whose columns and gradients are held at once
  int64_t ranges, range, pieces, piece;

  Cut(const ConvolutionProblem& p, const Kernels<T>& kernels)
      : terms(p.group_in() * p.taps()),
        outputs(p.group_out()),
        tile(round_up(ceil_div(outputs, ceil_div(outputs, kernels.tile_rows)), kernels.lanes)),
        positions(p.batch * p.y_plane()),
        block(outputs > 256 ? 128 : 256),
        ranges(ceil_div(terms, kRange)),
        range(round_up(ceil_div(terms, ranges), 8)) {
    row = round_up(outputs, tile);
    const int64_t blocks = ceil_div(positions, block);
    const int64_t fitting = kSumsBytes / (p.groups * terms * row * static_cast<int64_t>(sizeof(T)));
    pieces = std::clamp<int64_t>(std::min(kTasks / (p.groups * ranges), fitting), 1, blocks);
    piece = ceil_div(blocks, pieces) * block;
    pieces = ceil_div(positions, piece);
  }
  int64_t sums_size() const { return terms * row; }
};

template <class T>
class Worker {
 public:
  Worker(const ConvolutionProblem& problem, const Gather& windows, const Cut<T>& cut, const T* x, const T* g,
         T* sums, T* buffers)
      : p_(problem),
        windows_(windows),
        cut_(cut),
        x_(x),
        g_(g),
        sums_(sums),
        width_(cut.block + kernels_.lanes),
        columns_(buffers),
        gradients_(buffers + kTerms * width_ + kernels_.lanes) {}

  static int64_t buffer_size(const Cut<T>& cut, int64_t lanes) {
    return kTerms * (cut.block + lanes) + lanes + cut.block * cut.row;
  }

  void run(int64_t task) {
    const int64_t range = task % cut_.ranges, piece = task / cut_.ranges % cut_.pieces;
    const int64_t group = task / (cut_.ranges * cut_.pieces);
    const int64_t begin = range * cut_.range, end = std::min(begin + cut_.range, cut_.terms);
    const int64_t last = std::min((piece + 1) * cut_.piece, cut_.positions);
    T* sums = sums_ + (group * cut_.pieces + piece) * cut_.sums_size();
    if (begin < end) std::fill(sums + begin * cut_.row, sums + end * cut_.row, T{0});
    for (int64_t first = piece * cut_.piece; first < last; first += cut_.block) {
      const int64_t count = std::min(cut_.block, last - first);
      take_gradients(group, first, count);
      cut_pieces(windows_, first, count, kernels_.lanes, pieces_);
      for (int64_t k = begin; k < end; k += kTerms) {
        const int64_t terms = std::min(kTerms, end - k);
        column_kernels<T>().gather(windows_, pieces_.data(), static_cast<int64_t>(pieces_.size()),
                                   x_ + group * p_.group_in() * windows_.channel_step, k, k + terms, columns_,
                                   width_);
        add(terms, count, sums + k * cut_.row);
      }
    }
  }

 private:
  // The gradients of the group's outputs at those positions, a panel for each tile of outputs: in it, a row of
  // outputs a position. A single output stays a vector of positions, with zeros behind it.
  void take_gradients(int64_t group, int64_t first, int64_t count) {
    const int64_t plane = p_.y_plane(), tile = cut_.tile;
    for (int64_t at = 0; at < count;) {
      const int64_t image = (first + at) / plane, place = (first + at) % plane;
      const int64_t run = std::min(plane - place, count - at);
      const T* from = g_ + (image * p_.out + group * cut_.outputs) * plane + place;
      if (cut_.outputs == 1) {
        std::copy(from, from + run, gradients_ + at);
      } else {
        for (int64_t i = 0; i < cut_.outputs; i += tile)
          kernels_.pack(std::min(tile, cut_.outputs - i), run, from + i * plane, plane, 1,
                        gradients_ + i * cut_.block + at * tile, tile);
      }
      at += run;
    }
    if (cut_.outputs == 1) std::fill(gradients_ + count, gradients_ + round_up(count, kernels_.lanes), T{0});
  }

  // sums (terms x outputs) += columns * gradients.
  void add(int64_t terms, int64_t count, T* sums) {
    if (cut_.outputs == 1) {
      alignas(64) T values[kTerms] = {};
      kernels_.gemv_rows(terms, count, columns_, width_, gradients_, values);
      for (int64_t k = 0; k < terms; ++k) sums[k * cut_.row] += values[k];
      return;
    }
    TileArgs<T> args{cut_.tile, count, nullptr, cut_.tile, nullptr, 1, width_, nullptr, cut_.row, T{1}, T{1}};
    for (int64_t i = 0; i < cut_.outputs; i += cut_.tile) {
      args.rows = std::min(cut_.tile, cut_.outputs - i);
      args.a = gradients_ + i * cut_.block;
      for (int64_t k = 0; k < terms; k += kernels_.tile_columns) {
        const int64_t columns = std::min(kernels_.tile_columns, terms - k);
        args.b = columns_ + k * width_;
        args.c = sums + k * cut_.row + i;
        kernels_.tile_for(args.rows, columns)(args);
      }
    }
  }

  const Kernels<T>& kernels_ = kernels<T>();
  const ConvolutionProblem& p_;
  const Gather& windows_;
  const Cut<T>& cut_;
  const T* x_;
  const T* g_;
  T* sums_;
  int64_t width_;
  T* columns_;
  T* gradients_;
  std::vector<Piece> pieces_;
};

// Adds the pieces' sums, in order, and brings them to the weights' layout.
template <class T>
void combine(const ConvolutionProblem& p, const Cut<T>& cut, const T* sums, T* dw) {
  const int64_t channels = p.group_in(), taps = p.taps();
  parallel_for(p.groups * channels, 1 + 32768 / (taps * cut.outputs * cut.pieces + 1),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t group = i / channels, channel = i % channels;
                   const T* from = sums + group * cut.pieces * cut.sums_size() + channel * cut.row;
                   T* to = dw + (group * cut.outputs * channels + channel) * taps;
                   for (int64_t o = 0; o < cut.outputs; ++o)
                     for (int64_t tap = 0; tap < taps; ++tap) {
                       T sum = 0;
                       for (int64_t piece = 0; piece < cut.pieces; ++piece)
                         sum += from[piece * cut.sums_size() + tap * channels * cut.row + o];
                       to[o * channels * taps + tap] = sum;
                     }
                 }
               });
}

}  // namespace

template <class T>
void convolve_weight_gradient(const ConvolutionProblem& p, const T* x, const T* g, T* dw) {
  if (p.batch == 0) return std::fill(dw, dw + p.out * p.group_in() * p.taps(), T{0}), void();
  Gather windows = windows_of(p);
  windows.merge_rows();
  ScratchFrame scratch;
  const T* source = padded_source(windows, p.batch, x, scratch);
  if (is_flat_gradient(windows, p.group_out())) return flat_weight_gradient(p, windows, source, g, dw);
  const Cut<T> cut(p, kernels<T>());
  const int64_t tasks = p.groups * cut.pieces * cut.ranges;
  T* sums = scratch.get<T>(p.groups * cut.pieces * cut.sums_size());
  const PerThread<T> buffers(scratch, Worker<T>::buffer_size(cut, kernels<T>().lanes), tasks);
  const int64_t work = cut.piece * cut.range * cut.outputs;
  parallel_for(tasks, 1 + 100'000 / (work + 1), [&](int64_t begin, int64_t end) {
    Worker<T> worker(p, windows, cut, source, g, sums, buffers.mine());
    for (int64_t task = begin; task < end; ++task) worker.run(task);
  });
  combine(p, cut, sums, dw);
}

template void convolve_weight_gradient(const ConvolutionProblem&, const float*, const float*, float*);
template void convolve_weight_gradient(const ConvolutionProblem&, const double*, const double*, double*);

}  // namespace nngpu::cpu
