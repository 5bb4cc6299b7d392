// Convolutions in all modes.
#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/convolution_plan.h"
#include "backend/gpu/launches/convolution_vendor.h"
#include "backend/gpu/launches/index_words.h"
#include "backend/gpu/text.h"

namespace nngpu::gpu {
namespace {

using graph::ConvolutionMode;

constexpr uint32_t kThreads = 256;  // of a block without tiles

// The macros of kernels/convolution_parts.kl and tile_parts.kl.
std::string definitions(const ConvolutionPlan& plan, DType dtype, bool parts) {
  std::string text;
  const auto define = [&](const std::string& name, const std::string& value) {
    text += "#define " + name + " " + value + "\n";
  };
  const auto flag = [&](const char* name, bool value) { define(name, value ? "1" : "0"); };
  const bool tiled = plan.kernel == ConvolutionKernel::Tiled;
  // Of tiles twice what a block has, so that two blocks share a multiprocessor's registers.
  define("MAX_THREADS", tiled ? "512" : "256");
  define("ELEMENT", storage_type(dtype));
  define("SUM", value_type(dtype));
  define("RESULT", parts ? value_type(dtype) : storage_type(dtype));
  define("INDEX", plan.wide ? "i64" : "i32");
  flag("WEIGHTS", plan.weights);
  flag("SPLIT", parts);
  flag("PHASES", plan.phases);
  flag("SPREAD", plan.spread);
  define("MADE", std::to_string(plan.made));
  text += embedded_text("kernels/convolution_parts.kl");
  if (!tiled) return text;
  define("MULTIPLY_ADD(sum, x, y)", "sum = ng_fma(x, y, sum)");
  define("BM", std::to_string(plan.tile.bm));
  define("BN", std::to_string(plan.tile.bn));
  define("BK", std::to_string(plan.tile.bk));
  define("TM", std::to_string(plan.tile.tm));
  define("TN", std::to_string(plan.tile.tn));
  return text + embedded_text("kernels/tile_parts.kl");
}

void add_plan(Arguments& arguments, const ConvolutionPlan& plan) {
  IndexWords words(plan.wide);
  const auto* values = reinterpret_cast<const int64_t*>(&plan.p);
  for (size_t i = 0; i < sizeof(plan.p) / sizeof(int64_t); ++i) words.add(values[i]);
  words.to(arguments);
}

void multiply(GpuBackend& gpu, const ConvolutionPlan& plan, DType dtype, const char* w, const char* x, char* y,
              bool parts) {
  Arguments arguments;
  arguments.buffer(w).buffer(x).buffer(y);
  add_plan(arguments, plan);
  const std::string text = definitions(plan, dtype, parts);
  switch (plan.kernel) {
    case ConvolutionKernel::Tiled:
      return gpu.launch(gpu.library().kernel("convolution", "convolution", text),
                        {static_cast<uint32_t>(plan.blocks), 1, 1}, {plan.tile.threads(), 1, 1}, arguments);
    case ConvolutionKernel::Direct:
      return gpu.launch(gpu.library().kernel("convolution_direct", "convolution_direct", text),
                        {gpu.blocks_for(plan.p.groups * plan.p.rows * plan.p.n, kThreads), 1, 1}, {kThreads, 1, 1},
                        arguments);
    case ConvolutionKernel::Weights:
      return gpu.launch(gpu.library().kernel("convolution_weights", "convolution_weights", text),
                        {gpu.blocks_for(plan.results() * plan.p.splits * 32, kThreads), 1, 1}, {kThreads, 1, 1},
                        arguments);
  }
}

}  // namespace

void run_convolution(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::ConvolutionParams>();
  const graph::Operand &a = launch.inputs[0], &b = launch.inputs[1], &y = launch.outputs[0];
  if (numel(y.shape) == 0 || convolve_by_vendor(gpu, launch, context)) return;
  const ConvolutionPlan plan = plan_convolution(params, a, b, y);
  BufferPtr x_holder, w_holder;
  const char* x = gpu.address(a, context, x_holder);
  const char* w = gpu.address(b, context, w_holder);
  if (plan.p.splits == 1) return multiply(gpu, plan, y.dtype, w, x, context.at(y), false);
  const size_t size = dtype_size(compute_dtype(y.dtype));
  const BufferPtr parts = gpu.pool().allocate(size * static_cast<size_t>(plan.results() * plan.p.splits));
  multiply(gpu, plan, y.dtype, w, x, parts->data, true);
  Arguments arguments;
  arguments.buffer(parts->data).buffer(context.at(y));
  add_plan(arguments, plan);
  gpu.launch(gpu.library().kernel("convolution_combine", "convolution_combine", definitions(plan, y.dtype, false)),
             {gpu.blocks_for(plan.results(), kThreads), 1, 1}, {kThreads, 1, 1}, arguments);
}

}  // namespace nngpu::gpu
