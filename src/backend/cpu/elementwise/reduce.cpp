// Reductions, with the elementwise chain that feeds them.
//
// The work is cut into pieces that depend on the shape alone and their partial results are combined in order, so
// that a result is the same for every number of threads.
#include <cmath>
#include <limits>

#include "backend/cpu/elementwise/reduce_kernels.h"
#include "backend/cpu/elementwise/tape.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kPieceElements = 1 << 16;
constexpr int64_t kParallelElements = 1 << 15;
// What is reduced right from memory needs no tile that stays in the cache.
constexpr int64_t kFarTile = 8 * kTile;

class Reducer {
 public:
  Reducer(const graph::Launch& launch, const graph::RunContext& context)
      : launch_(launch),
        context_(context),
        tape_(*static_cast<const PreparedTape*>(launch.prepared.get())),
        out_(launch.outputs[0]),
        base_(context.at(out_)),
        code_(launch.params.as<graph::ReduceParams>().code),
        kernels_(reduce_kernels(code_, value_type())),
        value_size_(dtype_size(value_type())),
        far_(kernels_.run_far != nullptr && tape_.steps.empty() &&
             tape_.loads[static_cast<size_t>(launch.tape->reduced)].far) {
    const int64_t mask = launch.params.as<graph::ReduceParams>().axes;
    const int rank = out_.shape.size();
    inner_kept_ = rank > 0 && (mask >> (rank - 1) & 1) == 0;
    for (int axis = 0; axis < rank; ++axis) {
      const bool reduced = (mask >> axis & 1) != 0;
      if (reduced)
        length_ *= out_.shape[axis];
      else if (inner_kept_ && axis == rank - 1)
        columns_ = out_.shape[axis];
      else
        results_ *= out_.shape[axis];
    }
  }

  void run() {
    if (results_ == 0 || columns_ == 0) return;
    if (inner_kept_)
      run_columns();
    else
      run_rows();
  }

 private:
  // Converts and writes one result.
  void store(int64_t offset, const Partial& partial) const {
    if (!kernels_.floating) return cast_kernel(DType::I64, out_.dtype)(at(base_, offset), &partial.integer, 1);
    double value = partial.shift + partial.real;
    if (code_ == graph::Reduction::LogSumExp)
      value += std::log(partial.error);
    else if (code_ == graph::Reduction::Moments)
      store_variance(offset, partial);
    else if (partial.real - partial.real == 0)  // the error of an infinite sum means nothing
      value += partial.error;
    if (code_ == graph::Reduction::Moments && partial.integer == 0)
      value = std::numeric_limits<double>::quiet_NaN();
    cast_kernel(DType::F64, out_.dtype)(at(base_, offset), &value, 1);
  }
  void store_variance(int64_t offset, const Partial& partial) const {
    const int64_t ddof = launch_.params.as<graph::ReduceParams>().ddof;
    const double value = partial.error / static_cast<double>(std::max<int64_t>(partial.integer - ddof, 0));
    cast_kernel(DType::F64, out_.dtype)(at(context_.at(launch_.outputs[1]), offset), &value, 1);
  }
  char* at(char* base, int64_t offset) const {
    return base + offset * static_cast<int64_t>(dtype_size(out_.dtype));
  }

  DType value_type() const {
    const graph::Tape& tape = *launch_.tape;
    const auto loads = static_cast<int32_t>(launch_.inputs.size());
    return tape.reduced < loads ? compute_dtype(launch_.inputs[tape.reduced].dtype)
                                : tape.steps[tape.reduced - loads].out;
  }

  // Memory offset of kept position `index`: all kept axes but the innermost one of a column reduction.
  int64_t result_offset(int64_t index) const {
    int64_t offset = 0;
    const int64_t mask = launch_.params.as<graph::ReduceParams>().axes;
    for (int axis = out_.shape.size() - 1 - (inner_kept_ ? 1 : 0); axis >= 0; --axis) {
      if ((mask >> axis & 1) != 0) continue;
      offset += index % out_.shape[axis] * out_.strides[axis];
      index /= out_.shape[axis];
    }
    return offset;
  }

  // The end of the tile that starts at loop element `start`: within its row where rows are long.
  int64_t tile_end(int64_t start, int64_t limit) const {
    int64_t end = std::min(start + (far_ ? kFarTile : kTile), limit);
    if (tape_.long_rows && tape_.row > 0) end = std::min(end, (start / tape_.row + 1) * tape_.row);
    return end;
  }

  // --- The innermost axis is reduced: each result is one run of the loop. ---

  void accumulate(TapeRun& run, Partial& partial, int64_t start, int64_t end) const {
    while (start < end) {
      const int64_t next = tile_end(start, end);
      run.compute(start, next - start, nullptr);
      const auto kernel = far_ ? kernels_.run_far : kernels_.run;
      kernel(partial, run.value(launch_.tape->reduced), static_cast<size_t>(next - start));
      start = next;
    }
  }

  void run_rows() const {
    if (length_ > 2 * kPieceElements) return run_long_rows();
    if (length_ < kLongRow && length_ > 0) return run_short_rows();
    const int64_t grain = std::max<int64_t>(1, kParallelElements / std::max<int64_t>(1, length_));
    parallel_for(results_, grain, [&](int64_t first, int64_t last) {
      TapeRun run(launch_, tape_, context_);
      for (int64_t r = first; r < last; ++r) {
        Partial partial = kernels_.identity;
        accumulate(run, partial, r * length_, (r + 1) * length_);
        store(result_offset(r), partial);
      }
    });
  }

  // Many results of few elements each: a tile holds several.
  void run_short_rows() const {
    const int64_t per_tile = std::max<int64_t>(1, kTile / length_);
    const int64_t groups = (results_ + per_tile - 1) / per_tile;
    const int64_t grain = std::max<int64_t>(1, kParallelElements / (per_tile * length_));
    parallel_for(groups, grain, [&](int64_t first, int64_t last) {
      TapeRun run(launch_, tape_, context_);
      for (int64_t g = first; g < last; ++g) {
        const int64_t begin = g * per_tile, end = std::min(results_, begin + per_tile);
        // A long row of the loop may end inside the group: then each result is a tile of its own.
        if (tile_end(begin * length_, end * length_) < end * length_) {
          for (int64_t r = begin; r < end; ++r) {
            Partial partial = kernels_.identity;
            accumulate(run, partial, r * length_, (r + 1) * length_);
            store(result_offset(r), partial);
          }
          continue;
        }
        run.compute(begin * length_, (end - begin) * length_, nullptr);
        const char* values = run.value(launch_.tape->reduced);
        for (int64_t r = begin; r < end; ++r) {
          Partial partial = kernels_.identity;
          const char* from = values + static_cast<size_t>((r - begin) * length_) * value_size_;
          kernels_.run(partial, from, static_cast<size_t>(length_));
          store(result_offset(r), partial);
        }
      }
    });
  }

  void run_long_rows() const {
    const int64_t pieces = (length_ + kPieceElements - 1) / kPieceElements;
    std::vector<Partial> partials(static_cast<size_t>(results_ * pieces), kernels_.identity);
    parallel_for(results_ * pieces, 1, [&](int64_t first, int64_t last) {
      TapeRun run(launch_, tape_, context_);
      for (int64_t p = first; p < last; ++p) {
        const int64_t begin = p / pieces * length_ + p % pieces * kPieceElements;
        const int64_t end = std::min(begin + kPieceElements, (p / pieces + 1) * length_);
        accumulate(run, partials[static_cast<size_t>(p)], begin, end);
      }
    });
    for (int64_t r = 0; r < results_; ++r) {
      Partial total = partials[static_cast<size_t>(r * pieces)];
      for (int64_t p = 1; p < pieces; ++p) kernels_.combine(total, partials[static_cast<size_t>(r * pieces + p)]);
      store(result_offset(r), total);
    }
  }

  // --- The innermost axis is kept: rows of the loop are added up, column by column. ---

  struct Columns {
    std::vector<double> real, error;
    std::vector<int64_t> integer;
    std::vector<double> shift;
    Columns(size_t n, const Partial& identity)
        : real(n, identity.real), error(n, identity.error), integer(n, identity.integer), shift(n, 0) {}
    Partial at(size_t i) const { return {real[i], error[i], integer[i], shift[i]}; }
    void reset(const Partial& identity) {
      std::fill(real.begin(), real.end(), identity.real);
      std::fill(error.begin(), error.end(), identity.error);
      std::fill(integer.begin(), integer.end(), identity.integer);
    }
  };

  // Adds rows [first, last) of result `r`, columns [left, right), to `columns`, whose entry 0 is column `left`.
  void add_rows(TapeRun& run, Columns& columns, int64_t r, int64_t first, int64_t last, int64_t left,
                int64_t right, size_t place) const {
    // Short rows lie several to a tile.
    const bool whole = !tape_.long_rows && left == 0 && right == columns_;
    const int64_t rows_per_tile = whole ? std::max<int64_t>(1, kTile / columns_) : 1;
    for (int64_t row = first; row < last; row += rows_per_tile) {
      const int64_t rows = std::min(rows_per_tile, last - row);
      run.compute((r * length_ + row) * columns_ + left, rows * (right - left), nullptr);
      const char* values = run.value(launch_.tape->reduced);
      for (int64_t k = 0; k < rows; ++k) {
        kernels_.columns(&columns.real[place], &columns.error[place], &columns.integer[place],
                         &columns.shift[place], values + static_cast<size_t>(k * (right - left)) * value_size_,
                         static_cast<size_t>(right - left));
      }
    }
  }

  void run_columns() const {
    // Wide matrices have strips enough to share out, and partial results as wide as themselves: no more pieces.
    const int64_t rows_per_piece = std::max<int64_t>(kLongRow, 4 * kPieceElements / columns_);
    const int64_t pieces = (length_ + rows_per_piece - 1) / rows_per_piece;
    if (pieces > 1) return run_tall_columns(rows_per_piece, pieces);
    // A task is a strip of a result's columns, narrow enough to stay in the cache.
    const int64_t strips = (columns_ + kTile - 1) / kTile;
    const int64_t work = std::max<int64_t>(1, length_ * std::min(columns_, kTile));
    parallel_for(results_ * strips, std::max<int64_t>(1, kParallelElements / work),
                 [&](int64_t first, int64_t last) {
                   TapeRun run(launch_, tape_, context_);
                   Columns columns(static_cast<size_t>(std::min(columns_, kTile)), kernels_.identity);
                   for (int64_t task = first; task < last; ++task) {
                     const int64_t left = task % strips * kTile, right = std::min(columns_, left + kTile);
                     columns.reset(kernels_.identity);
                     add_rows(run, columns, task / strips, 0, length_, left, right, 0);
                     const int64_t start = result_offset(task / strips), stride = out_.strides.back();
                     for (int64_t c = left; c < right; ++c) {
                       const Partial total = columns.at(static_cast<size_t>(c - left));
                       store(start + c * stride, total);
                     }
                   }
                 });
  }

  // Tall matrices are cut into pieces of rows as well, whose sums are combined in order.
  void run_tall_columns(int64_t rows_per_piece, int64_t pieces) const {
    const int64_t strips = (columns_ + kTile - 1) / kTile;
    std::vector<Columns> partials(static_cast<size_t>(results_ * pieces),
                                  Columns(static_cast<size_t>(columns_), kernels_.identity));
    parallel_for(results_ * pieces * strips, 1, [&](int64_t first, int64_t last) {
      TapeRun run(launch_, tape_, context_);
      for (int64_t task = first; task < last; ++task) {
        const int64_t strip = task % strips, piece = task / strips % pieces, r = task / strips / pieces;
        const int64_t left = strip * kTile, right = std::min(columns_, left + kTile);
        const int64_t begin = piece * rows_per_piece, end = std::min(length_, begin + rows_per_piece);
        add_rows(run, partials[static_cast<size_t>(r * pieces + piece)], r, begin, end, left, right,
                 static_cast<size_t>(left));
      }
    });
    for (int64_t r = 0; r < results_; ++r) store_columns(r, pieces, &partials[static_cast<size_t>(r * pieces)]);
  }

  void store_columns(int64_t r, int64_t pieces, const Columns* partials) const {
    const int64_t start = result_offset(r), stride = out_.strides.back();
    for (int64_t c = 0; c < columns_; ++c) {
      Partial total = partials[0].at(static_cast<size_t>(c));
      for (int64_t p = 1; p < pieces; ++p) kernels_.combine(total, partials[p].at(static_cast<size_t>(c)));
      store(start + c * stride, total);
    }
  }

  const graph::Launch& launch_;
  const graph::RunContext& context_;
  const PreparedTape& tape_;
  const graph::Operand& out_;
  char* base_;
  graph::Reduction code_;
  const ReduceKernels& kernels_;
  size_t value_size_;
  bool far_;  // the values are read in place, from memory
  bool inner_kept_ = false;
  int64_t results_ = 1;  // kept positions, without the columns
  int64_t columns_ = 1;  // of a column reduction
  int64_t length_ = 1;   // elements a result reduces
};

}  // namespace

void run_reduce(const graph::Launch& launch, const graph::RunContext& context) { Reducer(launch, context).run(); }

}  // namespace nngpu::cpu
