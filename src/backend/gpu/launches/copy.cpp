// Strided copies.
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/loop.h"

namespace nngpu::gpu {

void copy_strided(GpuBackend& gpu, size_t element_size, const Shape& shape, const char* from,
                  const Dims& from_strides, char* to, const Dims& to_strides) {
  if (numel(shape) == 0) return;
  const StridedLoop loop(shape, from_strides, to_strides);
  if (loop.is_contiguous()) return gpu.runtime().copy(to, from, element_size * static_cast<size_t>(loop.count()));
  Arguments arguments;
  arguments.buffer(from).buffer(to);
  loop.add_to(arguments);
  const std::string definitions = std::string("#define T ") + bits_type(element_size) + "\n" + loop.definitions();
  gpu.launch(gpu.library().kernel("copy", "copy_strided", definitions), {gpu.blocks_for(loop.count(), 256), 1, 1},
             {256, 1, 1}, arguments);
}

void run_copy(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const graph::Operand &in = launch.inputs[0], &out = launch.outputs[0];
  BufferPtr holder;
  const char* from = gpu.address(in, context, holder);
  copy_strided(gpu, dtype_size(in.dtype), in.shape, from, in.strides, context.at(out), out.strides);
}

}  // namespace nngpu::gpu
