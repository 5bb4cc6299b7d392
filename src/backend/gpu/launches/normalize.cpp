// Layer and RMS normalization over trailing axes, and its gradient.
#include <bit>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/lines.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

using graph::NormalizeParams;

// An operand as rows: in place where its trailing axes are one run of memory, else a row-major copy.
struct Rows {
  BufferPtr holder;
  const char* data;
  Dims strides;

  Rows(GpuBackend& gpu, const graph::Operand& operand, int axes, const RunContext& context)
      : data(gpu.address(operand, context, holder)), strides(operand.strides) {
    const int rank = operand.shape.size();
    int64_t run = 1;
    bool whole = true;
    for (int k = rank - 1; k >= rank - axes; --k) {
      whole = whole && (operand.shape[k] == 1 || strides[k] == run);
      run *= operand.shape[k];
    }
    if (whole) return;
    const size_t size = dtype_size(operand.dtype);
    const BufferPtr copy = gpu.pool().allocate(size * static_cast<size_t>(numel(operand.shape)));
    const Dims row_major = row_major_strides(operand.shape);
    copy_strided(gpu, size, operand.shape, data, strides, copy->data, row_major);
    data = copy->data;
    strides = row_major;
    holder = copy;
  }
  // With the trailing axes as one.
  Lines::Place place(int axes) const {
    Dims merged;
    for (int k = 0; k < strides.size() - axes; ++k) merged.push_back(strides[k]);
    merged.push_back(1);
    return {data, merged};
  }
};

Shape merged_shape(const Shape& shape, int axes) {
  Shape merged;
  int64_t length = 1;
  for (int k = 0; k < shape.size(); ++k) {
    if (k < shape.size() - axes)
      merged.push_back(shape[k]);
    else
      length *= shape[k];
  }
  merged.push_back(length);
  return merged;
}

// A weight, a bias or statistics, contiguous.
const char* contiguous(GpuBackend& gpu, const graph::Operand& operand, const RunContext& context,
                       BufferPtr& holder) {
  Rows all(gpu, operand, operand.shape.size(), context);
  holder = all.holder;
  return all.data;
}

void add_value(Arguments& arguments, double value, DType dtype) {
  if (dtype == DType::F64)
    arguments.value(value);
  else
    arguments.value(static_cast<float>(value));
}

std::string factor_definitions(const NormalizeParams& params, DType factor) {
  const auto flag = [](int64_t value) { return value != 0 ? "1\n" : "0\n"; };
  return std::string("#define RMS ") + flag(params.rms) + "#define WEIGHT " + flag(params.weight) +
         "#define BIAS " + flag(params.bias) + "#define FACTOR " + storage_type(factor) + "\n";
}

// Packs of factors lie as elements do: their addresses must fit as well.
bool is_aligned(const char* data, DType dtype, int pack) {
  return reinterpret_cast<uintptr_t>(data) % (dtype_size(dtype) * static_cast<size_t>(pack)) == 0;
}

template <class V>
struct Scale {
  V count, epsilon;
};

}  // namespace

void run_normalize(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<NormalizeParams>();
  const auto axes = static_cast<int>(params.axes);
  const graph::Operand& in = launch.inputs[0];
  if (numel(in.shape) == 0) return;
  const Rows x(gpu, in, axes, context);
  char* y = context.at(launch.outputs[0]);
  const Shape shape = merged_shape(in.shape, axes);
  const Lines lines(shape, shape.size() - 1, in.dtype, {x.place(axes), {y, row_major_strides(shape)}});
  BufferPtr holders[2];
  const char* factors[2] = {x.data, x.data};
  DType factor = in.dtype;
  size_t next = 1;
  Lines::Form form = lines.form(1);
  for (int k = 0; k < 2; ++k) {
    if ((k == 0 ? params.weight : params.bias) == 0) continue;
    factor = launch.inputs[next].dtype;
    factors[k] = contiguous(gpu, launch.inputs[next++], context, holders[k]);
    if (!is_aligned(factors[k], factor, form.pack)) form.pack = 1;
  }
  Arguments arguments;
  arguments.buffer(x.data).buffer(factors[0]).buffer(factors[1]).buffer(y);
  arguments.buffer(params.rms != 0 ? y : context.at(launch.outputs[1])).buffer(context.at(launch.outputs[2]));
  lines.add_to(arguments);
  const auto count = static_cast<double>(lines.length()), epsilon = std::bit_cast<double>(params.epsilon);
  if (in.dtype == DType::F64)
    arguments.value(Scale<double>{count, epsilon});
  else
    arguments.value(Scale<float>{static_cast<float>(count), static_cast<float>(epsilon)});
  const std::string text = lines.definitions(form) + factor_definitions(params, factor);
  lines.run(gpu, gpu.library().kernel("normalize", form.fits ? "registers" : "longer", text), form, arguments);
}

void run_normalize_gradient(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<NormalizeParams>();
  const auto axes = static_cast<int>(params.axes);
  const graph::Operand& in = launch.inputs[1];
  if (numel(in.shape) == 0) return;
  const Rows g(gpu, launch.inputs[0], axes, context), x(gpu, in, axes, context);
  char* dx = context.at(launch.outputs[0]);
  const Shape shape = merged_shape(in.shape, axes);
  const Lines lines(shape, shape.size() - 1, in.dtype,
                    {g.place(axes), x.place(axes), {dx, row_major_strides(shape)}});
  Lines::Form form = lines.form(2);
  BufferPtr holders[3];
  const char* scales = contiguous(gpu, launch.inputs[3], context, holders[0]);
  const char* means = params.rms != 0 ? scales : contiguous(gpu, launch.inputs[2], context, holders[1]);
  const char* weight = x.data;
  DType factor = in.dtype;
  if (params.weight != 0) {
    factor = launch.inputs[4].dtype;
    weight = contiguous(gpu, launch.inputs[4], context, holders[2]);
    if (!is_aligned(weight, factor, form.pack)) form.pack = 1;
  }
  Arguments arguments;
  arguments.buffer(g.data).buffer(x.data).buffer(means).buffer(scales).buffer(weight).buffer(dx);
  lines.add_to(arguments);
  add_value(arguments, static_cast<double>(lines.length()), in.dtype);
  const std::string text = lines.definitions(form) + factor_definitions(params, factor);
  lines.run(gpu, gpu.library().kernel("normalize_gradient", form.fits ? "registers" : "longer", text), form,
            arguments);
}

}  // namespace nngpu::gpu
