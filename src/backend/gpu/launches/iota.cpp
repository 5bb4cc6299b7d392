// Arithmetic sequences.
#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"

namespace nngpu::gpu {
namespace {

std::string iota_definitions(DType dtype, bool in_memory) {
  std::string definitions = std::string("#define ELEMENT ") + storage_type(dtype) + "\n";
  if (dtype == DType::F64)
    definitions += "#define FORM 2\n";
  else if (is_floating(dtype))
    definitions += "#define FORM 1\n";
  else
    definitions += std::string("#define FORM 0\n#define WORD ") +
                   (dtype == DType::I64   ? "u64"
                    : dtype == DType::I32 ? "u32"
                                          : "u8") +
                   "\n";
  if (in_memory) definitions += "#define IN_MEMORY\n";
  return definitions;
}

}  // namespace

void run_iota(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const graph::Operand &start = launch.inputs[0], &step = launch.inputs[1], &out = launch.outputs[0];
  const int64_t count = numel(out.shape);
  if (count == 0) return;
  const bool in_memory = !start.constant || !step.constant;
  const size_t size = dtype_size(out.dtype);
  BufferPtr start_holder, step_holder;
  Arguments arguments;
  if (in_memory)
    arguments.buffer(gpu.address(start, context, start_holder)).buffer(gpu.address(step, context, step_holder));
  else
    arguments.number(context.at(start), size).number(context.at(step), size);
  arguments.buffer(context.at(out)).value(out.strides[0]).value(count);
  gpu.launch(gpu.library().kernel("iota", "iota", iota_definitions(out.dtype, in_memory)),
             {gpu.blocks_for(count, 256), 1, 1}, {256, 1, 1}, arguments);
}

}  // namespace nngpu::gpu
