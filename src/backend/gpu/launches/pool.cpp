// Pooling and its gradients.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/index_words.h"
#include "graph/channels_last.h"

namespace nngpu::gpu {
namespace {

using graph::Operand;
using graph::PoolParams;

constexpr int64_t kSharedWindow = 64;  // elements of a window from which on a subgroup works on it

Dims pair(const int64_t (&values)[2]) { return {values[0], values[1]}; }

// What the kernels of kernels/pool.kl need to know: x and y stand for their gradients, too.
class PoolRun {
 public:
  PoolRun(const PoolParams& p, const Operand& x, const Operand& y, const Operand* places)
      : params_(p), x_(x), y_(y), places_(places), adaptive_(is_adaptive(p.pooling)) {
    for (const Operand* operand : {&x, &y, places})
      if (operand != nullptr) wide_ |= numel(operand->shape) >= kWideReach || far(*operand);
    // A stride may be as large as one likes where there is one window.
    for (int i = 0; i < 2; ++i)
      for (int64_t value : {p.window[i], p.stride[i], p.dilation[i], p.low[i], p.high[i]})
        wide_ |= value >= kWideReach;
  }

  // `results`: y, or of a gradient x.
  std::string definitions(int group, const Operand& results, int pack = 1) const {
    const auto flag = [](const char* name, int64_t value) {
      return std::string("#define ") + name + " " + std::to_string(value) + "\n";
    };
    return std::string("#define MAX_THREADS 256\n#define ELEMENT ") + storage_type(x_.dtype) + "\n#define VALUE " +
           value_type(x_.dtype) + "\n#define INDEX " + (wide_ ? "i64" : "i32") + "\n" +
           flag("MAXIMUM", is_max(params_.pooling)) + flag("ADAPTIVE", adaptive_) +
           flag("COUNT_PADDING", params_.count_padding != 0) + flag("GROUP", group) +
           flag("CHANNELS_LAST", graph::is_channels_last(results)) + flag("PACK", pack);
  }

  // The Pool, then the number of results, or of packs of them.
  void add_to(Arguments& arguments, int64_t results) const {
    IndexWords words(wide_);
    words.add(x_.shape[1]).add({x_.shape[2], x_.shape[3]}).add({y_.shape[2], y_.shape[3]});
    for (const auto* list : {&params_.window, &params_.stride, &params_.dilation, &params_.low, &params_.high})
      words.add(pair(*list));
    words.add(x_.strides).add(y_.strides).add(places_ != nullptr ? places_->strides : y_.strides);
    words.to(arguments);
    add_index(arguments, results, wide_);
  }

  // Channels that a thread of a gradient takes: where all operands have them side by side, at multiples of as
  // many.
  int pack(const RunContext& context) const {
    constexpr int kPack = 4;
    if (x_.shape[1] % kPack != 0 || dtype_size(x_.dtype) > 4) return 1;
    for (const Operand* operand : {&x_, &y_, places_}) {
      if (operand == nullptr) continue;
      const bool aligned = reinterpret_cast<uintptr_t>(context.at(*operand)) % 16 == 0;
      if (operand->constant || !aligned || !graph::lies_channels_last(*operand)) return 1;
    }
    return graph::is_channels_last(x_) ? kPack : 1;
  }

  // Threads that share a window.
  int group() const {
    int64_t size = 1;
    for (int i = 0; i < 2; ++i)
      size *=
          adaptive_ ? (x_.shape[i + 2] - 1) / y_.shape[i + 2] + 1 : std::min(params_.window[i], x_.shape[i + 2]);
    return size >= kSharedWindow ? 32 : 1;
  }

 private:
  static bool far(const Operand& operand) { return reach(operand.shape, operand.strides) >= kWideReach; }
  const PoolParams& params_;
  const Operand &x_, &y_;
  const Operand* places_;
  bool adaptive_, wide_ = false;
};

}  // namespace

void run_pool(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<PoolParams>();
  const Operand &x = launch.inputs[0], &y = launch.outputs[0];
  if (numel(y.shape) == 0) return;
  const Operand* places = is_max(params.pooling) ? &launch.outputs[1] : nullptr;
  const PoolRun pool(params, x, y, places);
  BufferPtr holder;
  Arguments arguments;
  arguments.buffer(gpu.address(x, context, holder)).buffer(context.at(y));
  if (places != nullptr) arguments.buffer(context.at(*places));
  pool.add_to(arguments, numel(y.shape));
  const int group = pool.group();
  gpu.launch(gpu.library().kernel("pool", "pool", pool.definitions(group, y)),
             {gpu.blocks_for(numel(y.shape) * group, 256), 1, 1}, {256, 1, 1}, arguments);
}

void run_pool_gradient(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<PoolParams>();
  const Operand &g = launch.inputs[0], &dx = launch.outputs[0];
  if (numel(dx.shape) == 0) return;
  const Operand* places = is_max(params.pooling) ? &launch.inputs[1] : nullptr;
  const PoolRun pool(params, dx, g, places);
  BufferPtr holder, places_holder;
  Arguments arguments;
  arguments.buffer(gpu.address(g, context, holder));
  if (places != nullptr) arguments.buffer(gpu.address(*places, context, places_holder));
  arguments.buffer(context.at(dx));
  const int pack = pool.pack(context);
  pool.add_to(arguments, numel(dx.shape) / pack);
  gpu.launch(gpu.library().kernel("pool", "pool_gradient", pool.definitions(1, dx, pack)),
             {gpu.blocks_for(numel(dx.shape) / pack, 256), 1, 1}, {256, 1, 1}, arguments);
}

}  // namespace nngpu::gpu
