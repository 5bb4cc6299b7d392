// The cases of the benchmark on a GPU: what is computed, on which data, and how fast it should be. run.py reads
// the table as JSON (--list) and builds the peers from it, so this is the only place where a case is written down.
#ifndef NNGPU_BENCH_GPU_CASES_H_
#define NNGPU_BENCH_GPU_CASES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "nngpu/dtype.h"
#include "nngpu/shape.h"

namespace nngpu::bench {

// How an input is filled; data.h has the formula.
enum class Fill {
  Uniform,    // in [-1, 1)
  Symmetric,  // the same, and symmetric
  Positive,   // the same with n added to the diagonal: symmetric positive definite
};

struct Input {
  Shape shape;
  Fill fill = Fill::Uniform;
};

struct GpuCase {
  std::string group;      // lines of the report are grouped by it
  std::string name;       // "matmul f16 1024": unique
  std::string operation;  // "matmul": which function of operations.h
  DType dtype = DType::F32;
  bool tf32 = false;       // products may round their factors to tf32
  bool unchecked = false;  // there is a form that does not look for errors of values, timed as well
  std::vector<Input> inputs;
  int64_t sets = 2;         // of inputs, which rotate; together larger than the device's caches
  double bytes = 0;         // that must be moved, for the floor by bandwidth
  double flops = 0;         // that must be computed, for the floor by the matmul rate
  double target = 0;        // the ratio to the best peer to reach; 0: none
  double share_target = 0;  // the share of the floor to reach; 0: none
  int64_t kernels = 0;      // that one run must launch, where the case is about that; 0: any
  double allowed = 0;       // seconds one run may take; 0: any
  bool quick = false;       // part of a quick run
};

// `scale` divides sizes and counts, for a look at the machinery where there is no GPU.
std::vector<GpuCase> make_cases(int64_t scale);

// Part of make_cases().
void add_convolutions(std::vector<GpuCase>& cases, int64_t scale);

// The table as a line of JSON a case.
std::string to_json(const GpuCase& c);

}  // namespace nngpu::bench

#endif  // NNGPU_BENCH_GPU_CASES_H_
