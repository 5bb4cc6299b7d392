// Sorts of all lines of an operand, or of their first elements in order.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_SORT_LINES_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_SORT_LINES_H_

#include <string>

#include "backend/gpu/launches.h"

namespace nngpu::gpu {

// struct Problem of kernels/sort.kl.
struct SortArguments {
  int64_t n, x_step, value_step, index_step;
  int64_t lines, first_line;
  int64_t tiles, width, rows;
  int64_t keep;
  int64_t across;
  int64_t descending;
  int64_t rank;
  int64_t size[7], x_at[7], value_at[7], index_at[7];
};

class LineSort {
 public:
  LineSort(GpuBackend& gpu, const RunContext& context, const graph::Operand& x, const graph::Operand& values,
           const graph::Operand& indices, int axis, bool descending);
  // The first `keep` elements of every line, in order.
  void run(int64_t keep);

 private:
  // Keys and positions of a part of the lines.
  struct Entries {
    BufferPtr keys, positions;
  };
  Entries allocate(int64_t count) const;
  void define(const graph::Operand& x);
  void set_lines(const graph::Operand& x, const graph::Operand& values, const graph::Operand& indices, int axis);
  void sort_group(int64_t keep);
  void select_group(int64_t keep);
  int64_t select_chunks(int64_t keep, Entries& candidates);
  void tiles(int64_t n, int64_t keep, const Entries& from, const Entries& to, bool last);
  void merge(int64_t length, int64_t keep, const Entries& from, const Entries& to, bool last);
  Arguments arguments(const SortArguments& p, const Entries& from, const Entries& to) const;
  KernelHandle sort_kernel(const char* name, bool from_keys, bool last) const;
  KernelHandle kernel(const char* file, const char* name, const std::string& more) const;

  GpuBackend& gpu_;
  BufferPtr holder_;
  const char* x_;
  char *values_, *indices_;
  SortArguments p_{};
  int64_t all_lines_ = 0;
  size_t key_size_ = 4, position_size_ = 4;
  std::string definitions_;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_SORT_LINES_H_
