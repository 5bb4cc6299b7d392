// Softmax and its logarithm along any axis.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/index_words.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The least power of two, so that few texts are compiled.
int items_for(int64_t n, int64_t threads) {
  int items = 1;
  while (items * threads < n) items *= 2;
  return items;
}

struct Softmax {
  GpuBackend& gpu;
  DType dtype;
  bool log;
  const char* x;
  char* y;
  int64_t n, x_step, y_step;
  Shape size;  // of the lines
  Dims from, to;

  Softmax(GpuBackend& backend, const Launch& launch, const char* x_data, char* y_data);
  void run() const;

 private:
  std::string definitions(std::initializer_list<std::pair<const char*, int64_t>> more) const;
  void add_lines(Arguments& arguments) const;
  void run_in_registers(int group, uint32_t threads) const;
  void run_long(bool columns) const;
};

Softmax::Softmax(GpuBackend& backend, const Launch& launch, const char* x_data, char* y_data)
    : gpu(backend), dtype(launch.inputs[0].dtype), x(x_data), y(y_data) {
  const auto& params = launch.params.as<graph::SoftmaxParams>();
  const graph::Operand &in = launch.inputs[0], &out = launch.outputs[0];
  const auto axis = static_cast<int>(params.axis);
  log = params.log != 0;
  n = in.shape[axis];
  x_step = in.strides[axis];
  y_step = out.strides[axis];
  for (int k = 0; k < in.shape.size(); ++k) {
    if (k == axis) continue;
    size.push_back(in.shape[k]);
    from.push_back(in.strides[k]);
    to.push_back(out.strides[k]);
  }
  Dims classes = Dims::filled(size.size(), 0);
  graph::collapse(size, {&from, &to}, classes);
  if (size.size() > 0) return;
  size.push_back(1);
  from.push_back(0);
  to.push_back(0);
}

std::string Softmax::definitions(std::initializer_list<std::pair<const char*, int64_t>> more) const {
  std::string text =
      std::string("#define ELEMENT ") + storage_type(dtype) + "\n#define VALUE " + value_type(dtype) + "\n";
  const auto define = [&](const char* name, int64_t value) {
    text += std::string("#define ") + name + " " + std::to_string(value) + "\n";
  };
  define("LOG", log ? 1 : 0);
  define("RANK", size.size());
  for (const auto& [name, value] : more) define(name, value);
  return text;
}

void Softmax::add_lines(Arguments& arguments) const {
  IndexWords(true).add(size).add(from).add(to).to(arguments);
  arguments.value(numel(size)).value(n).value(x_step).value(y_step);
}

// `group` threads of a subgroup a line, or (0) a block.
void Softmax::run_in_registers(int group, uint32_t threads) const {
  const int items = items_for(n, group > 0 ? group : threads);
  const int64_t block_lines = group > 0 ? threads / group : 1;
  Arguments arguments;
  arguments.buffer(x).buffer(y);
  add_lines(arguments);
  const std::string text = definitions({{"GROUP", group}, {"ITEMS", items}, {"MAX_THREADS", threads}});
  const int64_t blocks = std::min<int64_t>(ceil_div(numel(size), block_lines), int64_t{1} << 20);
  gpu.launch(gpu.library().kernel("softmax", "softmax", text), {static_cast<uint32_t>(blocks), 1, 1},
             {threads, 1, 1}, arguments);
}

// Lines are cut where there are too few of them to fill the device.
void Softmax::run_long(bool columns) const {
  const int64_t lines = numel(size), groups = columns ? ceil_div(lines, 32) : lines, least = columns ? 64 : 4096;
  const int64_t wanted = int64_t{8} * gpu.properties().multiprocessors;
  const int64_t most = std::clamp<int64_t>(n / least, 1, 1024);
  const int64_t chunk = ceil_div(n, std::clamp<int64_t>(ceil_div(wanted, groups), 1, most));
  const int64_t parts = ceil_div(n, chunk);
  const Dim3 threads = columns ? Dim3{32, static_cast<uint32_t>(std::clamp<int64_t>(chunk / 4, 1, 8)), 1}
                               : Dim3{static_cast<uint32_t>(chunk <= 4096 ? 256 : 1024), 1, 1};
  const Dim3 blocks{static_cast<uint32_t>(std::min<int64_t>(groups, int64_t{1} << 20)),
                    static_cast<uint32_t>(parts), 1};
  const size_t bytes = dtype_size(compute_dtype(dtype)) * static_cast<size_t>(lines * parts);
  const BufferPtr maxima = gpu.pool().allocate(bytes), sums = gpu.pool().allocate(bytes);
  Arguments arguments;
  arguments.buffer(x).buffer(y).buffer(maxima->data).buffer(sums->data);
  add_lines(arguments);
  arguments.value(chunk).value(parts);
  const std::string text = definitions({{"COLUMNS", columns ? 1 : 0}});
  for (const char* name : {"partial", "apply"})
    gpu.launch(gpu.library().kernel("softmax_long", name, text), blocks, threads, arguments);
}

void Softmax::run() const {
  // Neighbouring threads read neighbouring elements: of several lines where those lie closer than a line's own.
  const int last = size.size() - 1;
  const bool columns = size[last] >= 8 && std::abs(from[last]) < std::abs(x_step);
  if (columns) return run_long(true);
  if (n <= 512) return run_in_registers(std::min(32, items_for(n, 1)), 128);
  if (n <= 4096) return run_in_registers(0, 256);
  // A block of 1024 threads leaves each 64 registers.
  if (n <= (dtype == DType::F64 ? 8192 : 16384)) return run_in_registers(0, 1024);
  run_long(false);
}

}  // namespace

void run_softmax(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  if (numel(launch.inputs[0].shape) == 0) return;
  BufferPtr holder;
  const char* x = gpu.address(launch.inputs[0], context, holder);
  Softmax(gpu, launch, x, context.at(launch.outputs[0])).run();
}

}  // namespace nngpu::gpu
