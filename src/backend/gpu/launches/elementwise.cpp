// Fused elementwise work, by generated kernels.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/elementwise_items.h"
#include "backend/gpu/launches/extent.h"
#include "backend/gpu/launches/packs.h"

namespace nngpu::gpu {
namespace {

constexpr uint32_t kThreads = 256;

struct ElementwisePlan {
  LoopForm form;
  KernelHandle kernel = nullptr;
  std::string loop;
  int64_t count = 0;
};

bool runs_along(const graph::Operand& operand, int rank) { return rank == 0 || operand.strides[rank - 1] == 1; }

// Whether packs of `width` along the innermost of several axes start at multiples of it everywhere.
bool has_packed_rows(const Launch& launch, int width) {
  const int rank = launch.tape->shape.size();
  if (launch.tape->shape[rank - 1] % width != 0) return false;
  const auto fits = [&](const graph::Operand& operand) {
    for (int k = 0; is_packed(operand) && k < rank - 1; ++k)
      if (operand.strides[k] % width != 0) return false;
    return true;
  };
  return std::all_of(launch.inputs.begin(), launch.inputs.end(), fits) &&
         std::all_of(launch.outputs.begin(), launch.outputs.end(), fits);
}

// The width of packs; 0 where an operand is neither contiguous nor one element along the innermost axis.
int chain_pack(const Launch& launch) {
  const int rank = launch.tape->shape.size();
  for (const graph::Operand& input : launch.inputs)
    if (is_packed(input) && !runs_along(input, rank)) return 0;
  for (const graph::Operand& output : launch.outputs)
    if (!runs_along(output, rank)) return 0;
  const int width = pack_width(launch.inputs, launch.outputs);
  return rank > 1 && (width == 1 || !has_packed_rows(launch, width)) ? 0 : width;
}

KernelHandle chain_kernel(GpuBackend& gpu, const Launch& launch, const LoopForm& form) {
  return gpu.library().generated(elementwise_text(launch, form), "chain");
}

}  // namespace

void prepare_elementwise(GpuBackend& gpu, Launch& launch) {
  if (launch.items > 1) return prepare_elementwise_items(gpu, launch);
  auto plan = std::make_shared<ElementwisePlan>();
  plan->count = numel(launch.tape->shape);
  plan->form.wide = needs_wide_offsets(launch.tape->shape, launch.inputs, launch.outputs);
  plan->form.pack = chain_pack(launch);
  plan->loop = loop_bytes(launch.tape->shape, launch.inputs, launch.outputs, plan->form.wide);
  if (plan->count > 0) plan->kernel = chain_kernel(gpu, launch, plan->form);
  launch.prepared = std::move(plan);
}

void run_elementwise(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  if (launch.items > 1) return run_elementwise_items(gpu, launch, context);
  const auto& plan = *static_cast<const ElementwisePlan*>(launch.prepared.get());
  if (plan.count == 0) return;
  KernelHandle kernel = plan.kernel;
  int width = std::max(1, plan.form.pack);
  if (width > 1 && !packs_are_aligned(launch, context, width)) {
    kernel = chain_kernel(gpu, launch, {plan.form.wide, launch.tape->shape.size() > 1 ? 0 : 1});
    width = 1;
  }
  Arguments arguments;
  for (const graph::Operand& input : launch.inputs) {
    if (input.constant)
      arguments.number(context.at(input), dtype_size(input.dtype));
    else
      arguments.buffer(context.at(input));
  }
  for (const graph::Operand& output : launch.outputs) arguments.buffer(context.at(output));
  arguments.bytes(plan.loop.data(), plan.loop.size());
  add_index(arguments, plan.count, plan.form.wide);
  gpu.launch(kernel, {gpu.blocks_for((plan.count + width - 1) / width, kThreads), 1, 1}, {kThreads, 1, 1},
             arguments);
}

}  // namespace nngpu::gpu
