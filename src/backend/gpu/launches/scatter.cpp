// scatter_add. Integers add atomically; floating sums have owners, so that each is made in the order of the
// updates, as on the CPU.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/index_check.h"
#include "backend/gpu/launches/index_words.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

constexpr uint32_t kThreads = 256;

// `struct Loop` of kernels/scatter.kl.
struct ScatterLoop {
  Shape size;
  Dims to, at, from;

  void finish() {
    Dims classes = Dims::filled(size.size(), 0);
    graph::collapse(size, {&to, &at, &from}, classes);
    if (size.size() > 0) return;
    size.push_back(1);
    for (Dims* list : {&to, &at, &from}) list->push_back(0);
  }
  void add_to(Arguments& arguments) const { IndexWords(true).add(size).add(to).add(at).add(from).to(arguments); }
};

struct Scatter {
  GpuBackend& gpu;
  const graph::Operand &x, &indices, &updates, &out;
  int axis;
  const char *x_data, *index_data, *update_data;
  char *sums, *status;

  bool is_half() const { return out.dtype == DType::F16 || out.dtype == DType::BF16; }
  bool is_atomic() const { return out.dtype == DType::I32 || out.dtype == DType::I64; }
  KernelHandle kernel(const char* name, int rank) const {
    std::string definitions = std::string("#define ELEMENT ") + storage_type(out.dtype) + "\n#define SUM " +
                              value_type(out.dtype) + "\n#define RANK " + std::to_string(rank) + "\n";
    if (is_atomic()) definitions += out.dtype == DType::I32 ? "#define WORD u32\n" : "#define WORD u64\n";
    return gpu.library().kernel("scatter", name, definitions);
  }
  void launch(KernelHandle kernel, int64_t count, const Arguments& arguments) const {
    gpu.launch(kernel, {gpu.blocks_for(count, kThreads), 1, 1}, {kThreads, 1, 1}, arguments);
  }

  void start() const {
    ScatterLoop loop{x.shape, out.strides, Dims::filled(x.shape.size(), 0), x.strides};
    loop.finish();
    const int64_t count = numel(x.shape);
    Arguments arguments;
    arguments.buffer(x_data).buffer(status).buffer(sums);
    loop.add_to(arguments);
    launch(kernel("start", loop.size.size()), count, arguments.value(count));
  }
  void add_atomic() const {
    ScatterLoop loop{indices.shape, out.strides, indices.strides, updates.strides};
    loop.to[axis] = 0;
    loop.finish();
    const int64_t count = numel(indices.shape);
    Arguments arguments;
    arguments.buffer(update_data).buffer(index_data).buffer(status).buffer(sums);
    loop.add_to(arguments);
    arguments.value(count).value(out.shape[axis]).value(out.strides[axis]);
    launch(kernel("add_atomic", loop.size.size()), count, arguments);
  }
  void add_owned() const {
    ScatterLoop loop;
    for (int k = 0; k < indices.shape.size(); ++k) {
      if (k == axis) continue;
      loop.size.push_back(indices.shape[k]);
      loop.to.push_back(out.strides[k]);
      loop.at.push_back(indices.strides[k]);
      loop.from.push_back(updates.strides[k]);
    }
    loop.finish();
    const int64_t lines = numel(loop.size), n = indices.shape[axis], size = out.shape[axis];
    // Enough owners to fill the device; more would only read the indices more often.
    const int64_t wanted = int64_t{1024} * gpu.properties().multiprocessors;
    int64_t parts = std::clamp<int64_t>(wanted / lines, 1, size);
    const int64_t part_size = (size + parts - 1) / parts;
    parts = (size + part_size - 1) / part_size;
    Arguments arguments;
    arguments.buffer(update_data).buffer(index_data).buffer(status).buffer(sums);
    loop.add_to(arguments);
    for (const int64_t number :
         {lines, parts, part_size, n, size, out.strides[axis], indices.strides[axis], updates.strides[axis]})
      arguments.value(number);
    launch(kernel("add_owned", loop.size.size()), lines * parts, arguments);
  }
  void finish(char* to) const {
    const int64_t count = numel(out.shape);
    Arguments arguments;
    arguments.buffer(sums).buffer(to).value(count);
    launch(kernel("finish", 1), count, arguments);
  }
};

}  // namespace

void run_scatter_add(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const int axis = static_cast<int>(launch.params.as<graph::AxisParams>().axis);
  const graph::Operand &x = launch.inputs[0], &indices = launch.inputs[1], &updates = launch.inputs[2];
  const graph::Operand& out = launch.outputs[0];
  const int64_t count = numel(out.shape);
  if (count == 0) return;
  BufferPtr holders[3], half_sums;
  Scatter scatter{gpu, x, indices, updates, out, axis, nullptr, nullptr, nullptr, context.at(out), nullptr};
  scatter.x_data = gpu.address(x, context, holders[0]);
  scatter.index_data = gpu.address(indices, context, holders[1]);
  scatter.update_data = gpu.address(updates, context, holders[2]);
  const BufferPtr status =
      check_indices(gpu, "scatter_add", indices, scatter.index_data, axis, x.shape[axis], context);
  scatter.status = status->data;
  if (scatter.is_half()) {
    // Sums in float, rounded once.
    half_sums = gpu.pool().allocate(sizeof(float) * static_cast<size_t>(count));
    scatter.sums = half_sums->data;
  }
  scatter.start();
  if (numel(indices.shape) > 0) scatter.is_atomic() ? scatter.add_atomic() : scatter.add_owned();
  if (scatter.is_half()) scatter.finish(context.at(out));
}

}  // namespace nngpu::gpu
