// Softmax and its logarithm along any axis.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/index_words.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

// A kernel of kernels/softmax.kl, with its block of threads.
struct SoftmaxForm {
  int number;
  int items;  // elements a thread holds in registers
  Dim3 threads;
  int64_t block_lines;  // lines a block takes at a time
  int group = 32;       // threads a line, in form 0
};

// The least power of two, so that few texts are compiled.
int items_for(int64_t n, int64_t threads) {
  int items = 1;
  while (items * threads < n) items *= 2;
  return items;
}

SoftmaxForm choose_form(int64_t n, bool columns, bool is_double) {
  if (columns) return {3, 0, {32, static_cast<uint32_t>(std::clamp<int64_t>(n / 4, 1, 8)), 1}, 32};
  if (n <= 512) {
    const int group = std::min(32, items_for(n, 1));
    return {0, items_for(n, group), {128, 1, 1}, 128 / group, group};
  }
  if (n <= 4096) return {1, items_for(n, 256), {256, 1, 1}, 1};
  // A block of 1024 threads leaves each 64 registers.
  if (n <= (is_double ? 8192 : 16384)) return {1, items_for(n, 1024), {1024, 1, 1}, 1};
  return {2, 0, {1024, 1, 1}, 1};
}

std::string softmax_definitions(DType dtype, bool log, int rank, const SoftmaxForm& form) {
  std::string text =
      std::string("#define ELEMENT ") + storage_type(dtype) + "\n#define VALUE " + value_type(dtype);
  const auto define = [&](const char* name, int64_t value) {
    text += std::string("\n#define ") + name + " " + std::to_string(value);
  };
  define("LOG", log ? 1 : 0);
  define("RANK", rank);
  define("FORM", form.number);
  define("ITEMS", form.items);
  define("GROUP", form.group);
  define("MAX_THREADS", int64_t{form.threads.x} * form.threads.y);
  return text + "\n";
}

}  // namespace

void run_softmax(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::SoftmaxParams>();
  const auto axis = static_cast<int>(params.axis);
  const graph::Operand &x = launch.inputs[0], &out = launch.outputs[0];
  if (numel(x.shape) == 0) return;
  Shape size;
  Dims from, to;
  for (int k = 0; k < x.shape.size(); ++k) {
    if (k == axis) continue;
    size.push_back(x.shape[k]);
    from.push_back(x.strides[k]);
    to.push_back(out.strides[k]);
  }
  Dims classes = Dims::filled(size.size(), 0);
  graph::collapse(size, {&from, &to}, classes);
  if (size.size() == 0) {
    size.push_back(1);
    from.push_back(0);
    to.push_back(0);
  }
  const int64_t lines = numel(size), n = x.shape[axis];
  const int last = size.size() - 1;
  // Neighbouring threads read neighbouring elements: of several lines where those lie closer than a line's own.
  const bool columns = size[last] >= 8 && std::abs(from[last]) < std::abs(x.strides[axis]);
  const SoftmaxForm form = choose_form(n, columns, x.dtype == DType::F64);
  const std::string definitions = softmax_definitions(x.dtype, params.log != 0, size.size(), form);
  BufferPtr holder;
  Arguments arguments;
  arguments.buffer(gpu.address(x, context, holder)).buffer(context.at(out));
  IndexWords(true).add(size).add(from).add(to).to(arguments);
  arguments.value(lines).value(n).value(x.strides[axis]).value(out.strides[axis]);
  const int64_t blocks = std::min<int64_t>((lines + form.block_lines - 1) / form.block_lines, int64_t{1} << 20);
  gpu.launch(gpu.library().kernel("softmax", "softmax", definitions), {static_cast<uint32_t>(blocks), 1, 1},
             form.threads, arguments);
}

}  // namespace nngpu::gpu
