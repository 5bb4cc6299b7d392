// Dropout: the mask of bernoulli(1 - p), bit for bit that of the CPU backend.
#include <cmath>
#include <cstring>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

// struct Mask of kernels/dropout.kl.
template <class V>
struct Mask {
  V scale;
  uint32_t threshold;
};

template <class V>
void add_mask(Arguments& arguments, double keep) {
  // k 2^-24 < keep exactly where k < ceil(keep 2^24).
  arguments.value(
      Mask<V>{static_cast<V>(keep > 0 ? 1 / keep : 0), static_cast<uint32_t>(std::ceil(keep * 0x1p24))});
}

const char* number_at(const graph::Operand& operand, const RunContext& context) {
  if (!operand.constant) throw Error("[dropout] internal error: a parameter is not a number");
  return context.at(operand);
}

double probability(const graph::Operand& operand, const RunContext& context) {
  double value = 0;
  std::memcpy(&value, number_at(operand, context), sizeof(value));
  return value;
}

}  // namespace

void run_dropout(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const graph::Operand& in = launch.inputs[0];
  const int64_t count = numel(in.shape);
  if (count == 0) return;
  BufferPtr holder;
  const char* x = gpu.address(in, context, holder);
  const size_t size = dtype_size(in.dtype);
  if (!graph::is_row_major(in.shape, in.strides)) {
    holder = gpu.pool().allocate(size * static_cast<size_t>(count));
    copy_strided(gpu, size, in.shape, x, in.strides, holder->data, row_major_strides(in.shape));
    x = holder->data;
  }
  char* y = context.at(launch.outputs[0]);
  const int64_t counters = size == 2 ? 2 : 1;
  const auto bytes = static_cast<uintptr_t>(4 * counters) * size;
  const bool aligned = reinterpret_cast<uintptr_t>(x) % bytes == 0 && reinterpret_cast<uintptr_t>(y) % bytes == 0;
  Arguments arguments;
  arguments.buffer(x)
      .buffer(y)
      .number(number_at(launch.inputs[1], context), sizeof(int64_t))
      .number(number_at(launch.inputs[2], context), sizeof(int64_t));
  const double keep = 1 - probability(launch.inputs[3], context);
  if (in.dtype == DType::F64)
    add_mask<double>(arguments, keep);
  else
    add_mask<float>(arguments, keep);
  arguments.value(count);
  const std::string definitions = std::string("#define MAX_THREADS 256\n#define ELEMENT ") +
                                  storage_type(in.dtype) + "\n#define VALUE " + value_type(in.dtype) +
                                  "\n#define COUNTERS " + std::to_string(counters) + "\n#define ALIGNED " +
                                  (aligned ? "1" : "0") + "\n";
  gpu.launch(gpu.library().kernel("dropout", "dropout", definitions),
             {gpu.blocks_for((count + 4 * counters - 1) / (4 * counters), 256), 1, 1}, {256, 1, 1}, arguments);
}

}  // namespace nngpu::gpu
