// argmax and argmin.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/index_words.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

constexpr uint32_t kThreads = 256;
constexpr int64_t kMaxSplits = 1024;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The lines along the axis, in the order of the results, and how they are cut.
struct ArgPlan {
  Shape size;
  Dims step;
  int64_t lines = 1, length = 1, axis_step = 1;
  bool rows = true;  // a block a line; else a thread a line
  int64_t splits = 1, chunk = 1;

  ArgPlan(const GpuBackend& gpu, const graph::Operand& x, int axis)
      : length(x.shape[axis]), axis_step(x.strides[axis]) {
    for (int k = 0; k < x.shape.size(); ++k) {
      if (k == axis) continue;
      size.push_back(x.shape[k]);
      step.push_back(x.strides[k]);
    }
    Dims classes = Dims::filled(size.size(), 0);
    graph::collapse(size, {&step}, classes);
    if (size.size() == 0) {
      size.push_back(1);
      step.push_back(0);
    }
    lines = numel(size);
    // Neighbouring threads should read neighbouring elements.
    const int last = size.size() - 1;
    const bool along = std::abs(axis_step) <= std::abs(step[last]) || size[last] < 8;
    rows = along ? length > 8 || lines < 4096 : false;
    const int64_t wanted = int64_t{8} * gpu.properties().multiprocessors;
    const int64_t blocks = rows ? lines : ceil_div(lines, kThreads), least = rows ? 8192 : 64;
    splits = std::clamp<int64_t>(ceil_div(wanted, blocks), 1, std::clamp<int64_t>(length / least, 1, kMaxSplits));
    chunk = ceil_div(length, splits);
    splits = ceil_div(length, chunk);
  }
  Arguments& add_loop(Arguments& arguments) const {
    IndexWords(true).add(size).add(step).to(arguments);
    return arguments.value(lines);
  }
  std::string definitions(DType dtype, bool largest) const {
    return std::string("#define ELEMENT ") + storage_type(dtype) + "\n#define VALUE " + value_type(dtype) +
           "\n#define LARGEST " + (largest ? "1" : "0") + "\n#define RANK " + std::to_string(size.size()) + "\n";
  }
};

}  // namespace

void run_arg_reduce(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::ArgReduceParams>();
  const graph::Operand &x = launch.inputs[0], &out = launch.outputs[0];
  if (numel(x.shape) == 0) return;  // refused before, unless there are no lines
  const ArgPlan plan(gpu, x, static_cast<int>(params.axis));
  BufferPtr x_holder, places;
  const char* from = gpu.address(x, context, x_holder);
  char* to = context.at(out);
  char* first = to;
  if (plan.splits > 1) {
    places = gpu.pool().allocate(sizeof(int64_t) * static_cast<size_t>(plan.lines * plan.splits));
    first = places->data;
  }
  const std::string definitions = plan.definitions(x.dtype, params.largest != 0);
  Arguments arguments;
  plan.add_loop(arguments.buffer(from).buffer(first)).value(plan.length).value(plan.axis_step).value(plan.chunk);
  const auto splits = static_cast<uint32_t>(plan.splits);
  const auto blocks = [](int64_t count) {
    return static_cast<uint32_t>(std::min<int64_t>(count, int64_t{1} << 20));
  };
  if (plan.rows && plan.length <= 1024)
    gpu.launch(gpu.library().kernel("arg_reduce", "short_rows", definitions + "#define ROWS\n"),
               {blocks(ceil_div(plan.lines, kThreads / 32)), 1, 1}, {kThreads, 1, 1}, arguments);
  else if (plan.rows)
    gpu.launch(gpu.library().kernel("arg_reduce", "rows", definitions + "#define ROWS\n"),
               {blocks(plan.lines), splits, 1}, {kThreads, 1, 1}, arguments);
  else
    gpu.launch(gpu.library().kernel("arg_reduce", "columns", definitions),
               {blocks(ceil_div(plan.lines, kThreads)), splits, 1}, {kThreads, 1, 1}, arguments);
  if (plan.splits == 1) return;
  Arguments rest;
  plan.add_loop(rest.buffer(from).buffer(first).buffer(to)).value(plan.axis_step).value(plan.splits);
  gpu.launch(gpu.library().kernel("arg_reduce", "combine", definitions),
             {gpu.blocks_for(plan.lines, kThreads), 1, 1}, {kThreads, 1, 1}, rest);
}

}  // namespace nngpu::gpu
