#include "backend/gpu/launches/stack.h"

#include <algorithm>

#include "backend/gpu/launches/loop.h"

namespace nngpu::gpu {
namespace {

using stacks::is_stacked, stacks::stack_strides;

// As many addresses as fit a kernel's arguments (4 KB everywhere).
constexpr int32_t kAddresses = 256;
struct Addresses {
  uint64_t at[kAddresses];
};

// Copies between the items' operands and a stack. Items have one shape and one set of strides, so a launch copies
// hundreds of them.
void copy_items(GpuBackend& gpu, const std::vector<graph::Operand>& operands, int position, int32_t items,
                const RunContext& context, Entry kind, const Stack& stack, bool transposed, bool into_stack) {
  const auto per_item = static_cast<int32_t>(operands.size()) / items;
  const graph::Operand& first = operands[position];
  if (numel(first.shape) == 0) return;
  const size_t size = dtype_size(first.dtype);
  Dims strides = first.strides;
  if (transposed) std::swap(strides[strides.size() - 2], strides[strides.size() - 1]);
  // Square matrices only are transposed, so the shape stays.
  const StridedLoop loop(first.shape, strides, stack_strides(first.shape, kind));
  const KernelHandle kernel =
      gpu.library().kernel("copy", into_stack ? "items_to_stack" : "stack_to_items",
                           "#define T " + std::string(bits_type(size)) + "\n" + loop.definitions());
  const auto item_bytes = static_cast<int64_t>(size) * stack.item_entries * stack.entry_size();
  std::vector<BufferPtr> holders(static_cast<size_t>(items));  // of constants
  for (int32_t begin = 0; begin < items; begin += kAddresses) {
    const int32_t count = std::min(kAddresses, items - begin);
    Addresses addresses{};
    for (int32_t i = 0; i < count; ++i)
      addresses.at[i] = reinterpret_cast<uint64_t>(
          gpu.address(operands[(begin + i) * per_item + position], context, holders[begin + i]));
    Arguments arguments;
    arguments.addresses(addresses).buffer(stack.data + begin * item_bytes);
    loop.add_to(arguments);
    const auto blocks = static_cast<uint32_t>(std::clamp<int64_t>((loop.count() + 255) / 256, 1, 1024));
    gpu.launch(kernel, {blocks, static_cast<uint32_t>(count), 1}, {256, 1, 1}, arguments);
  }
}

}  // namespace

Stack stack_shape(const graph::Operand& operand, Entry kind, int32_t items) {
  Stack stack;
  stack.dtype = operand.dtype;
  const int rank = operand.shape.size(), tail = static_cast<int>(kind);
  if (kind != Entry::Number) stack.rows = operand.shape[rank - tail];
  if (kind == Entry::Matrix) stack.columns = operand.shape[rank - 1];
  for (int i = 0; i < rank - tail; ++i) stack.item_entries *= operand.shape[i];
  stack.entries = stack.item_entries * items;
  return stack;
}

Stack own_stack(GpuBackend& gpu, const graph::Operand& operand, Entry kind, int32_t items) {
  Stack stack = stack_shape(operand, kind, items);
  stack.holder = gpu.pool().allocate(static_cast<size_t>(stack.bytes()));
  stack.data = stack.holder->data;
  return stack;
}

void fill_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind,
                const Stack& stack, bool transposed) {
  copy_items(gpu, launch.inputs, position, launch.items, context, kind, stack, transposed, true);
}

Stack copied_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind,
                   bool transposed) {
  Stack stack = own_stack(gpu, launch.inputs[position], kind, launch.items);
  fill_stack(gpu, launch, context, position, kind, stack, transposed);
  return stack;
}

Stack input_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind) {
  const graph::Operand& x = launch.inputs[position];
  if (launch.items != 1 || x.constant || !is_stacked(x, kind))
    return copied_stack(gpu, launch, context, position, kind);
  Stack stack = stack_shape(x, kind, 1);
  stack.data = context.at(x);
  stack.direct = true;
  return stack;
}

Stack output_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind) {
  const graph::Operand& out = launch.outputs[position];
  if (launch.items != 1 || !is_stacked(out, kind)) return own_stack(gpu, out, kind, launch.items);
  Stack stack = stack_shape(out, kind, 1);
  stack.direct = true;
  stack.data = context.at(out);
  return stack;
}

void store_stack(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position, Entry kind,
                 const Stack& stack, bool transposed) {
  if (stack.direct) return;
  copy_items(gpu, launch.outputs, position, launch.items, context, kind, stack, transposed, false);
}

}  // namespace nngpu::gpu
