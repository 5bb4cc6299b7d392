// top_k: the first k of what sort gives, so NaN counts as last, and ties go to the lower index.
#include "backend/gpu/launches/sort_lines.h"

namespace nngpu::gpu {

void run_top_k(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::TopKParams>();
  if (numel(launch.outputs[0].shape) == 0) return;
  LineSort(gpu, context, launch.inputs[0], launch.outputs[0], launch.outputs[1], static_cast<int>(params.axis),
           params.largest != 0)
      .run(params.k);
}

}  // namespace nngpu::gpu
