// Inputs by a formula, so that every process computes on the same numbers without exchanging them.
#ifndef NNGPU_BENCH_GPU_DATA_H_
#define NNGPU_BENCH_GPU_DATA_H_

#include "cases.h"
#include "nngpu/tensor.h"

namespace nngpu::bench {

// Input number `input` of set number `set`. Element i of it is u(i) = (hash(i + seed) >> 8) / 2^23 - 1, which f32
// holds exactly, where seed tells sets and inputs apart; data.py computes the same.
Tensor make_input(const GpuCase& c, size_t input, int64_t set, Device device);

}  // namespace nngpu::bench

#endif  // NNGPU_BENCH_GPU_DATA_H_
