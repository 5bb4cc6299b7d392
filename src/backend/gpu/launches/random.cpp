// Random numbers: the bits of the CPU backend.
#include <cmath>
#include <cstring>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"

namespace nngpu::gpu {
namespace {

using graph::Distribution;

// The largest value of T, as V, that lies below `high` but not below `low`.
template <class T>
float below_half(float high, float low) {
  T out(high);
  const T bottom(low);
  if ((out.bits & 0x7fff) == 0)
    out.bits = 0x8001;
  else
    out.bits = static_cast<uint16_t>(out.bits + (out.bits & 0x8000 ? 1 : -1));
  const float value = static_cast<float>(out), least = static_cast<float>(bottom);
  return value < least ? least : value;
}
template <class V>
V below(V high, V low, DType dtype) {
  if (dtype == DType::F16) return below_half<Half>(static_cast<float>(high), static_cast<float>(low));
  if (dtype == DType::BF16) return below_half<BFloat16>(static_cast<float>(high), static_cast<float>(low));
  return std::nextafter(high, low);
}

// `struct Parameters` of kernels/random.kl.
template <class V>
void add_floating(Arguments& arguments, Distribution distribution, DType dtype, double p0, double p1) {
  if (distribution == Distribution::Normal) {
    struct {
      V mean, deviation;
    } normal{static_cast<V>(p0), static_cast<V>(p1)};
    arguments.value(normal);
    return;
  }
  struct {
    V low, range, high, last;
  } uniform{static_cast<V>(p0), static_cast<V>(p1 - p0), static_cast<V>(p1), V{}};
  uniform.last = below(uniform.high, uniform.low, dtype);
  arguments.value(uniform);
}
void add_parameters(Arguments& arguments, Distribution distribution, DType dtype, double p0, double p1) {
  if (distribution == Distribution::Uniform || distribution == Distribution::Normal) {
    if (dtype == DType::F64)
      add_floating<double>(arguments, distribution, dtype, p0, p1);
    else
      add_floating<float>(arguments, distribution, dtype, p0, p1);
  } else if (distribution == Distribution::Integer) {
    const auto low = static_cast<int64_t>(p0);
    struct {
      int64_t low;
      uint64_t values;
    } integer{low, static_cast<uint64_t>(static_cast<int64_t>(p1)) - static_cast<uint64_t>(low)};
    arguments.value(integer);
  } else {
    // k 2^-24 < p exactly where k < ceil(p 2^24).
    arguments.value(distribution == Distribution::Bernoulli ? static_cast<uint32_t>(std::ceil(p0 * 0x1p24)) : 0u);
  }
}

int words_of(Distribution distribution, DType dtype) {
  if (distribution == Distribution::Bits) return 2;
  return distribution != Distribution::Bernoulli && dtype_size(dtype) == 8 ? 2 : 1;
}

const char* number_at(const graph::Operand& operand, const RunContext& context) {
  if (!operand.constant) throw Error("[random] internal error: a parameter is not a constant");
  return context.at(operand);
}
double number(const graph::Operand& operand, const RunContext& context) {
  double value = 0;
  std::memcpy(&value, number_at(operand, context), sizeof(value));
  return value;
}

}  // namespace

void run_random(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::RandomParams>();
  const graph::Operand& out = launch.outputs[0];
  const int64_t count = numel(out.shape);
  if (count == 0) return;
  const int words = words_of(params.distribution, out.dtype), elements = 4 / words;
  char* to = context.at(out);
  const bool aligned =
      reinterpret_cast<uintptr_t>(to) % (dtype_size(out.dtype) * static_cast<size_t>(elements)) == 0;
  const std::string definitions = std::string("#define ELEMENT ") + storage_type(out.dtype) + "\n#define VALUE " +
                                  value_type(out.dtype) + "\n#define WORDS " + std::to_string(words) +
                                  "\n#define DRAW " + std::to_string(static_cast<int>(params.distribution)) +
                                  "\n#define ALIGNED " + (aligned ? "1" : "0") + "\n";
  Arguments arguments;
  arguments.buffer(to)
      .number(number_at(launch.inputs[0], context), sizeof(int64_t))
      .number(number_at(launch.inputs[1], context), sizeof(int64_t));
  add_parameters(arguments, params.distribution, out.dtype, number(launch.inputs[2], context),
                 number(launch.inputs[3], context));
  arguments.value(count);
  gpu.launch(gpu.library().kernel("random", "random", definitions),
             {gpu.blocks_for((count + elements - 1) / elements, 256), 1, 1}, {256, 1, 1}, arguments);
}

}  // namespace nngpu::gpu
