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

// One of the launch's reductions.
struct Part {
  Part(const graph::Launch& launch, const graph::RunContext& context, const PreparedTape& tape,
       const graph::TapeReduction& what)
      : reduction(what),
        out(launch.outputs[static_cast<size_t>(what.output)]),
        base(context.at(out)),
        kernels(reduce_kernels(what.code, value_type(launch, what.value))),
        value_size(dtype_size(value_type(launch, what.value))),
        far(kernels.run_far != nullptr && what.value < static_cast<int32_t>(tape.loads.size()) &&
            tape.loads[static_cast<size_t>(what.value)].far) {
    if (what.code == graph::Reduction::Moments)
      variances = context.at(launch.outputs[static_cast<size_t>(what.output) + 1]);
  }

  static DType value_type(const graph::Launch& launch, int32_t value) {
    const auto loads = static_cast<int32_t>(launch.inputs.size());
    return value < loads ? compute_dtype(launch.inputs[static_cast<size_t>(value)].dtype)
                         : launch.tape->steps[static_cast<size_t>(value - loads)].out;
  }

  // Converts and writes one result.
  void store(int64_t offset, const Partial& partial) const {
    if (!kernels.floating) return cast_kernel(DType::I64, out.dtype)(at(base, offset), &partial.integer, 1);
    double value = partial.shift + partial.real;
    if (reduction.code == graph::Reduction::LogSumExp)
      value += std::log(partial.error);
    else if (reduction.code == graph::Reduction::Moments)
      store_variance(offset, partial);
    else if (partial.real - partial.real == 0)  // the error of an infinite sum means nothing
      value += partial.error;
    if (reduction.code == graph::Reduction::Moments && partial.integer == 0)
      value = std::numeric_limits<double>::quiet_NaN();
    cast_kernel(DType::F64, out.dtype)(at(base, offset), &value, 1);
  }
  void store_variance(int64_t offset, const Partial& partial) const {
    const auto divisor = static_cast<double>(std::max<int64_t>(partial.integer - reduction.ddof, 0));
    const double value = partial.error / divisor;
    cast_kernel(DType::F64, out.dtype)(at(variances, offset), &value, 1);
  }
  char* at(char* to, int64_t offset) const { return to + offset * static_cast<int64_t>(dtype_size(out.dtype)); }

  const graph::TapeReduction& reduction;
  const graph::Operand& out;
  char* base;
  char* variances = nullptr;
  const ReduceKernels& kernels;
  size_t value_size;
  bool far;  // the values are read in place, from memory
};

class Reducer {
 public:
  Reducer(const graph::Launch& launch, const graph::RunContext& context)
      : launch_(launch),
        context_(context),
        tape_(*static_cast<const PreparedTape*>(launch.prepared.get())),
        out_(launch.outputs[0]) {
    for (const graph::TapeReduction& reduction : launch.tape->reductions)
      parts_.emplace_back(launch, context, tape_, reduction);
    for (const Part& part : parts_) (part.far ? any_far_ : any_near_) = true;
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
    int64_t end = std::min(start + (any_far_ ? kFarTile : kTile), limit);
    if (tape_.long_rows && tape_.row > 0) end = std::min(end, (start / tape_.row + 1) * tape_.row);
    return end;
  }

  // --- The innermost axis is reduced: each result is one run of the loop. ---

  // The partial results of one result, an entry a reduction.
  using Partials = std::vector<Partial>;
  Partials identities(int64_t results = 1) const {
    Partials partials;
    for (int64_t r = 0; r < results; ++r)
      for (const Part& part : parts_) partials.push_back(part.kernels.identity);
    return partials;
  }

  void store(int64_t result, const Partial* partials) const {
    const int64_t offset = result_offset(result);
    for (size_t k = 0; k < parts_.size(); ++k) parts_[k].store(offset, partials[k]);
  }

  // A reduction goes through the same tiles whatever others there are beside it: its result has the same bits.
  void accumulate(TapeRun& run, Partial* partials, int64_t start, int64_t end) const {
    while (start < end) {
      const int64_t next = tile_end(start, end);
      for (int64_t at = start; at < next;) {
        const int64_t stop = any_near_ ? std::min(at + kTile, next) : next;
        run.compute(at, stop - at, nullptr);
        for (size_t k = 0; k < parts_.size(); ++k) {
          const Part& part = parts_[k];
          const char* values = run.value(part.reduction.value);
          if (!part.far)
            part.kernels.run(partials[k], values, static_cast<size_t>(stop - at));
          else if (at == start)
            part.kernels.run_far(partials[k], values, static_cast<size_t>(next - start));
        }
        at = stop;
      }
      start = next;
    }
  }

  void reduce_row(TapeRun& run, int64_t result) const {
    Partials partials = identities();
    accumulate(run, partials.data(), result * length_, (result + 1) * length_);
    store(result, partials.data());
  }

  void run_rows() const {
    if (length_ > 2 * kPieceElements) return run_long_rows();
    if (length_ < kLongRow && length_ > 0) return run_short_rows();
    const int64_t grain = std::max<int64_t>(1, kParallelElements / std::max<int64_t>(1, length_));
    parallel_for(results_, grain, [&](int64_t first, int64_t last) {
      TapeRun run(launch_, tape_, context_);
      for (int64_t r = first; r < last; ++r) reduce_row(run, r);
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
          for (int64_t r = begin; r < end; ++r) reduce_row(run, r);
          continue;
        }
        run.compute(begin * length_, (end - begin) * length_, nullptr);
        for (int64_t r = begin; r < end; ++r) {
          const int64_t offset = result_offset(r);
          for (const Part& part : parts_) {
            Partial partial = part.kernels.identity;
            const char* values = run.value(part.reduction.value);
            part.kernels.run(partial, values + static_cast<size_t>((r - begin) * length_) * part.value_size,
                             static_cast<size_t>(length_));
            part.store(offset, partial);
          }
        }
      }
    });
  }

  void run_long_rows() const {
    const int64_t pieces = (length_ + kPieceElements - 1) / kPieceElements;
    Partials partials = identities(results_ * pieces);
    const size_t parts = parts_.size();
    parallel_for(results_ * pieces, 1, [&](int64_t first, int64_t last) {
      TapeRun run(launch_, tape_, context_);
      for (int64_t p = first; p < last; ++p) {
        const int64_t begin = p / pieces * length_ + p % pieces * kPieceElements;
        const int64_t end = std::min(begin + kPieceElements, (p / pieces + 1) * length_);
        accumulate(run, &partials[static_cast<size_t>(p) * parts], begin, end);
      }
    });
    for (int64_t r = 0; r < results_; ++r) {
      Partial* total = &partials[static_cast<size_t>(r * pieces) * parts];
      for (int64_t p = 1; p < pieces; ++p)
        for (size_t k = 0; k < parts; ++k)
          parts_[k].kernels.combine(total[k], total[static_cast<size_t>(p) * parts + k]);
      store(r, total);
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

  // Of each reduction.
  using AllColumns = std::vector<Columns>;
  AllColumns all_columns(int64_t n) const {
    AllColumns all;
    for (const Part& part : parts_) all.emplace_back(static_cast<size_t>(n), part.kernels.identity);
    return all;
  }

  // Adds rows [first, last) of result `r`, columns [left, right), to `columns`, whose entry at `place` is column
  // `left`.
  void add_rows(TapeRun& run, Columns* all, int64_t r, int64_t first, int64_t last, int64_t left, int64_t right,
                size_t place) const {
    // Short rows lie several to a tile.
    const bool whole = !tape_.long_rows && left == 0 && right == columns_;
    const int64_t rows_per_tile = whole ? std::max<int64_t>(1, kTile / columns_) : 1;
    const auto width = static_cast<size_t>(right - left);
    for (int64_t row = first; row < last; row += rows_per_tile) {
      const int64_t rows = std::min(rows_per_tile, last - row);
      run.compute((r * length_ + row) * columns_ + left, rows * (right - left), nullptr);
      for (size_t p = 0; p < parts_.size(); ++p) {
        const Part& part = parts_[p];
        Columns& to = all[p];
        const char* values = run.value(part.reduction.value);
        for (int64_t k = 0; k < rows; ++k)
          part.kernels.columns(&to.real[place], &to.error[place], &to.integer[place], &to.shift[place],
                               values + static_cast<size_t>(k) * width * part.value_size, width);
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
                   AllColumns columns = all_columns(std::min(columns_, kTile));
                   for (int64_t task = first; task < last; ++task) {
                     const int64_t left = task % strips * kTile, right = std::min(columns_, left + kTile);
                     for (size_t p = 0; p < parts_.size(); ++p) columns[p].reset(parts_[p].kernels.identity);
                     add_rows(run, columns.data(), task / strips, 0, length_, left, right, 0);
                     const int64_t start = result_offset(task / strips), stride = out_.strides.back();
                     for (size_t p = 0; p < parts_.size(); ++p)
                       for (int64_t c = left; c < right; ++c)
                         parts_[p].store(start + c * stride, columns[p].at(static_cast<size_t>(c - left)));
                   }
                 });
  }

  // Tall matrices are cut into pieces of rows as well, whose sums are combined in order.
  void run_tall_columns(int64_t rows_per_piece, int64_t pieces) const {
    const int64_t strips = (columns_ + kTile - 1) / kTile;
    const size_t parts = parts_.size();
    AllColumns partials;  // of each piece those of all reductions
    for (int64_t piece = 0; piece < results_ * pieces; ++piece)
      for (const Part& part : parts_) partials.emplace_back(static_cast<size_t>(columns_), part.kernels.identity);
    parallel_for(results_ * pieces * strips, 1, [&](int64_t first, int64_t last) {
      TapeRun run(launch_, tape_, context_);
      for (int64_t task = first; task < last; ++task) {
        const int64_t strip = task % strips, piece = task / strips % pieces, r = task / strips / pieces;
        const int64_t left = strip * kTile, right = std::min(columns_, left + kTile);
        const int64_t begin = piece * rows_per_piece, end = std::min(length_, begin + rows_per_piece);
        add_rows(run, &partials[static_cast<size_t>(r * pieces + piece) * parts], r, begin, end, left, right,
                 static_cast<size_t>(left));
      }
    });
    for (int64_t r = 0; r < results_; ++r)
      store_columns(r, pieces, &partials[static_cast<size_t>(r * pieces) * parts]);
  }

  void store_columns(int64_t r, int64_t pieces, const Columns* partials) const {
    const int64_t start = result_offset(r), stride = out_.strides.back();
    for (size_t k = 0; k < parts_.size(); ++k) {
      for (int64_t c = 0; c < columns_; ++c) {
        const auto column = static_cast<size_t>(c);
        Partial total = partials[k].at(column);
        for (int64_t p = 1; p < pieces; ++p)
          parts_[k].kernels.combine(total, partials[static_cast<size_t>(p) * parts_.size() + k].at(column));
        parts_[k].store(start + c * stride, total);
      }
    }
  }

  const graph::Launch& launch_;
  const graph::RunContext& context_;
  const PreparedTape& tape_;
  const graph::Operand& out_;  // one of the results, which are laid out alike
  std::vector<Part> parts_;
  bool any_far_ = false, any_near_ = false;
  bool inner_kept_ = false;
  int64_t results_ = 1;  // kept positions, without the columns
  int64_t columns_ = 1;  // of a column reduction
  int64_t length_ = 1;   // elements a result reduces
};

}  // namespace

void run_reduce(const graph::Launch& launch, const graph::RunContext& context) { Reducer(launch, context).run(); }

}  // namespace nngpu::cpu
