// Padding.
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/index_words.h"
#include "backend/gpu/launches/loop.h"

namespace nngpu::gpu {
namespace {

// The axes of a padding, neighbours without a border merged.
struct PadAxes {
  Dims size, before, inner, from, to;

  void add(int64_t out_size, int64_t border, int64_t in_size, int64_t in_step, int64_t out_step) {
    const int last = size.size() - 1;
    const bool plain = out_size == in_size;
    if (last >= 0 && plain && size[last] == inner[last] && from[last] == in_size * in_step &&
        to[last] == out_size * out_step) {
      size[last] *= out_size;
      inner[last] *= in_size;
      from[last] = in_step;
      to[last] = out_step;
      return;
    }
    size.push_back(out_size);
    before.push_back(border);
    inner.push_back(in_size);
    from.push_back(in_step);
    to.push_back(out_step);
  }
};

}  // namespace

void run_pad(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::PadParams>();
  const graph::Operand &x = launch.inputs[0], &value = launch.inputs[1], &out = launch.outputs[0];
  const int64_t count = numel(out.shape);
  if (count == 0) return;
  PadAxes axes;
  for (int k = 0; k < x.shape.size(); ++k)
    axes.add(out.shape[k], params.before[k], x.shape[k], x.strides[k], out.strides[k]);
  if (axes.size.size() == 0) axes.add(1, 0, 1, 0, 0);
  const bool wide = count >= kWideReach || reach(out.shape, x.strides) >= kWideReach ||
                    reach(out.shape, out.strides) >= kWideReach;

  std::string definitions = index_definitions(axes.size.size(), wide);
  definitions += std::string("#define ELEMENT ") + bits_type(dtype_size(x.dtype)) + "\n";
  const auto mode = static_cast<PadMode>(params.mode);
  definitions += mode == PadMode::Constant  ? "#define MODE 0\n"
                 : mode == PadMode::Reflect ? "#define MODE 1\n"
                                            : "#define MODE 2\n";
  if (!value.constant) definitions += "#define VALUE_IN_MEMORY\n";
  BufferPtr holder;
  Arguments arguments;
  arguments.buffer(gpu.address(x, context, holder)).buffer(context.at(out));
  if (value.constant)
    arguments.number(context.at(value), dtype_size(value.dtype));
  else
    arguments.buffer(context.at(value));
  IndexWords loop(wide);
  loop.add(axes.size).add(axes.before).add(axes.inner).add(axes.from).add(axes.to).to(arguments);
  add_index(arguments, count, wide);
  gpu.launch(gpu.library().kernel("pad", "pad", definitions), {gpu.blocks_for(count, 256), 1, 1}, {256, 1, 1},
             arguments);
}

}  // namespace nngpu::gpu
