// scatter_add. Integers add atomically. Floating sums are made in one order whatever the threads: that of the
// updates, but for sums that are long enough to be cut.
#include "backend/gpu/launches/scatter.h"

#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches/index_check.h"
#include "backend/gpu/launches/index_words.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

constexpr uint32_t kThreads = 256;
constexpr int64_t kFewUpdates = 1024;  // of a line: looking at all of them takes less time than sorting

}  // namespace

void ScatterLoop::add_axis(const graph::Operand& out, const graph::Operand& indices, const graph::Operand& updates,
                           int axis) {
  size.push_back(indices.shape[axis]);
  to.push_back(out.strides[axis]);
  at.push_back(indices.strides[axis]);
  from.push_back(updates.strides[axis]);
}
void ScatterLoop::finish() {
  Dims classes = Dims::filled(size.size(), 0);
  graph::collapse(size, {&to, &at, &from}, classes);
  if (size.size() > 0) return;
  size.push_back(1);
  for (Dims* list : {&to, &at, &from}) list->push_back(0);
}
void ScatterLoop::add_to(Arguments& arguments) const {
  IndexWords(true).add(size).add(to).add(at).add(from).to(arguments);
}

std::string Scatter::definitions(int rank) const {
  return std::string("#define ELEMENT ") + storage_type(out.dtype) + "\n#define SUM " + value_type(out.dtype) +
         "\n#define RANK " + std::to_string(rank) + "\n";
}
void Scatter::launch(const char* name, int rank, int64_t count, const Arguments& arguments) const {
  std::string text = definitions(rank);
  if (is_atomic()) text += out.dtype == DType::I32 ? "#define WORD u32\n" : "#define WORD u64\n";
  gpu.launch(gpu.library().kernel("scatter", name, text), {gpu.blocks_for(count, kThreads), 1, 1},
             {kThreads, 1, 1}, arguments);
}

void Scatter::start() const {
  ScatterLoop loop{x.shape, out.strides, Dims::filled(x.shape.size(), 0), x.strides};
  loop.finish();
  const int64_t count = numel(x.shape);
  Arguments arguments;
  arguments.buffer(x_data).buffer(status).buffer(sums);
  loop.add_to(arguments);
  launch("start", loop.size.size(), count, arguments.value(count));
}

void Scatter::add_atomic() const {
  ScatterLoop loop{indices.shape, out.strides, indices.strides, updates.strides};
  loop.to[axis] = 0;
  loop.finish();
  const int64_t count = numel(indices.shape);
  Arguments arguments;
  arguments.buffer(update_data).buffer(index_data).buffer(status).buffer(sums);
  loop.add_to(arguments);
  arguments.value(count).value(out.shape[axis]).value(out.strides[axis]);
  launch("add_atomic", loop.size.size(), count, arguments);
}

void Scatter::add_owned() const {
  ScatterLoop loop;
  for (int k = 0; k < indices.shape.size(); ++k)
    if (k != axis) loop.add_axis(out, indices, updates, k);
  loop.finish();
  const int64_t lines = numel(loop.size), n = indices.shape[axis], size = out.shape[axis];
  // Enough owners to fill the device; more would only read the indices more often.
  const int64_t wanted = int64_t{1024} * gpu.properties().multiprocessors;
  const int64_t most_parts = std::clamp<int64_t>(wanted / lines, 1, size);
  const int64_t part_size = (size + most_parts - 1) / most_parts, parts = (size + part_size - 1) / part_size;
  Arguments arguments;
  arguments.buffer(update_data).buffer(index_data).buffer(status).buffer(sums);
  loop.add_to(arguments);
  for (const int64_t number :
       {lines, parts, part_size, n, size, out.strides[axis], indices.strides[axis], updates.strides[axis]})
    arguments.value(number);
  launch("add_owned", loop.size.size(), lines * parts, arguments);
}

void Scatter::add() const {
  if (is_atomic())
    add_atomic();
  else if (indices.shape[axis] <= kFewUpdates)
    add_owned();
  else
    add_sorted();
}

void Scatter::finish(char* to) const {
  const int64_t count = numel(out.shape);
  Arguments arguments;
  arguments.buffer(sums).buffer(to).value(count);
  launch("finish", 1, count, arguments);
}

void run_scatter_add(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const int axis = static_cast<int>(launch.params.as<graph::AxisParams>().axis);
  const graph::Operand &x = launch.inputs[0], &indices = launch.inputs[1], &updates = launch.inputs[2];
  const graph::Operand& out = launch.outputs[0];
  const int64_t count = numel(out.shape);
  if (count == 0) return;
  BufferPtr holders[3], half_sums;
  Scatter scatter{gpu, x, indices, updates, out, axis};
  scatter.x_data = gpu.address(x, context, holders[0]);
  scatter.index_data = gpu.address(indices, context, holders[1]);
  scatter.update_data = gpu.address(updates, context, holders[2]);
  const BufferPtr status =
      check_indices(gpu, "scatter_add", indices, scatter.index_data, axis, x.shape[axis], context);
  scatter.status = status->data;
  scatter.sums = context.at(out);
  if (scatter.is_half()) {  // sums in float, rounded once
    half_sums = gpu.pool().allocate(sizeof(float) * static_cast<size_t>(count));
    scatter.sums = half_sums->data;
  }
  scatter.start();
  if (numel(indices.shape) > 0) scatter.add();
  if (scatter.is_half()) scatter.finish(context.at(out));
}

}  // namespace nngpu::gpu
