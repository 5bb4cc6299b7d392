// What a case computes, in this library's terms.
#ifndef NNGPU_BENCH_GPU_OPERATIONS_H_
#define NNGPU_BENCH_GPU_OPERATIONS_H_

#include <functional>
#include <string>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::bench {

// Builds the results from one set of inputs; nothing is computed yet, unless the operation replays a plan.
using Operation = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

// `checked`: errors of values are thrown, which waits for the device. Throws ValueError for an unknown name.
Operation make_operation(const std::string& name, bool checked);

}  // namespace nngpu::bench

#endif  // NNGPU_BENCH_GPU_OPERATIONS_H_
