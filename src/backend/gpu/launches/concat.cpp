// Concatenation: one strided copy an input.
#include "backend/gpu/launches.h"

namespace nngpu::gpu {

void run_concat(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const int64_t axis = launch.params.as<graph::AxisParams>().axis;
  const graph::Operand& out = launch.outputs[0];
  const size_t size = dtype_size(out.dtype);
  char* to = context.at(out);
  for (const graph::Operand& x : launch.inputs) {
    BufferPtr holder;
    const char* from = gpu.address(x, context, holder);
    copy_strided(gpu, size, x.shape, from, x.strides, to, out.strides);
    to += x.shape[axis] * out.strides[axis] * static_cast<int64_t>(size);
  }
}

}  // namespace nngpu::gpu
