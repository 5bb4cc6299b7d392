// Strided copies.
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/loop.h"

namespace nngpu::gpu {
namespace {

constexpr int64_t kTile = 32;

std::string definitions(size_t element_size, int rank, bool wide) {
  return std::string("#define T ") + bits_type(element_size) + "\n#define RANK " + std::to_string(rank) +
         "\n#define INDEX " + (wide ? "i64" : "i32") + "\n";
}

// The axes that are contiguous where elements are read and where they are written, if they differ and are long
// enough for tiles; the others are batches.
struct Transposition {
  int read = -1, write = -1;
  explicit Transposition(const StridedLoop& loop) {
    for (int k = 0; k < loop.size().size(); ++k) {
      if (loop.from()[k] == 1) read = k;
      if (loop.to()[k] == 1) write = k;
    }
  }
  bool pays(const StridedLoop& loop) const {
    return read >= 0 && write >= 0 && read != write && loop.size()[read] >= 8 && loop.size()[write] >= 8;
  }
};

void copy_transposed(GpuBackend& gpu, size_t element_size, const StridedLoop& loop, const Transposition& axes,
                     const char* from, char* to) {
  Dims sizes, sources, targets;
  for (int k = 0; k < loop.size().size(); ++k) {
    if (k == axes.read || k == axes.write) continue;
    sizes.push_back(loop.size()[k]);
    sources.push_back(loop.from()[k]);
    targets.push_back(loop.to()[k]);
  }
  if (sizes.size() == 0) sizes.push_back(1), sources.push_back(0), targets.push_back(0);
  const int64_t p = loop.size()[axes.read], q = loop.size()[axes.write];
  const int64_t p_tiles = (p + kTile - 1) / kTile, q_tiles = (q + kTile - 1) / kTile, batches = numel(sizes);
  std::string bytes;
  const auto put = [&](int64_t value) {
    const auto narrow = static_cast<int32_t>(value);
    bytes.append(loop.wide() ? reinterpret_cast<const char*>(&value) : reinterpret_cast<const char*>(&narrow),
                 loop.wide() ? sizeof(value) : sizeof(narrow));
  };
  for (const int64_t value : {p, q, loop.from()[axes.write], loop.to()[axes.read], p_tiles, q_tiles, batches})
    put(value);
  for (const Dims* list : {&sizes, &sources, &targets})
    for (const int64_t value : *list) put(value);
  Arguments arguments;
  arguments.buffer(from).buffer(to).bytes(bytes.data(), bytes.size());
  gpu.launch(gpu.library().kernel("copy", "copy_transposed", definitions(element_size, sizes.size(), loop.wide())),
             {gpu.blocks_for(p_tiles * q_tiles * batches, 1), 1, 1}, {32, 8, 1}, arguments);
}

}  // namespace

void copy_strided(GpuBackend& gpu, size_t element_size, const Shape& shape, const char* from,
                  const Dims& from_strides, char* to, const Dims& to_strides) {
  if (numel(shape) == 0) return;
  const StridedLoop loop(shape, from_strides, to_strides);
  if (loop.is_contiguous()) return gpu.runtime().copy(to, from, element_size * static_cast<size_t>(loop.count()));
  const Transposition axes(loop);
  if (axes.pays(loop)) return copy_transposed(gpu, element_size, loop, axes, from, to);
  Arguments arguments;
  arguments.buffer(from).buffer(to);
  loop.add_to(arguments);
  const std::string text = definitions(element_size, loop.size().size(), loop.wide());
  gpu.launch(gpu.library().kernel("copy", "copy_strided", text), {gpu.blocks_for(loop.count(), 256), 1, 1},
             {256, 1, 1}, arguments);
}

void run_copy(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const graph::Operand &in = launch.inputs[0], &out = launch.outputs[0];
  BufferPtr holder;
  const char* from = gpu.address(in, context, holder);
  copy_strided(gpu, dtype_size(in.dtype), in.shape, from, in.strides, context.at(out), out.strides);
}

}  // namespace nngpu::gpu
