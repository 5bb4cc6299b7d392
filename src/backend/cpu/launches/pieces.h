// Stacks of matrices in pieces: a launch over many of them takes each piece from the copy of its input to the
// store of its result on one thread, so that it stays in that core's cache and every byte passes through memory
// once. The stack of a launch of large matrices is one piece, with every thread at work inside.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_PIECES_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_PIECES_H_

#include "backend/cpu/elementwise/kernels.h"
#include "backend/cpu/lapack/dispatch.h"
#include "backend/cpu/lapack/small.h"
#include "backend/cpu/lapack/small_scratch.h"
#include "backend/cpu/launches/stack.h"
#include "backend/cpu/launches/transpose.h"

namespace nngpu::cpu {

// How the entries of a launch are cut.
class Cut {
 public:
  // `a` has the shape of the matrix that is decomposed, `bytes` is what all matrices of one entry take, `work`
  // about how many nanoseconds a small decomposition takes for each element of a. `columns` counts right-hand
  // sides.
  template <class T>
  Cut(const Stack<T>& a, int64_t bytes, double work, int64_t columns = 0) : entries_(a.entries) {
    const int64_t side = std::max(a.rows, a.columns);
    const bool in_lanes = small::fits(a.rows, a.columns);
    if (a.entries <= 1 || (!in_lanes && std::max(side, columns) > kBatchSize)) {
      unit_ = piece_ = grain_ = std::max<int64_t>(1, a.entries);
      return;
    }
    constexpr int64_t kPiece = 256 * 1024;   // bytes: leaves room in a core's cache for the work space
    constexpr double kWorthAThread = 20000;  // nanoseconds
    constexpr int64_t kLanes = 64 / sizeof(T);
    unit_ = in_lanes ? kLanes : 1;
    piece_ = std::max<int64_t>(1, kPiece / (unit_ * std::max<int64_t>(1, bytes))) * unit_;
    const double cost = 10 + work * static_cast<double>(a.entry_size());
    grain_ = in_lanes ? static_cast<int64_t>(kWorthAThread / (cost * static_cast<double>(unit_))) + 1 : 1;
    grain_ *= unit_;
  }

  int64_t piece() const { return std::min(piece_, std::max<int64_t>(1, entries_)); }
  // What a parallel loop over the pieces counts, for PerThread.
  int64_t tasks() const { return units() / (grain_ / unit_); }
  bool is_cut() const { return piece_ < entries_; }

  // Calls body(first, end) for every piece; `body` must not throw.
  template <class Body>
  void for_pieces(const Body& body) const {
    parallel_for(units(), grain_ / unit_, [&](int64_t begin, int64_t end) {
      const int64_t last = std::min(end * unit_, entries_);
      for (int64_t i = begin * unit_; i < last; i += piece_) body(i, std::min(i + piece_, last));
    });
  }

 private:
  int64_t units() const { return (entries_ + unit_ - 1) / unit_; }

  int64_t entries_;
  int64_t unit_ = 1;   // pieces consist of so many entries or a multiple, but for the last
  int64_t piece_ = 1;  // of a piece
  int64_t grain_ = 1;  // of a thread, at least
};

template <class T>
int64_t entry_bytes(const Stack<T>& stack) {
  return stack.entry_size() * static_cast<int64_t>(sizeof(T));
}

// Visits entries [begin, end) of a matrix operand in runs that are an equal step apart: f(offset, shape, strides,
// number of the first) with the entries as the first axis.
template <class F>
void for_entry_runs(const graph::Operand& x, bool transposed, int64_t begin, int64_t end, const F& f) {
  const int rank = x.shape.size();
  Walk<1> batch;
  for (int i = 0; i < rank - 2; ++i) batch.append(x.shape[i], {x.strides[i]});
  int64_t rs = x.strides[rank - 2], cs = x.strides[rank - 1];
  if (transposed) std::swap(rs, cs);
  batch.for_runs(begin, end, [&](const int64_t(&at)[1], int64_t points, int64_t number) {
    f(at[0], Shape{points, x.shape[rank - 2], x.shape[rank - 1]}, Dims{batch.step(0), rs, cs}, number);
  });
}

// Visits the items that a piece has entries of: f(item, begin, end, data) with the entries counted in the item.
template <class T, class F>
void for_item_parts(const Launch& launch, const Stack<T>& piece, const F& f) {
  const int64_t each = piece.item_entries;
  for (int64_t i = piece.first; i < piece.first + piece.entries;) {
    const int64_t item = i / each, end = std::min((item + 1) * each, piece.first + piece.entries);
    f(launch_item(launch, static_cast<int32_t>(item)), i - item * each, end - item * each,
      piece.entry(i - piece.first));
    i = end;
  }
}

// Copies a piece of input `position`. `transposed` swaps the matrix axes.
template <class T>
void fill_piece(const Launch& launch, const RunContext& context, int position, const Stack<T>& piece,
                bool transposed = false) {
  for_item_parts(launch, piece, [&](const Item& item, int64_t begin, int64_t end, T* data) {
    const graph::Operand& x = item.inputs[position];
    for_entry_runs(x, transposed, begin, end,
                   [&](int64_t at, const Shape& shape, const Dims& strides, int64_t number) {
                     copy_strided(sizeof(T), shape, reinterpret_cast<const char*>(context.at<T>(x) + at), strides,
                                  reinterpret_cast<char*>(data + (number - begin) * piece.entry_size()),
                                  {piece.entry_size(), 1, shape[1]});
                   });
  });
}

// While this lives, decompositions fetch the part of input `position` that follows the piece, as far as the
// matrices lie one after another.
class FetchNext {
 public:
  template <class T>
  FetchNext(const Launch& launch, const RunContext& context, int position, const Stack<T>& piece) {
    graph::Operand x = launch.inputs[position];
    const int64_t end = piece.first + piece.entries, all = piece.item_entries;
    if (launch.items != 1 || end >= all) return;
    if (!is_stacked(x, Entry::Matrix)) {  // then perhaps row-major
      const int rank = x.shape.size();
      std::swap(x.shape[rank - 2], x.shape[rank - 1]);
      std::swap(x.strides[rank - 2], x.strides[rank - 1]);
      if (!is_stacked(x, Entry::Matrix)) return;
    }
    const T* next = context.at<T>(x) + end * piece.entry_size();
    const int64_t count = std::min(piece.entries, all - end) * piece.entry_size();
    small::read_ahead() = {reinterpret_cast<const char*>(next), reinterpret_cast<const char*>(next + count)};
  }
  ~FetchNext() { small::read_ahead() = {}; }
  FetchNext(const FetchNext&) = delete;
  FetchNext& operator=(const FetchNext&) = delete;
};

// Copies a piece to output `position`, if it does not lie there.
template <class T>
void store_piece(const Launch& launch, const RunContext& context, int position, const Stack<T>& piece,
                 bool transposed = false) {
  if (piece.direct || piece.data == nullptr) return;
  for_item_parts(launch, piece, [&](const Item& item, int64_t begin, int64_t end, T* data) {
    const graph::Operand& out = item.outputs[position];
    if (piece.streamed) {
      stream_copy(context.at<T>(out) + begin * piece.entry_size(), data,
                  (end - begin) * piece.entry_size() * sizeof(T));
      return finish_streaming();
    }
    for_entry_runs(
        out, transposed, begin, end, [&](int64_t at, const Shape& shape, const Dims& strides, int64_t number) {
          copy_strided(
              sizeof(T), shape, reinterpret_cast<const char*>(data + (number - begin) * piece.entry_size()),
              {piece.entry_size(), 1, shape[1]}, reinterpret_cast<char*>(context.at<T>(out) + at), strides);
        });
  });
}

// Where the pieces of one operand position lie: in the operand itself, or in a buffer of each thread.
template <class T>
class Pieces {
 public:
  // None: every piece is null.
  explicit Pieces(ScratchFrame& scratch) : buffer_(scratch, 0, 1) { shape_.direct = true; }

  // Pieces of this shape in buffers.
  Pieces(const Stack<T>& shape, const Cut& cut, ScratchFrame& scratch)
      : shape_(shape),
        buffer_(scratch, shape.data ? 0 : cut.piece() * shape.entry_size(), cut.tasks()),
        buffered_(shape.data == nullptr) {}

  Stack<T> piece(int64_t first, int64_t end) const {
    Stack<T> piece = shape_.part(first, end);
    if (buffered_) piece.data = buffer_.mine();
    return piece;
  }
  const Stack<T>& all() const { return shape_; }

 private:
  Stack<T> shape_;
  PerThread<T> buffer_;
  bool buffered_ = false;
};

// Memory to overwrite, which fill_piece fills with input `position`.
template <class T>
Pieces<T> copied_pieces(const Launch& launch, int position, const Cut& cut, ScratchFrame& scratch) {
  return {stack_shape<T>(launch.inputs[position], Entry::Matrix, launch.items), cut, scratch};
}

// Memory to read, which fill_piece fills unless it is the input itself.
template <class T>
Pieces<T> input_pieces(const Launch& launch, const RunContext& context, int position, const Cut& cut,
                       ScratchFrame& scratch) {
  const graph::Operand& x = launch.inputs[position];
  Stack<T> stack = stack_shape<T>(x, Entry::Matrix, launch.items);
  stack.direct = launch.items == 1 && is_stacked(x, Entry::Matrix);
  if (stack.direct) stack.data = context.at<T>(x);
  return {stack, cut, scratch};
}

// Memory for a result that store_piece completes: the output itself where it is a stack, unless it is too large to
// be found in the caches again. Then it is written past them, which spares reading what is overwritten.
template <class T>
Pieces<T> output_pieces(const Launch& launch, const RunContext& context, int position, const Cut& cut,
                        ScratchFrame& scratch, bool transposed = false) {
  constexpr int64_t kStreamed = 16 << 20;
  const graph::Operand& out = launch.outputs[position];
  Stack<T> stack = stack_shape<T>(out, Entry::Matrix, launch.items);
  const bool stacked = launch.items == 1 && !transposed && is_stacked(out, Entry::Matrix);
  stack.streamed =
      stacked && cut.is_cut() && stack.entries * stack.entry_size() * static_cast<int64_t>(sizeof(T)) >= kStreamed;
  stack.direct = stacked && !stack.streamed;
  if (stack.direct) stack.data = context.at<T>(out);
  return {stack, cut, scratch};
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_PIECES_H_
