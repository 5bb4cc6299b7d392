// scatter_add on its operands, in three ways.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_SCATTER_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_SCATTER_H_

#include <string>

#include "backend/gpu/launches.h"

namespace nngpu::gpu {

// `struct Loop` of kernels/scatter.kl: steps in the sums, the indices, and the updates.
struct ScatterLoop {
  Shape size;
  Dims to, at, from;
  void add_axis(const graph::Operand& out, const graph::Operand& indices, const graph::Operand& updates, int axis);
  void finish();  // merges axes; at least one remains
  void add_to(Arguments& arguments) const;
};

struct Scatter {
  GpuBackend& gpu;
  const graph::Operand &x, &indices, &updates, &out;
  int axis;
  const char *x_data = nullptr, *index_data = nullptr, *update_data = nullptr;
  char* sums = nullptr;          // in the layout of the output
  const char* status = nullptr;  // of the check of the indices

  bool is_half() const { return out.dtype == DType::F16 || out.dtype == DType::BF16; }
  bool is_atomic() const { return out.dtype == DType::I32 || out.dtype == DType::I64; }

  void start() const;           // x to the sums
  void add() const;             // the updates
  void finish(char* to) const;  // the sums to the output

 private:
  void add_atomic() const;  // integers, which wrap: in any order
  void add_owned() const;   // few updates: every owner of sums looks at all of them
  void add_sorted() const;  // many updates: sorted by index first (scatter_sorted.cpp)
  std::string definitions(int rank) const;
  void launch(const char* name, int rank, int64_t count, const Arguments& arguments) const;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_SCATTER_H_
