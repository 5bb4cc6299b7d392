// take, gather and scatter_add. Every index is checked before anything is read through it.
#include <cstring>
#include <string>

#include "backend/cpu/launches/copy.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "backend/cpu/launches/walk.h"
#include "nngpu/error.h"

namespace nngpu::cpu {
namespace {

using graph::Operand;

// False, with the failure reported, if an index lies outside [-size, size). Names the first in row-major order.
bool check_indices(const char* operation, const Item& item, const Operand& indices, int64_t axis, int64_t size,
                   const RunContext& context) {
  const int64_t* data = context.at<int64_t>(indices);
  const Walk<1> all = walk_lines<1>(indices.shape, -1, {&indices.strides});
  bool good = true;
  int64_t bad_index = 0;
  all.for_runs(0, all.count(), [&](const int64_t(&at)[1], int64_t points, int64_t) {
    if (!good) return;
    const int64_t step = all.step(0);
    const int64_t* run = data + at[0];
    // One comparison an index: below zero after adding size wraps to a large number.
    uint64_t outside = 0;
    for (int64_t p = 0; p < points; ++p)
      outside |=
          static_cast<uint64_t>(run[p * step]) + static_cast<uint64_t>(size) >= static_cast<uint64_t>(2 * size);
    if (outside == 0) return;
    good = false;
    for (int64_t p = 0; p < points; ++p) {
      bad_index = run[p * step];
      if (bad_index < -size || bad_index >= size) return;
    }
  });
  if (good) return true;
  std::string message = "[";
  message += operation;
  message += "] index " + std::to_string(bad_index) + " is out of range for axis " + std::to_string(axis) +
             " of size " + std::to_string(size);
  context.failures->push_back({item.index, std::make_exception_ptr(IndexError(message))});
  return false;
}

// What depends on a failed operation still runs: on zeros.
void clear(const Operand& out, const RunContext& context) {
  std::memset(context.at(out), 0, static_cast<size_t>(element_count(out.shape)) * dtype_size(out.dtype));
}

inline int64_t wrap(int64_t index, int64_t size) { return index < 0 ? index + size : index; }

template <class T>
void take_item(const Item& item, int axis, const RunContext& context) {
  const Operand &x = item.inputs[0], &indices = item.inputs[1], &out = item.outputs[0];
  const int rank = x.shape.size(), index_rank = indices.shape.size();
  const int64_t size = x.shape[axis], step = x.strides[axis];
  // x is outer axes, the axis, inner axes; the output has the axes of the indices between the two.
  Walk<2> outer, inner;
  for (int i = 0; i < axis; ++i) outer.append(x.shape[i], {x.strides[i], out.strides[i]});
  for (int i = axis + 1; i < rank; ++i) inner.append(x.shape[i], {x.strides[i], out.strides[i + index_rank - 1]});
  Walk<2> index_walk;
  for (int i = 0; i < index_rank; ++i)
    index_walk.append(indices.shape[i], {indices.strides[i], out.strides[axis + i]});

  const int64_t* index_data = context.at<int64_t>(indices);
  const T* from = context.at<T>(x);
  T* to = context.at<T>(out);
  const bool block = inner.rank() == 1 && inner.step(0) == 1 && inner.step(1) == 1 && inner.run() > 1;
  const int64_t grain = line_grain(inner.count(), 32768 / static_cast<int64_t>(sizeof(T)) + 1);
  for_pairs(outer, index_walk.count(), grain, [&](const int64_t(&base)[2], int64_t begin, int64_t end) {
    index_walk.for_points(begin, end, [&](const int64_t(&at)[2], int64_t) {
      const T* source = from + base[0] + wrap(index_data[at[0]], size) * step;
      T* target = to + base[1] + at[1];
      if (inner.count() == 1) {
        *target = *source;
      } else if (block) {
        std::memcpy(target, source, static_cast<size_t>(inner.run()) * sizeof(T));
      } else {
        inner.for_runs(0, inner.count(), [&](const int64_t(&in)[2], int64_t points, int64_t) {
          copy_line(points, source + in[0], inner.step(0), target + in[1], inner.step(1));
        });
      }
    });
  });
}

template <class T>
void gather_item(const Item& item, int axis, const RunContext& context) {
  const Operand &x = item.inputs[0], &indices = item.inputs[1], &out = item.outputs[0];
  const int64_t size = x.shape[axis], step = x.strides[axis], n = indices.shape[axis];
  const int64_t index_step = indices.strides[axis], out_step = out.strides[axis];
  const Walk<3> lines = walk_lines<3>(indices.shape, axis, {&x.strides, &indices.strides, &out.strides});
  const int64_t* index_data = context.at<int64_t>(indices);
  const T* from = context.at<T>(x);
  T* to = context.at<T>(out);
  parallel_for(lines.count(), line_grain(n), [&](int64_t begin, int64_t end) {
    lines.for_runs(begin, end, [&](const int64_t(&at)[3], int64_t points, int64_t) {
      // The axis outside: neighbouring lines are neighbours in memory more often than elements of a line.
      for (int64_t i = 0; i < n; ++i)
        for (int64_t p = 0; p < points; ++p) {
          const int64_t index = index_data[at[1] + i * index_step + p * lines.step(1)];
          to[at[2] + i * out_step + p * lines.step(2)] =
              from[at[0] + wrap(index, size) * step + p * lines.step(0)];
        }
    });
  });
}

template <class C, class T>
inline void add_to(C& sum, T value) {
  if constexpr (std::is_same_v<C, bool>)
    sum = sum || value;
  else if constexpr (std::is_integral_v<C>)
    sum = static_cast<C>(static_cast<uint64_t>(sum) + static_cast<uint64_t>(value));
  else
    sum += widen(value);
}

// Lines along the axis are independent; within one, updates add in index order whatever the threads.
template <class T, class C>
void scatter_lines(const Item& item, int axis, C* sums, const Dims& sum_strides, const RunContext& context) {
  const Operand &indices = item.inputs[1], &updates = item.inputs[2], &out = item.outputs[0];
  const int64_t size = out.shape[axis], n = indices.shape[axis];
  const int64_t sum_step = sum_strides[axis], index_step = indices.strides[axis], step = updates.strides[axis];
  const Walk<3> lines = walk_lines<3>(indices.shape, axis, {&sum_strides, &indices.strides, &updates.strides});
  const int64_t* index_data = context.at<int64_t>(indices);
  const T* from = context.at<T>(updates);
  parallel_for(lines.count(), line_grain(n), [&](int64_t begin, int64_t end) {
    lines.for_runs(begin, end, [&](const int64_t(&at)[3], int64_t points, int64_t) {
      const bool rows = lines.step(0) == 1 && lines.step(1) == 0 && lines.step(2) == 1;
      for (int64_t i = 0; i < n; ++i) {
        const int64_t* index = index_data + at[1] + i * index_step;
        const T* update = from + at[2] + i * step;
        if (rows) {
          C* row = sums + at[0] + wrap(*index, size) * sum_step;
          for (int64_t p = 0; p < points; ++p) add_to(row[p], update[p]);
          continue;
        }
        for (int64_t p = 0; p < points; ++p)
          add_to(sums[at[0] + wrap(index[p * lines.step(1)], size) * sum_step + p * lines.step(0)],
                 update[p * lines.step(2)]);
      }
    });
  });
}

template <class T>
void scatter_add_item(const Item& item, int axis, const RunContext& context) {
  const Operand &x = item.inputs[0], &out = item.outputs[0];
  if constexpr (is_half_type<T>) {
    // Sums in float, rounded once.
    ScratchFrame scratch;
    const int64_t count = element_count(out.shape);
    float* sums = scratch.get<float>(count);
    T* to = context.at<T>(out);
    copy_strided(sizeof(T), x.shape, context.at(x), x.strides, context.at(out), out.strides);
    parallel_for(count, 32768, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) sums[i] = widen(to[i]);
    });
    scatter_lines<T>(item, axis, sums, out.strides, context);
    parallel_for(count, 32768, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = narrow<T>(sums[i]);
    });
  } else {
    copy_strided(sizeof(T), x.shape, context.at(x), x.strides, context.at(out), out.strides);
    scatter_lines<T>(item, axis, context.at<T>(out), out.strides, context);
  }
}

// Runs an indexing item unless there is nothing to do or an index is bad.
template <class F>
void run_indexed(const char* operation, const Launch& launch, const RunContext& context, const F& f) {
  const int axis = static_cast<int>(launch.params.as<graph::AxisParams>().axis);
  for_items(launch, [&](const Item& item) {
    const Operand &x = item.inputs[0], &out = item.outputs[0];
    if (element_count(out.shape) == 0) return;
    if (check_indices(operation, item, item.inputs[1], axis, x.shape[axis], context))
      f(item, axis);
    else
      clear(out, context);
  });
}

}  // namespace

void run_take(const Launch& launch, const RunContext& context) {
  run_indexed("take", launch, context, [&](const Item& item, int axis) {
    visit_size(dtype_size(item.inputs[0].dtype), [&]<class T>() { take_item<T>(item, axis, context); });
  });
}

void run_gather(const Launch& launch, const RunContext& context) {
  run_indexed("gather", launch, context, [&](const Item& item, int axis) {
    visit_size(dtype_size(item.inputs[0].dtype), [&]<class T>() { gather_item<T>(item, axis, context); });
  });
}

void run_scatter_add(const Launch& launch, const RunContext& context) {
  run_indexed("scatter_add", launch, context, [&](const Item& item, int axis) {
    visit_dtype(item.inputs[0].dtype, [&]<class T>() { scatter_add_item<T>(item, axis, context); });
  });
}

}  // namespace nngpu::cpu
