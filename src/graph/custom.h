// Custom operations: the kernels that programs define, and the calls of them, as numbers that nodes can hold.
#ifndef NNGPU_GRAPH_CUSTOM_H_
#define NNGPU_GRAPH_CUSTOM_H_

#include "nngpu/kernel.h"

namespace nngpu::graph {

// Equal definitions, and equal calls, have equal numbers, so that plans of the same structure have the same key.
// What is registered stays: references are valid for good.
int64_t register_kernel(Kernel::Definition definition);
const Kernel::Definition& kernel_definition(int64_t id);
int64_t register_call(const Kernel::Call& call);
const Kernel::Call& kernel_call(int64_t id);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_CUSTOM_H_
