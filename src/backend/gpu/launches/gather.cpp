// take and gather: one kernel. Each axis of the output steps through x, or the indices, or both.
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/index_check.h"
#include "backend/gpu/launches/index_words.h"
#include "backend/gpu/launches/wide_elements.h"

namespace nngpu::gpu {
namespace {

struct GatherLoop {
  Shape size;
  Dims from, at, to;
  int64_t axis_step = 0;  // of x
  size_t element_size = 1;

  void finish() {
    Dims classes = Dims::filled(size.size(), 0);
    graph::collapse(size, {&from, &at, &to}, classes);
    if (size.size() > 0) return;
    size.push_back(1);
    for (Dims* list : {&from, &at, &to}) list->push_back(0);
  }
  bool is_wide() const {
    return numel(size) >= kWideReach || reach(size, from) >= kWideReach || reach(size, at) >= kWideReach ||
           reach(size, to) >= kWideReach;
  }
  // What lies side by side in x and the output moves together.
  void widen(const char* x, const char* y) {
    if (at[size.size() - 1] != 0) return;
    const auto addresses = reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(y);
    element_size = widen_elements(element_size, size, {&from, &to}, {&axis_step}, addresses);
  }
};

void run_loop(GpuBackend& gpu, const char* operation, const Launch& launch, const RunContext& context,
              GatherLoop loop) {
  const auto axis = launch.params.as<graph::AxisParams>().axis;
  const graph::Operand &x = launch.inputs[0], &indices = launch.inputs[1], &out = launch.outputs[0];
  BufferPtr x_holder, indices_holder;
  const char* from = gpu.address(x, context, x_holder);
  const char* at = gpu.address(indices, context, indices_holder);
  char* to = context.at(out);
  const BufferPtr status = check_indices(gpu, operation, indices, at, axis, x.shape[axis], context);
  loop.axis_step = x.strides[axis];
  loop.element_size = dtype_size(x.dtype);
  loop.finish();
  loop.widen(from, to);

  const bool wide = loop.is_wide();
  const int64_t count = numel(loop.size);
  const std::string definitions =
      index_definitions(loop.size.size(), wide) + "#define ELEMENT " + wide_bits_type(loop.element_size) + "\n";
  Arguments arguments;
  arguments.buffer(from).buffer(at).buffer(status->data).buffer(to);
  IndexWords(wide).add(loop.size).add(loop.from).add(loop.at).add(loop.to).to(arguments);
  add_index(arguments, count, wide);
  arguments.value(x.shape[axis]).value(loop.axis_step);
  gpu.launch(gpu.library().kernel("gather", "gather", definitions), {gpu.blocks_for(count, 256), 1, 1},
             {256, 1, 1}, arguments);
}

}  // namespace

// x is outer axes, the axis, inner axes; the output has the axes of the indices between the two.
void run_take(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const int axis = static_cast<int>(launch.params.as<graph::AxisParams>().axis);
  const graph::Operand &x = launch.inputs[0], &indices = launch.inputs[1], &out = launch.outputs[0];
  if (numel(out.shape) == 0) return;
  GatherLoop loop;
  loop.size = out.shape;
  loop.to = out.strides;
  loop.from = loop.at = Dims::filled(out.shape.size(), 0);
  const int index_rank = indices.shape.size();
  for (int k = 0; k < axis; ++k) loop.from[k] = x.strides[k];
  for (int k = 0; k < index_rank; ++k) loop.at[axis + k] = indices.strides[k];
  for (int k = axis + 1; k < x.shape.size(); ++k) loop.from[k + index_rank - 1] = x.strides[k];
  run_loop(gpu, "take", launch, context, loop);
}

void run_gather(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const int axis = static_cast<int>(launch.params.as<graph::AxisParams>().axis);
  const graph::Operand &x = launch.inputs[0], &indices = launch.inputs[1], &out = launch.outputs[0];
  if (numel(out.shape) == 0) return;
  GatherLoop loop;
  loop.size = out.shape;
  loop.to = out.strides;
  loop.at = indices.strides;
  loop.from = x.strides;
  loop.from[axis] = 0;
  run_loop(gpu, "gather", launch, context, loop);
}

}  // namespace nngpu::gpu
