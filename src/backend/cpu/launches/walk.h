// Iteration over strided operands: all axes of an iteration space, or all but one.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_WALK_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_WALK_H_

#include <algorithm>
#include <cstdint>

#include "backend/cpu/parallel.h"
#include "graph/launch.h"

namespace nngpu::cpu {

// The axes [first, last) of a shape but for `skip`, for N operands at once, neighbours merged where all operands
// allow. Points are numbered in row-major order.
template <int N>
class Walk {
 public:
  using Offsets = int64_t[N];

  Walk() = default;  // one point, to which axes can be appended
  Walk(const Shape& shape, int first, int last, int skip, const Dims* const (&strides)[N]) {
    for (int axis = first; axis < last; ++axis) {
      if (axis == skip) continue;
      Offsets steps;
      for (int i = 0; i < N; ++i) steps[i] = (*strides[i])[axis];
      append(shape[axis], steps);
    }
  }

  // Adds an axis inside the others.
  void append(int64_t size, const Offsets& steps) {
    count_ *= size;
    if (size == 1) return;
    bool merges = true;
    for (int i = 0; i < N; ++i) merges &= steps_[rank_ - 1][i] == size * steps[i];
    if (sizes_[rank_ - 1] != 1 && !merges) sizes_[rank_++] = 1;
    sizes_[rank_ - 1] *= size;
    for (int i = 0; i < N; ++i) steps_[rank_ - 1][i] = steps[i];
  }

  int64_t count() const { return count_; }
  int rank() const { return rank_; }
  // The last merged axis: how long it is and how far operand i moves along it.
  int64_t run() const { return sizes_[rank_ - 1]; }
  int64_t step(int i) const { return steps_[rank_ - 1][i]; }

  // Calls f(offsets, points, number): `points` neighbours along the last axis, the first of them at the offsets,
  // which is point `number`.
  template <class F>
  void for_runs(int64_t begin, int64_t end, const F& f) const {
    if (begin >= end) return;
    int64_t position[kMaxRank] = {};
    Offsets offsets = {};
    seek(begin, position, offsets);
    const int last = rank_ - 1;
    while (true) {
      const int64_t points = std::min(sizes_[last] - position[last], end - begin);
      f(offsets, points, begin);
      begin += points;
      if (begin >= end) return;
      for (int i = 0; i < N; ++i) offsets[i] -= position[last] * steps_[last][i];
      position[last] = 0;
      advance(position, offsets);
    }
  }

  // Calls f(offsets, number) at every point.
  template <class F>
  void for_points(int64_t begin, int64_t end, const F& f) const {
    for_runs(begin, end, [&](const Offsets& start, int64_t points, int64_t number) {
      Offsets offsets;
      for (int i = 0; i < N; ++i) offsets[i] = start[i];
      for (int64_t p = 0; p < points; ++p) {
        f(offsets, number + p);
        for (int i = 0; i < N; ++i) offsets[i] += step(i);
      }
    });
  }

 private:
  void seek(int64_t point, int64_t* position, Offsets& offsets) const {
    for (int axis = rank_ - 1; axis >= 0 && point > 0; --axis) {
      position[axis] = point % sizes_[axis];
      point /= sizes_[axis];
      for (int i = 0; i < N; ++i) offsets[i] += position[axis] * steps_[axis][i];
    }
  }

  void advance(int64_t* position, Offsets& offsets) const {
    for (int axis = rank_ - 2; axis >= 0; --axis) {
      for (int i = 0; i < N; ++i) offsets[i] += steps_[axis][i];
      if (++position[axis] < sizes_[axis]) return;
      for (int i = 0; i < N; ++i) offsets[i] -= sizes_[axis] * steps_[axis][i];
      position[axis] = 0;
    }
  }

  int rank_ = 1;
  int64_t count_ = 1;
  int64_t sizes_[kMaxRank] = {1};
  int64_t steps_[kMaxRank][N] = {};
};

// All axes but `axis` (-1: all axes) of the shape.
template <int N>
Walk<N> walk_lines(const Shape& shape, int64_t axis, const Dims* const (&strides)[N]) {
  return Walk<N>(shape, 0, shape.size(), static_cast<int>(axis), strides);
}

// Visits the pairs (point of `outer`, number below `inner_count`) in parallel, the second fastest:
// f(offsets of the point, begin, end).
template <int N, class F>
void for_pairs(const Walk<N>& outer, int64_t inner_count, int64_t grain, const F& f) {
  parallel_for(outer.count() * inner_count, grain, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t point = begin / inner_count, first = point * inner_count;
      const int64_t stop = std::min(end, first + inner_count);
      outer.for_points(point, point + 1,
                       [&](const int64_t(&at)[N], int64_t) { f(at, begin - first, stop - first); });
      begin = stop;
    }
  });
}

// The operands of one item of a launch.
struct Item {
  int32_t index;
  const graph::Operand* inputs;
  const graph::Operand* outputs;
  int input_count, output_count;
};

inline Item launch_item(const graph::Launch& launch, int32_t index) {
  const int inputs = static_cast<int>(launch.inputs.size()) / launch.items;
  const int outputs = static_cast<int>(launch.outputs.size()) / launch.items;
  return {index, launch.inputs.data() + index * inputs, launch.outputs.data() + index * outputs, inputs, outputs};
}

template <class F>
void for_items(const graph::Launch& launch, const F& f) {
  for (int32_t index = 0; index < launch.items; ++index) f(launch_item(launch, index));
}

inline int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

// The line's work below which one more thread does not pay, as a grain for parallel_for over lines.
inline int64_t line_grain(int64_t work_a_line, int64_t minimum = 32768) {
  return std::max<int64_t>(1, minimum / std::max<int64_t>(1, work_a_line));
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_WALK_H_
