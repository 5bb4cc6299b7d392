// Strided copies.
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/extent.h"
#include "graph/layout.h"

namespace nngpu::gpu {

void copy_strided(GpuBackend& gpu, size_t element_size, const Shape& shape, const char* from,
                  const Dims& from_strides, char* to, const Dims& to_strides) {
  if (numel(shape) == 0) return;
  Shape sizes = shape;
  Dims source = from_strides, target = to_strides, classes = Dims::filled(shape.size(), 0);
  graph::collapse(sizes, {&source, &target}, classes);
  const bool plain = sizes.size() == 0 || (sizes.size() == 1 && source[0] == 1 && target[0] == 1);
  if (plain) return gpu.runtime().copy(to, from, element_size * static_cast<size_t>(numel(sizes)));
  const bool wide = numel(sizes) >= (int64_t{1} << 30) || reach(sizes, source) >= (int64_t{1} << 30) ||
                    reach(sizes, target) >= (int64_t{1} << 30);
  static constexpr const char* kTypes[] = {"u8", "u8", "u16", "u32", "u32", "u64", "u64", "u64", "u64"};
  const std::string definitions = std::string("#define T ") + kTypes[element_size] + "\n#define RANK " +
                                  std::to_string(sizes.size()) + "\n#define INDEX " + (wide ? "i64" : "i32") +
                                  "\n";
  Arguments arguments;
  arguments.buffer(from).buffer(to);
  std::string loop;
  const auto put = [&](int64_t value) {
    const auto narrow = static_cast<int32_t>(value);
    loop.append(wide ? reinterpret_cast<const char*>(&value) : reinterpret_cast<const char*>(&narrow),
                wide ? 8 : 4);
  };
  for (const Dims* list : {&sizes, &source, &target})
    for (int64_t value : *list) put(value);
  arguments.bytes(loop.data(), loop.size());
  add_index(arguments, numel(sizes), wide);
  gpu.launch(gpu.library().kernel("copy", "copy_strided", definitions), {gpu.blocks_for(numel(sizes), 256), 1, 1},
             {256, 1, 1}, arguments);
}

void run_copy(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const graph::Operand &in = launch.inputs[0], &out = launch.outputs[0];
  BufferPtr holder;
  const char* from = gpu.address(in, context, holder);
  copy_strided(gpu, dtype_size(in.dtype), in.shape, from, in.strides, context.at(out), out.strides);
}

}  // namespace nngpu::gpu
