#include "backend/cpu/convolution/product.h"

#include <omp.h>

#include "backend/cpu/blas/kernels.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kDepth = 768;               // terms whose columns are gathered at once
constexpr int64_t kColumnsBytes = 400 << 10;  // of the panels of columns that share a pass over the weights
constexpr int64_t kMostPanels = 8;
constexpr int64_t kFewOutputs = 16;
constexpr int64_t kNearBytes = 24 << 10;
constexpr int64_t kTaskWork = 100'000;  // multiply-adds that pay for another thread

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Positions whose columns one tile takes.
struct Panel {
  int64_t first, count;
};

// How positions are cut into panels. `direct`: a panel lies in one image, and tiles write to the target itself.
template <class T>
struct Cut {
  bool direct;
  int64_t most;  // positions in a panel
  int64_t images, grid, per_image;
  int64_t depth;   // terms at once
  int64_t panels;  // at once

  Cut(const GatherProduct<T>& p, const Kernels<T>& kernels)
      : most(kernels.tile_rows), images(p.images), grid(p.gather.grid()), per_image(ceil_div(grid, most)) {
    const int64_t lanes = kernels.lanes, bytes = (most + lanes) * static_cast<int64_t>(sizeof(T));
    // What few outputs read is read but once or twice: it should not have left the first cache.
    const int64_t longest = p.outputs <= kFewOutputs ? kNearBytes / bytes : kDepth;
    const int64_t terms = p.gather.terms(), passes = ceil_div(terms, longest);
    depth = ceil_div(terms, passes);
    panels = std::clamp<int64_t>(kColumnsBytes / (depth * bytes), 1, p.outputs <= kFewOutputs ? 1 : kMostPanels);
    // Going on from one image to the next in a panel costs a copy; ending the panel costs a narrower tile, which
    // takes about half a vector's time more than its vectors.
    const bool dense = p.to.column_step == 1 && p.to.row_step == p.gather.columns;
    const int64_t rest = grid % most == 0 ? 0 : 2 * ceil_div(grid % most, lanes) * lanes + lanes;
    direct = dense && 20 * (grid - grid % most) * 2 + 20 * rest <= 21 * 2 * grid;
  }
  int64_t count() const { return direct ? images * per_image : ceil_div(images * grid, most); }
  Panel panel(int64_t i) const {
    if (!direct) return {i * most, std::min(most, images * grid - i * most)};
    const int64_t at = i % per_image * most;
    return {i / per_image * grid + at, std::min(most, grid - at)};
  }
};

// The work of one thread: a few panels at a time.
template <class T>
class Worker {
 public:
  Worker(const GatherProduct<T>& product, const Kernels<T>& kernels, const Cut<T>& cut, const T* packed,
         T* buffers)
      : p_(product),
        kernels_(kernels),
        cut_(cut),
        packed_(packed),
        width_(panel_width(kernels)),
        depth_(cut.depth),
        columns_(buffers),
        results_(buffers + cut.panels * depth_ * width_ + kernels.lanes) {}

  static int64_t panel_width(const Kernels<T>& kernels) { return kernels.tile_rows + kernels.lanes; }
  static int64_t buffer_size(const GatherProduct<T>& p, const Kernels<T>& kernels, const Cut<T>& cut) {
    const int64_t columns = cut.panels * cut.depth * panel_width(kernels) + kernels.lanes;
    return columns + (cut.direct ? 0 : cut.panels * p.outputs * kernels.tile_rows);
  }

  // Panels [begin, end), at most cut.panels.
  void run(int64_t begin, int64_t end) {
    const int64_t terms = p_.gather.terms();
    for (int64_t k = 0; k < terms; k += depth_) {
      const int64_t depth = std::min(depth_, terms - k);
      for (int64_t i = begin; i < end; ++i) {
        const Panel panel = cut_.panel(i);
        cut_pieces(p_.gather, panel.first, panel.count, kernels_.lanes, pieces_);
        column_kernels<T>().gather(p_.gather, pieces_.data(), static_cast<int64_t>(pieces_.size()), p_.source, k,
                                   k + depth, columns_ + (i - begin) * depth_ * width_, width_);
      }
      multiply(begin, end, k, depth);
    }
    if (!cut_.direct)
      for (int64_t i = begin; i < end; ++i) scatter(cut_.panel(i), results_ + (i - begin) * result_size());
  }

 private:
  int64_t result_size() const { return p_.outputs * kernels_.tile_rows; }

  void multiply(int64_t begin, int64_t end, int64_t k, int64_t depth) {
    TileArgs<T> args;
    args.k = depth;
    args.a_step = width_;
    args.b_stride = 1;
    args.c_step = cut_.direct ? p_.to.output_step : kernels_.tile_rows;
    args.alpha = T{1};
    args.beta = k == 0 ? T{0} : T{1};
    for (int64_t j = 0; j < p_.outputs; j += kernels_.tile_columns) {
      const int64_t columns = std::min(kernels_.tile_columns, p_.outputs - j);
      args.b = packed_ + j * p_.gather.terms() + k * columns;
      args.b_step = columns;
      for (int64_t i = begin; i < end; ++i) {
        const Panel panel = cut_.panel(i);
        args.a = columns_ + (i - begin) * depth_ * width_;
        args.rows = panel.count;
        args.c = (cut_.direct ? p_.target + panel.first / cut_.grid * p_.to.image_step + panel.first % cut_.grid
                              : results_ + (i - begin) * result_size()) +
                 j * args.c_step;
        kernels_.tile_for(args.rows, columns)(args);
      }
    }
  }

  // From rows of positions, one an output, to their places.
  void scatter(const Panel& panel, const T* from) {
    places_.clear();
    for (int64_t i = panel.first; i < panel.first + panel.count; ++i) {
      const int64_t at = i % cut_.grid;
      places_.push_back(i / cut_.grid * p_.to.image_step + at / p_.gather.columns * p_.to.row_step +
                        at % p_.gather.columns * p_.to.column_step);
    }
    for (int64_t j = 0; j < p_.outputs; ++j) {
      T* to = p_.target + j * p_.to.output_step;
      const T* row = from + j * kernels_.tile_rows;
      for (int64_t i = 0; i < panel.count; ++i) to[places_[static_cast<size_t>(i)]] = row[i];
    }
  }

  const GatherProduct<T>& p_;
  const Kernels<T>& kernels_;
  const Cut<T>& cut_;
  const T* packed_;
  int64_t width_, depth_;
  T* columns_;
  T* results_;
  std::vector<Piece> pieces_;
  std::vector<int64_t> places_;
};

}  // namespace

// Weights in the order of terms, in panels of as many outputs as a tile has columns: panel j / columns holds
// element (term, j) at term * (outputs in the panel) + j % columns.
template <class T>
void pack_weights(const GatherProduct<T>& p, T* packed) {
  const Kernels<T>& kernels = cpu::kernels<T>();
  const int64_t columns = kernels.tile_columns, terms = p.gather.terms(), channels = p.gather.channels;
  parallel_for(ceil_div(p.outputs, columns), 1 + 32768 / (terms * columns), [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel * columns, count = std::min(columns, p.outputs - first);
      T* to = packed + first * terms;
      for (const Tap& tap : p.gather.taps) {
        kernels.pack(count, channels, p.weights + first * p.layout.output_step + tap.index, p.layout.output_step,
                     p.layout.channel_step, to, count);
        to += channels * count;
      }
    }
  });
}

template <class T>
void run_gather_product(const GatherProduct<T>& product) {
  const Kernels<T>& kernels = cpu::kernels<T>();
  const Cut<T> cut(product, kernels);
  const int64_t terms = product.gather.terms(), tasks = ceil_div(cut.count(), cut.panels);
  ScratchFrame scratch;
  const T* packed = product.packed;
  if (packed == nullptr) {
    T* weights = scratch.get<T>(product.outputs * terms);
    pack_weights(product, weights);
    packed = weights;
  }
  const PerThread<T> buffers(scratch, Worker<T>::buffer_size(product, kernels, cut), tasks);
  const int64_t work = cut.panels * kernels.tile_rows * terms * product.outputs;
  parallel_for(tasks, 1 + kTaskWork / (work + 1), [&](int64_t begin, int64_t end) {
    Worker<T> worker(product, kernels, cut, packed, buffers.mine());
    for (int64_t task = begin; task < end; ++task)
      worker.run(task * cut.panels, std::min((task + 1) * cut.panels, cut.count()));
  });
}

template void pack_weights(const GatherProduct<float>&, float*);
template void pack_weights(const GatherProduct<double>&, double*);
template void run_gather_product(const GatherProduct<float>&);
template void run_gather_product(const GatherProduct<double>&);

}  // namespace nngpu::cpu
