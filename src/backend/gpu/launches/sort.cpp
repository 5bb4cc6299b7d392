// sort: values and the indices they came from.
#include "backend/gpu/launches/sort_lines.h"

namespace nngpu::gpu {

void run_sort(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::SortParams>();
  const graph::Operand& x = launch.inputs[0];
  if (numel(x.shape) == 0) return;
  const int axis = static_cast<int>(params.axis);
  LineSort(gpu, context, x, launch.outputs[0], launch.outputs[1], axis, params.descending != 0).run(x.shape[axis]);
}

}  // namespace nngpu::gpu
