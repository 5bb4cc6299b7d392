// Strided copies: axes are ordered by the destination and merged, then one of three inner loops runs.
#include "backend/cpu/launches/copy.h"

#include <cstring>

#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/transpose.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kBytesPerThread = 256 * 1024;
constexpr int64_t kStreamingBytes = 4 << 20;  // copies that are large beside the caches

struct Axis {
  int64_t size, src, dst;
};

// The axes of a copy, outermost in the destination first.
struct CopyAxes {
  int rank = 0;
  Axis axes[kMaxRank];
  int64_t src_start = 0, dst_start = 0;  // negative destination strides are walked backwards

  CopyAxes(const Shape& shape, const Dims& src_strides, const Dims& dst_strides) {
    for (int i = 0; i < shape.size(); ++i) {
      if (shape[i] == 1) continue;
      Axis axis{shape[i], src_strides[i], dst_strides[i]};
      if (axis.dst < 0) {
        src_start += (axis.size - 1) * axis.src;
        dst_start += (axis.size - 1) * axis.dst;
        axis.src = -axis.src;
        axis.dst = -axis.dst;
      }
      insert(axis);
    }
    merge();
    if (rank == 0) axes[rank++] = {1, 1, 1};
  }

 private:
  void insert(const Axis& axis) {
    int at = rank++;
    for (; at > 0 && axes[at - 1].dst < axis.dst; --at) axes[at] = axes[at - 1];
    axes[at] = axis;
  }
  void merge() {
    int merged = 0;
    for (int i = 0; i < rank; ++i) {
      Axis& outer = axes[std::max(0, merged - 1)];
      const Axis& inner = axes[i];
      if (merged > 0 && outer.src == inner.size * inner.src && outer.dst == inner.size * inner.dst)
        outer = {outer.size * inner.size, inner.src, inner.dst};
      else
        axes[merged++] = inner;
    }
    rank = merged;
  }
};

// The walk over all axes but two.
Walk<2> outer_walk(const CopyAxes& copy, int skip, int skip2) {
  Walk<2> walk;
  for (int i = 0; i < copy.rank; ++i)
    if (i != skip && i != skip2) walk.append(copy.axes[i].size, {copy.axes[i].src, copy.axes[i].dst});
  return walk;
}

// The axis along which the source is walked best, if it is not the last.
int transposed_axis(const CopyAxes& copy) {
  const int last = copy.rank - 1;
  int best = last;
  for (int i = 0; i < last; ++i) {
    const int64_t step = std::abs(copy.axes[i].src);
    if (step != 0 && copy.axes[i].size >= 4 && step < std::abs(copy.axes[best].src)) best = i;
  }
  return copy.axes[last].dst == 1 && copy.axes[last].size >= 4 ? best : last;
}

template <class T>
void copy_lines(const CopyAxes& copy, const T* src, T* dst) {
  const Axis line = copy.axes[copy.rank - 1];
  const bool contiguous = line.src == 1 && line.dst == 1;
  constexpr int64_t kGrain = kBytesPerThread / sizeof(T);
  const auto run = [&](int64_t n, const T* from, T* to) {
    if (contiguous)
      std::memcpy(to, from, n * sizeof(T));
    else
      copy_line(n, from, line.src, to, line.dst);
  };
  if (copy.rank == 1) {
    parallel_for(line.size, kGrain, [&](int64_t begin, int64_t end) {
      run(end - begin, src + begin * line.src, dst + begin * line.dst);
    });
    return;
  }
  const Walk<2> walk = outer_walk(copy, copy.rank - 1, -1);
  parallel_for(walk.count(), line_grain(line.size, kGrain), [&](int64_t begin, int64_t end) {
    walk.for_points(begin, end, [&](const int64_t(&at)[2], int64_t) { run(line.size, src + at[0], dst + at[1]); });
  });
}

// How a transposed copy is cut into tiles.
template <class T>
struct Tiling {
  Axis rows, columns;
  bool streaming;
  int64_t shared;  // columns that neighbours have in common
  int64_t row_tiles, column_tiles;

  Tiling(const CopyAxes& copy, int row_axis, const T* dst)
      : rows(copy.axes[row_axis]), columns(copy.axes[copy.rank - 1]) {
    int64_t count = 1;
    bool aligned = line_position(dst) == 0;
    for (int i = 0; i < copy.rank; ++i) {
      count *= copy.axes[i].size;
      if (i < copy.rank - 1) aligned &= copy.axes[i].dst % kLineElements<T> == 0;
    }
    streaming = rows.src == 1 && rows.size >= kTileRows<T> && columns.size >= kTileColumns &&
                count >= kStreamingBytes / static_cast<int64_t>(sizeof(T));
    shared = streaming && !aligned ? kLineElements<T> : 0;
    row_tiles = (rows.size + kTileRows<T> - 1) / kTileRows<T>;
    column_tiles = (columns.size - shared + column_step() - 1) / column_step();
  }
  int64_t column_step() const { return kTileColumns - shared; }

  // Down the columns first: that is how the source lies in memory.
  Tile<T> tile(int64_t number, const T* src, T* dst) const {
    const int64_t i = number % row_tiles * kTileRows<T>, column = number / row_tiles, j = column * column_step();
    return {std::min(kTileRows<T>, rows.size - i),
            std::min(kTileColumns, columns.size - j),
            src + i * rows.src + j * columns.src,
            rows.src,
            columns.src,
            dst + i * rows.dst + j,
            rows.dst,
            streaming,
            column == 0 ? 0 : shared,
            column == column_tiles - 1};
  }
};

template <class T>
void copy_transposed(const CopyAxes& copy, int row_axis, const T* src, T* dst) {
  const Walk<2> planes = outer_walk(copy, copy.rank - 1, row_axis);
  const Tiling<T> tiling(copy, row_axis, dst);
  const int64_t work = std::min(kTileRows<T>, tiling.rows.size) * std::min(kTileColumns, tiling.columns.size);
  constexpr int64_t kGrain = kBytesPerThread / sizeof(T);
  for_pairs(planes, tiling.row_tiles * tiling.column_tiles, line_grain(work, kGrain),
            [&](const int64_t(&at)[2], int64_t begin, int64_t end) {
              for (int64_t number = begin; number < end; ++number)
                transpose_tile(tiling.tile(number, src + at[0], dst + at[1]));
              if (tiling.streaming) finish_streaming();
            });
}

}  // namespace

void copy_strided(size_t element_size, const Shape& shape, const char* src, const Dims& src_strides, char* dst,
                  const Dims& dst_strides) {
  if (element_count(shape) == 0) return;
  const CopyAxes copy(shape, src_strides, dst_strides);
  visit_size(element_size, [&]<class T>() {
    const T* from = reinterpret_cast<const T*>(src) + copy.src_start;
    T* to = reinterpret_cast<T*>(dst) + copy.dst_start;
    const int row_axis = transposed_axis(copy);
    if (row_axis == copy.rank - 1)
      copy_lines(copy, from, to);
    else
      copy_transposed(copy, row_axis, from, to);
  });
}

void run_copy(const Launch& launch, const RunContext& context) {
  for_items(launch, [&](const Item& item) {
    const graph::Operand &x = item.inputs[0], &out = item.outputs[0];
    copy_strided(dtype_size(x.dtype), x.shape, context.at(x), x.strides, context.at(out), out.strides);
  });
}

void run_concat(const Launch& launch, const RunContext& context) {
  const int64_t axis = launch.params.as<graph::AxisParams>().axis;
  for_items(launch, [&](const Item& item) {
    const graph::Operand& out = item.outputs[0];
    const size_t size = dtype_size(out.dtype);
    char* to = context.at(out);
    for (int i = 0; i < item.input_count; ++i) {
      const graph::Operand& x = item.inputs[i];
      copy_strided(size, x.shape, context.at(x), x.strides, to, out.strides);
      to += x.shape[axis] * out.strides[axis] * static_cast<int64_t>(size);
    }
  });
}

}  // namespace nngpu::cpu
