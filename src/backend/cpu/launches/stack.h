// Stacks: the matrices (column-major), vectors or numbers of one operand position, of all items and batches of a
// launch, one after another without gaps. Decompositions run on a stack, or a part of one, in one call.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_STACK_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_STACK_H_

#include <algorithm>

#include "backend/cpu/lapack.h"
#include "backend/cpu/launches.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "backend/cpu/launches/walk.h"
#include "backend/stack_layout.h"

namespace nngpu::cpu {

using stacks::Entry, stacks::is_stacked, stacks::stack_strides;

template <class T>
struct Stack {
  T* data = nullptr;
  int64_t rows = 1, columns = 1;  // of an entry
  int64_t item_entries = 1;       // entries of one item
  int64_t entries = 1;            // of all items
  int64_t first = 0;              // of a part: the number of its first entry
  bool direct = false;            // lies in the operand itself
  bool streamed = false;          // goes to the operand past the caches

  int64_t entry_size() const { return rows * columns; }
  T* entry(int64_t i) const { return data + i * entry_size(); }
  Stack part(int64_t begin, int64_t end) const {
    Stack part = *this;
    if (data != nullptr) part.data = entry(begin);
    part.first = first + begin;
    part.entries = end - begin;
    return part;
  }
  Batch<T> batch() const { return {data, std::max<int64_t>(1, rows), entry_size()}; }
  Batch<const T> const_batch() const { return {data, std::max<int64_t>(1, rows), entry_size()}; }
};

template <class T>
Stack<T> stack_shape(const graph::Operand& x, Entry kind, int32_t items) {
  Stack<T> stack;
  const int rank = x.shape.size(), tail = static_cast<int>(kind);
  if (kind != Entry::Number) stack.rows = x.shape[rank - tail];
  if (kind == Entry::Matrix) stack.columns = x.shape[rank - 1];
  for (int i = 0; i < rank - tail; ++i) stack.item_entries *= x.shape[i];
  stack.entries = stack.item_entries * items;
  return stack;
}

template <class T>
char* item_bytes(const Stack<T>& stack, int32_t item) {
  return const_cast<char*>(
      reinterpret_cast<const char*>(stack.data + item * stack.item_entries * stack.entry_size()));
}

// Copies input `position` of every item into the stack, which has its shape.
template <class T>
void fill_stack(const Launch& launch, const RunContext& context, int position, Entry kind, const Stack<T>& stack) {
  for_items(launch, [&](const Item& item) {
    const graph::Operand& x = item.inputs[position];
    copy_strided(sizeof(T), x.shape, context.at(x), x.strides, item_bytes(stack, item.index),
                 stack_strides(x.shape, kind));
  });
}

// A stack to overwrite, filled with input `position`.
template <class T>
Stack<T> copied_stack(const Launch& launch, const RunContext& context, int position, Entry kind,
                      ScratchFrame& scratch) {
  Stack<T> stack = stack_shape<T>(launch.inputs[position], kind, launch.items);
  stack.data = scratch.get<T>(stack.entries * stack.entry_size());
  fill_stack(launch, context, position, kind, stack);
  return stack;
}

// A stack to read: the input itself where it is one.
template <class T>
Stack<T> input_stack(const Launch& launch, const RunContext& context, int position, Entry kind,
                     ScratchFrame& scratch) {
  const graph::Operand& x = launch.inputs[position];
  if (launch.items != 1 || !is_stacked(x, kind)) return copied_stack<T>(launch, context, position, kind, scratch);
  Stack<T> stack = stack_shape<T>(x, kind, 1);
  stack.data = context.at<T>(x);
  stack.direct = true;
  return stack;
}

// A stack to write: the output itself where it is one, else memory that store_stack copies out.
template <class T>
Stack<T> output_stack(const Launch& launch, const RunContext& context, int position, Entry kind,
                      ScratchFrame& scratch) {
  const graph::Operand& out = launch.outputs[position];
  Stack<T> stack = stack_shape<T>(out, kind, launch.items);
  stack.direct = launch.items == 1 && is_stacked(out, kind);
  stack.data = stack.direct ? context.at<T>(out) : scratch.get<T>(stack.entries * stack.entry_size());
  return stack;
}

template <class T>
void store_stack(const Launch& launch, const RunContext& context, int position, Entry kind,
                 const Stack<T>& stack) {
  if (stack.direct) return;
  for_items(launch, [&](const Item& item) {
    const graph::Operand& out = item.outputs[position];
    copy_strided(sizeof(T), out.shape, item_bytes(stack, item.index), stack_strides(out.shape, kind),
                 context.at(out), out.strides);
  });
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_STACK_H_
