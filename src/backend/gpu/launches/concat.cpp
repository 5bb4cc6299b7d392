// Concatenation: a copy an input, or one kernel for neighbouring inputs that are alike.
#include <algorithm>

#include "backend/gpu/launches.h"
#include "backend/gpu/launches/wide_elements.h"

namespace nngpu::gpu {
namespace {

// As many addresses as fit a kernel's arguments (4 KB everywhere).
constexpr size_t kAddresses = 256;
struct Addresses {
  uint64_t at[kAddresses];
};

bool is_alike(const graph::Operand& a, const graph::Operand& b) {
  return !b.constant && a.shape == b.shape && a.strides == b.strides;
}

// Inputs [first, first + count) of one shape and strides, to `to` and on.
void join_parts(GpuBackend& gpu, const Launch& launch, const RunContext& context, size_t first, size_t count,
                int64_t part_step, char* to) {
  const graph::Operand &x = launch.inputs[first], &out = launch.outputs[0];
  const StridedLoop merged(x.shape, x.strides, out.strides);
  Addresses addresses{};
  auto all_addresses = reinterpret_cast<uintptr_t>(to);
  for (size_t i = 0; i < count; ++i) {
    addresses.at[i] = reinterpret_cast<uint64_t>(context.at(launch.inputs[first + i]));
    all_addresses |= static_cast<uintptr_t>(addresses.at[i]);
  }
  Shape size = merged.size();
  Dims from_strides = merged.from(), to_strides = merged.to();
  const size_t element_size =
      widen_elements(dtype_size(x.dtype), size, {&from_strides, &to_strides}, {&part_step}, all_addresses);
  const StridedLoop loop(size, from_strides, to_strides);
  Arguments arguments;
  arguments.addresses(addresses).buffer(to);
  loop.add_to(arguments);
  arguments.value(part_step);
  const auto blocks = static_cast<uint32_t>(std::clamp<int64_t>((loop.count() + 255) / 256, 1, 1024));
  gpu.launch(gpu.library().kernel("concat", "join",
                                  "#define ELEMENT " + wide_bits_type(element_size) + "\n" + loop.definitions()),
             {blocks, static_cast<uint32_t>(count), 1}, {256, 1, 1}, arguments);
}

// A whole part in one piece of the output, or a number, is a copy.
bool is_copy(const graph::Operand& x, const graph::Operand& out) {
  return x.constant || StridedLoop(x.shape, x.strides, out.strides).is_contiguous();
}

}  // namespace

void run_concat(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const int64_t axis = launch.params.as<graph::AxisParams>().axis;
  const graph::Operand& out = launch.outputs[0];
  const size_t size = dtype_size(out.dtype);
  char* to = context.at(out);
  for (size_t i = 0; i < launch.inputs.size();) {
    const graph::Operand& x = launch.inputs[i];
    size_t alike = 1;
    while (!x.constant && alike < kAddresses && i + alike < launch.inputs.size() &&
           is_alike(x, launch.inputs[i + alike]))
      ++alike;
    const int64_t step = x.shape[axis] * out.strides[axis];
    if (alike <= 2 && is_copy(x, out)) {
      alike = 1;
      BufferPtr holder;
      const char* from = gpu.address(x, context, holder);
      copy_strided(gpu, size, x.shape, from, x.strides, to, out.strides);
    } else if (numel(x.shape) > 0) {
      join_parts(gpu, launch, context, i, alike, step, to);
    }
    to += static_cast<int64_t>(alike) * step * static_cast<int64_t>(size);
    i += alike;
  }
}

}  // namespace nngpu::gpu
