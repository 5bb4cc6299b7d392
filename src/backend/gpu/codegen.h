// Kernels generated from the tapes of fused elementwise work and of the reductions that end it.
#ifndef NNGPU_BACKEND_GPU_CODEGEN_H_
#define NNGPU_BACKEND_GPU_CODEGEN_H_

#include <string>

#include "graph/launch.h"

namespace nngpu::gpu {

// The dialect's names of a dtype: as it lies in memory, and as a chain computes it.
const char* storage_type(DType dtype);
const char* value_type(DType dtype);
// The dialect's suffix of casts to a dtype: to_f32, ...
const char* dtype_suffix(DType dtype);

// How a kernel runs over a loop.
struct LoopForm {
  bool wide = false;  // 64-bit offsets
  // 0: any strides; else every operand is contiguous or one element along the innermost axis, read `pack` at a
  // time; of several axes the innermost is a multiple of that.
  int pack = 0;
};

// Kernel `chain`. Arguments: the inputs (constants by value), the outputs, Loop, and the number of elements.
std::string elementwise_text(const graph::Launch& launch, const LoopForm& form);

// Kernel `chain_items`: items of one tape, each a contiguous run of its own length. Arguments: numbers, which the
// items share, by value, then `struct Items`, as pack_items() writes it. A block works on one item.
std::string items_text(const graph::Launch& launch, const LoopForm& form);
// How many items a launch of that kernel takes.
int items_capacity(const graph::Launch& launch);

// What a product's kernel (kernels/matmul_parts.kl) does with each result besides: the chain of launch.tape, whose
// load `product` is the result. Its operands follow the kernel's from `first` on: inputs but for that load,
// outputs, Loop. `store`: whether the product's own result is stored.
std::string chain_text(const graph::Launch& launch, size_t product, bool wide, bool store, int first);

// Kernels `rows` (a block for each result) and `columns` (a thread for each): the inputs, then of each reduction
// the partial results, [split][result], or with `direct` the outputs; then Loop, results, length of a reduction,
// elements a split takes, and with `direct` what each variance is divided by. Kernel `combine`: partial results,
// outputs, Loop, results, splits, lanes that share a result, and those divisors.
std::string reduce_text(const graph::Launch& launch, const LoopForm& form, bool direct);
// With packs along an innermost axis that is kept, `tiles` instead of the two: blocks of kTileThreads threads (x,
// y) take x packs of results, y rows at a time; y is a power of two.
constexpr int kTileThreads = 256;
// How many packs of so many elements a thread of `rows` adds at once.
int packs_at_once(int pack);

// How many values of the compute type a partial result is.
int accumulator_values(graph::Reduction code, DType value);
// struct Acc and its functions: acc_start, acc_add, acc_add_pack of Elements<COUNT>, acc_merge, and ACC_REDUCE of
// a subgroup. All these names end in the suffix.
std::string accumulator_text(graph::Reduction code, DType value, const std::string& suffix);

// The bytes of `struct Loop`: sizes and strides of the axes, of every operand.
std::string loop_bytes(const Shape& shape, const std::vector<graph::Operand>& inputs,
                       const std::vector<graph::Operand>& outputs, bool wide);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_CODEGEN_H_
