// Attention and its gradient (kernels/attention.kl).
#include <bit>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/extent.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

using graph::AttentionMask;
using graph::AttentionParams;
using graph::Operand;

constexpr int kBatchAxes = 6;
constexpr uint32_t kThreads = 128;

// As in kernels/attention.kl.
struct Side {
  int64_t row = 0, column = 0, batch[kBatchAxes] = {};
};
struct Sizes {
  int64_t queries, keys, head, value_head, rank;
  int64_t size[kBatchAxes];
  Side q, k, v, g, lse, delta, mask;
};

int64_t rounded_width(int64_t width) {
  return std::max<int64_t>(16, static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(width))));
}

// From sm_80 on; the simulated device does.
bool multiplies_tiles(GpuBackend& gpu) {
  const std::string& name = gpu.properties().architecture;
  return name.rfind("sm_", 0) != 0 || std::atoi(name.c_str() + 3) >= 80;
}

// Whether rows are runs of packs that start at multiples of their size.
bool has_packed_rows(const Operand& x, const RunContext& context, int64_t pack) {
  const int last = x.shape.size() - 1;
  bool packed = !x.constant && x.strides[last] == 1 && x.shape[last] % pack == 0;
  for (int axis = 0; axis < last; ++axis) packed = packed && (x.shape[axis] == 1 || x.strides[axis] % pack == 0);
  return packed &&
         reinterpret_cast<uintptr_t>(context.at(x)) % (static_cast<size_t>(pack) * dtype_size(x.dtype)) == 0;
}

class Problem {
 public:
  // `sides`: the inputs and where their strides go; the first three are q, k and v.
  Problem(GpuBackend& gpu, const Launch& launch, const RunContext& context,
          const std::vector<Side Sizes::*>& sides)
      : params_(launch.params.as<AttentionParams>()),
        dtype_(launch.inputs[0].dtype),
        tiles_(dtype_size(dtype_) == 2 && multiplies_tiles(gpu)) {
    const Operand &q = launch.inputs[0], &v = launch.inputs[2];
    const int rank = q.shape.size();
    sizes_.queries = q.shape[rank - 2], sizes_.head = q.shape[rank - 1];
    sizes_.keys = v.shape[rank - 2], sizes_.value_head = v.shape[rank - 1];
    Shape batch;
    for (int axis = 0; axis < rank - 2; ++axis) batch.push_back(q.shape[axis]);
    heads_ = numel(batch);
    sizes_.rank = rank - 2;
    for (int axis = 0; axis < rank - 2; ++axis) sizes_.size[axis] = batch[rank - 3 - axis];
    for (size_t i = 0; i < sides.size(); ++i) {
      const Operand& x = launch.inputs[i];
      Side& side = sizes_.*sides[i];
      side.row = x.strides[rank - 2];
      if (x.shape.size() == rank) side.column = x.strides[rank - 1];
      for (int axis = 0; axis < rank - 2; ++axis) side.batch[axis] = x.strides[rank - 3 - axis];
      if (x.dtype == dtype_ && x.shape.size() == rank)
        packed_ = packed_ && has_packed_rows(x, context, tiles_ ? 8 : 4);
      wide_ = wide_ || reach(x.shape, x.strides) > (int64_t{1} << 30);
    }
  }

  int64_t heads() const { return heads_; }
  const Sizes& sizes() const { return sizes_; }
  int64_t rows() const { return dtype_ == DType::F64 ? 32 : 64; }
  // Of the tiles of half types shared memory holds two blocks of columns.
  int64_t columns() const {
    const int64_t width = rounded_width(std::max(sizes_.head, sizes_.value_head));
    return tiles_ && width > 64 ? 32 : rows();
  }

  std::string definitions() const {
    std::string text = "#define MAX_THREADS " + std::to_string(kThreads) + "\n#define ELEMENT " +
                       storage_type(dtype_) + "\n#define VALUE " + value_type(dtype_) + "\n#define INDEX " +
                       (wide_ ? "i64" : "i32") + "\n";
    const auto define = [&](const char* name, int64_t value) {
      text += std::string("#define ") + name + " " + std::to_string(value) + "\n";
    };
    define("ROWS", rows());
    define("COLUMNS", columns());
    define("HEAD", rounded_width(sizes_.head));
    define("WIDE", rounded_width(sizes_.value_head));
    define("MASK", static_cast<int64_t>(params_.mask));
    define("CAUSAL", params_.causal);
    define("TILES", tiles_);
    define("PACKED", packed_);
    return text;
  }
  // The scale and the sizes, which end a kernel's arguments.
  void add_to(Arguments& arguments) const {
    const auto scale = std::bit_cast<double>(params_.scale);
    if (dtype_ == DType::F64)
      arguments.value(scale);
    else
      arguments.value(static_cast<float>(scale));
    arguments.value(sizes_);
  }
  // One block for ROWS of the `count` rows of each head.
  void run(GpuBackend& gpu, const char* kernel, int64_t count, const Arguments& arguments) const {
    const int64_t blocks = heads_ * ((count + rows() - 1) / rows());
    gpu.launch(gpu.library().kernel("attention", kernel, definitions()), {static_cast<uint32_t>(blocks), 1, 1},
               {kThreads, 1, 1}, arguments);
  }

 private:
  AttentionParams params_;
  DType dtype_;
  Sizes sizes_{};
  int64_t heads_;
  bool tiles_;
  bool packed_ = true;
  bool wide_ = false;
};

// The last of the inputs is the mask, if there is one; else any address is passed for it.
std::vector<BufferPtr> add_inputs(GpuBackend& gpu, const Launch& launch, const RunContext& context, size_t count,
                                  Arguments& arguments) {
  std::vector<BufferPtr> holders(count);
  for (size_t i = 0; i < count; ++i)
    arguments.buffer(gpu.address(launch.inputs[std::min(i, launch.inputs.size() - 1)], context, holders[i]));
  return holders;
}

}  // namespace

void run_attention(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  std::vector<Side Sizes::*> sides = {&Sizes::q, &Sizes::k, &Sizes::v, &Sizes::mask};
  sides.resize(launch.inputs.size());
  const Problem problem(gpu, launch, context, sides);
  Arguments arguments;
  const std::vector<BufferPtr> holders = add_inputs(gpu, launch, context, 4, arguments);
  arguments.buffer(context.at(launch.outputs[0])).buffer(context.at(launch.outputs[1]));
  problem.add_to(arguments);
  problem.run(gpu, "attention", problem.sizes().queries, arguments);
}

void run_attention_gradient(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  std::vector<Side Sizes::*> sides = {&Sizes::q,   &Sizes::k,     &Sizes::v,   &Sizes::g,
                                      &Sizes::lse, &Sizes::delta, &Sizes::mask};
  sides.resize(launch.inputs.size());
  const Problem problem(gpu, launch, context, sides);
  Arguments by_queries, by_keys;
  const std::vector<BufferPtr> holders = add_inputs(gpu, launch, context, 7, by_queries);
  const std::vector<BufferPtr> more = add_inputs(gpu, launch, context, 7, by_keys);
  by_queries.buffer(context.at(launch.outputs[0]));
  by_keys.buffer(context.at(launch.outputs[1])).buffer(context.at(launch.outputs[2]));
  problem.add_to(by_queries);
  problem.add_to(by_keys);
  problem.run(gpu, "by_queries", problem.sizes().queries, by_queries);
  problem.run(gpu, "by_keys", problem.sizes().keys, by_keys);
}

}  // namespace nngpu::gpu
