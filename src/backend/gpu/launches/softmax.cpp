// Softmax and its logarithm along any axis.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/index_words.h"
#include "backend/gpu/launches/lines.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

// Of lines that are columns of memory, or that registers do not hold.
struct LongSoftmax {
  GpuBackend& gpu;
  DType dtype;
  bool log;
  const char* x;
  char* y;
  int64_t n, x_step, y_step;
  Shape size;  // of the lines
  Dims from, to;

  LongSoftmax(GpuBackend& backend, const Launch& launch, const char* x_data, char* y_data);
  void run(bool columns) const;

 private:
  std::string definitions(std::initializer_list<std::pair<const char*, int64_t>> more) const;
  void add_lines(Arguments& arguments) const;
};

LongSoftmax::LongSoftmax(GpuBackend& backend, const Launch& launch, const char* x_data, char* y_data)
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

std::string LongSoftmax::definitions(std::initializer_list<std::pair<const char*, int64_t>> more) const {
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

void LongSoftmax::add_lines(Arguments& arguments) const {
  IndexWords(true).add(size).add(from).add(to).to(arguments);
  arguments.value(numel(size)).value(n).value(x_step).value(y_step);
}

// Lines are cut where there are too few of them to fill the device.
void LongSoftmax::run(bool columns) const {
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

}  // namespace

void run_softmax(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::SoftmaxParams>();
  const graph::Operand &in = launch.inputs[0], &out = launch.outputs[0];
  if (numel(in.shape) == 0) return;
  BufferPtr holder;
  const char* x = gpu.address(in, context, holder);
  char* y = context.at(out);
  const Lines lines(in.shape, static_cast<int>(params.axis), in.dtype, {{x, in.strides}, {y, out.strides}});
  const Lines::Form form = lines.form(1);
  // Neighbouring threads read neighbouring elements: of several lines where those lie closer than a line's own.
  const bool columns = lines.are_columns();
  if (columns || !form.fits) return LongSoftmax(gpu, launch, x, y).run(columns);
  Arguments arguments;
  arguments.buffer(x).buffer(y);
  lines.add_to(arguments);
  const std::string text = lines.definitions(form) + "#define LOG " + (params.log != 0 ? "1" : "0") + "\n";
  lines.run(gpu, gpu.library().kernel("softmax", "softmax", text), form, arguments);
}

}  // namespace nngpu::gpu
