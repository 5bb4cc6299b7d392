// The gradient of softmax and its logarithm along any axis.
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/lines.h"

namespace nngpu::gpu {

void run_softmax_gradient(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::SoftmaxParams>();
  const graph::Operand &g = launch.inputs[0], &y = launch.inputs[1], &out = launch.outputs[0];
  if (numel(y.shape) == 0) return;
  BufferPtr holders[2];
  const char *from = gpu.address(g, context, holders[0]), *at = gpu.address(y, context, holders[1]);
  char* to = context.at(out);
  const Lines lines(y.shape, static_cast<int>(params.axis), y.dtype,
                    {{from, g.strides}, {at, y.strides}, {to, out.strides}});
  const bool columns = lines.are_columns();
  Lines::Form form = lines.form(2);
  if (columns) form = {32, 256, 1, 1, true};
  Arguments arguments;
  arguments.buffer(from).buffer(at).buffer(to);
  lines.add_to(arguments);
  const std::string text = lines.definitions(form) + "#define LOG " + (params.log != 0 ? "1" : "0") + "\n";
  const auto kernel = [&](const char* name) { return gpu.library().kernel("softmax_gradient", name, text); };
  if (!columns) return lines.run(gpu, kernel(form.fits ? "registers" : "longer"), form, arguments);
  const int64_t blocks = std::min<int64_t>(ceil_div(lines.count(), 32), int64_t{1} << 20);
  gpu.launch(kernel("columns"), {static_cast<uint32_t>(blocks), 1, 1}, {32, 8, 1}, arguments);
}

}  // namespace nngpu::gpu
