// Concatenation: a strided copy an input, or one kernel for many inputs that are alike.
#include <algorithm>

#include "backend/gpu/launches.h"
#include "backend/gpu/launches/loop.h"

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
  if (numel(x.shape) == 0) return;
  const StridedLoop loop(x.shape, x.strides, out.strides);
  Addresses addresses{};
  for (size_t i = 0; i < count; ++i)
    addresses.at[i] = reinterpret_cast<uint64_t>(context.at(launch.inputs[first + i]));
  const std::string definitions =
      std::string("#define ELEMENT ") + bits_type(dtype_size(x.dtype)) + "\n" + loop.definitions();
  Arguments arguments;
  arguments.value(addresses).buffer(to);
  loop.add_to(arguments);
  arguments.value(part_step);
  const auto blocks = static_cast<uint32_t>(std::clamp<int64_t>((loop.count() + 255) / 256, 1, 1024));
  gpu.launch(gpu.library().kernel("concat", "join", definitions), {blocks, static_cast<uint32_t>(count), 1},
             {256, 1, 1}, arguments);
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
    if (alike > 2) {
      join_parts(gpu, launch, context, i, alike, step, to);
    } else {
      alike = 1;
      BufferPtr holder;
      const char* from = gpu.address(x, context, holder);
      copy_strided(gpu, size, x.shape, from, x.strides, to, out.strides);
    }
    to += static_cast<int64_t>(alike) * step * static_cast<int64_t>(size);
    i += alike;
  }
}

}  // namespace nngpu::gpu
