// Stacks: the matrices (column-major), vectors or numbers of one operand position, of all items and batches of a
// launch, one after another without gaps in the device's memory. Decompositions run on a whole stack.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_STACK_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_STACK_H_

#include "backend/gpu/launches.h"
#include "backend/stack_layout.h"

namespace nngpu::gpu {

using stacks::Entry;

struct Stack {
  char* data = nullptr;
  DType dtype = DType::F32;
  int64_t rows = 1, columns = 1;  // of an entry
  int64_t item_entries = 1;       // entries of one item
  int64_t entries = 1;            // of all items
  bool direct = false;            // lies in the operand itself
  BufferPtr holder;               // otherwise: its memory
  int64_t entry_size() const { return rows * columns; }
  int64_t bytes() const { return entries * entry_size() * static_cast<int64_t>(dtype_size(dtype)); }
};

// The shape of the stack of an operand, without memory; and with memory of its own, not filled.
Stack stack_shape(const graph::Operand& operand, Entry kind, int32_t items);
Stack own_stack(GpuBackend& gpu, const graph::Operand& operand, Entry kind, int32_t items);

// A stack to read: the input itself where it is one, else a copy. `transposed` swaps the matrix axes.
Stack input_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind);
// A copy, which may be overwritten.
Stack copied_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind,
                   bool transposed = false);
// Copies input `position` of every item into a stack of its shape.
void fill_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind,
                const Stack& stack, bool transposed = false);
// A stack to write: the output itself where it is one, else memory that store_stack copies out.
Stack output_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind);
void store_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind,
                 const Stack& stack, bool transposed = false);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_STACK_H_
