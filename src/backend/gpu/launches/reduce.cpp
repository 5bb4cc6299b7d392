// Reductions, with the elementwise work that precedes them, by generated kernels.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/extent.h"
#include "backend/gpu/launches/packs.h"

namespace nngpu::gpu {
namespace {

constexpr uint32_t kThreads = 256;
constexpr int64_t kMaxGridY = 65535;

struct ReducePlan {
  bool wide = false;
  bool columns = false;  // a thread a result; else a block a result
  int pack = 1;          // elements that are read at once
  int64_t across = 0;    // columns in packs: threads of a block side by side, of kernel `tiles`
  KernelHandle partial = nullptr, combine = nullptr;
  std::string loop;
  int64_t results = 1, length = 1, splits = 1, chunk = 1;
};

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Neighbouring threads should read neighbouring elements: of one result where the innermost axis is reduced, of
// several where it is kept.
bool prefers_columns(const Launch& launch, int64_t results) {
  const int64_t mask = launch.params.as<graph::ReduceParams>().axes;
  const int rank = launch.tape->shape.size();
  const bool inner_reduced = rank > 0 && (mask >> (rank - 1) & 1) != 0;
  if (!inner_reduced) return rank == 0 || launch.tape->shape[rank - 1] >= 8 || results >= 4096;
  return launch.tape->shape[rank - 1] <= 8 && results >= 4096;
}

// The blocks side by side.
int64_t column_blocks(const ReducePlan& plan, bool tiles) {
  return tiles ? ceil_div(plan.results, plan.across * plan.pack) : ceil_div(plan.results, kThreads);
}

void choose_splits(ReducePlan& plan, const GpuBackend& gpu) {
  const bool tiles = plan.across > 0;
  const int64_t wanted = int64_t{tiles ? 4 : 8} * gpu.properties().multiprocessors;  // blocks
  const int64_t blocks = plan.columns ? column_blocks(plan, tiles) : plan.results;
  // Elements a split should have.
  const int64_t least = tiles ? 16 * (kTileThreads / plan.across) : plan.columns ? 64 : 4096;
  const int64_t splits = std::clamp<int64_t>(ceil_div(wanted, std::max<int64_t>(1, blocks)), 1,
                                             std::max<int64_t>(1, plan.length / least));
  plan.chunk = std::max<int64_t>(1, ceil_div(plan.length, std::min(splits, kMaxGridY)));
  if (!plan.columns) plan.chunk = ceil_div(plan.chunk, plan.pack) * plan.pack;
  plan.splits = std::max<int64_t>(1, ceil_div(plan.length, plan.chunk));
}

// The width of packs where the innermost axis is reduced and the rows of every operand start at multiples of it,
// as do the rows of the loop if other axes are reduced too; else 1.
int row_pack(const Launch& launch) {
  const int64_t mask = launch.params.as<graph::ReduceParams>().axes;
  const int rank = launch.tape->shape.size();
  if (rank == 0 || (mask >> (rank - 1) & 1) == 0) return 1;
  const int width = pack_width(launch.inputs, {});
  if (mask != int64_t{1} << (rank - 1) && launch.tape->shape[rank - 1] % width != 0) return 1;
  for (const graph::Operand& input : launch.inputs) {
    if (!is_packed(input)) continue;
    if (input.strides[rank - 1] != 1) return 1;
    for (int k = 0; k < rank - 1; ++k)
      if (input.strides[k] % width != 0) return 1;
  }
  return width;
}

size_t accumulator_bytes(const Launch& launch, const graph::TapeReduction& reduction) {
  const DType value = compute_dtype(launch.outputs[reduction.output].dtype);
  return dtype_size(value) * static_cast<size_t>(accumulator_values(reduction.code, value));
}

// The same where the innermost axis is kept, and several neighbours are to be read of each row.
int column_pack(const Launch& launch, int64_t length) {
  constexpr int64_t kLeastLength = 16;
  constexpr size_t kMostShared = 32 << 10;
  const int rank = launch.tape->shape.size();
  const bool inner_kept = rank > 0 && (launch.params.as<graph::ReduceParams>().axes >> (rank - 1) & 1) == 0;
  if (!inner_kept || length < kLeastLength || std::none_of(launch.inputs.begin(), launch.inputs.end(), is_packed))
    return 1;
  size_t shared = 0;
  for (const graph::TapeReduction& reduction : launch.tape->reductions)
    shared += accumulator_bytes(launch, reduction) * kTileThreads;
  const int width = pack_width(launch.inputs, {});
  if (shared > kMostShared || launch.tape->shape[rank - 1] % width != 0) return 1;
  const auto fits = [&](const graph::Operand& input) {
    if (!is_packed(input)) return true;
    if (input.strides[rank - 1] != 1) return false;
    for (int k = 0; k < rank - 1; ++k)
      if (input.strides[k] % width != 0) return false;
    return true;
  };
  return std::all_of(launch.inputs.begin(), launch.inputs.end(), fits) ? width : 1;
}

// Threads side by side: enough for the results, but no more than read a row's 512 bytes.
int64_t tile_across(int64_t results, int pack) {
  int64_t across = 1;
  while (across < 32 && across * pack < results) across *= 2;
  return across;
}

// What the variances are divided by.
void add_divisors(Arguments& arguments, const Launch& launch, int64_t length) {
  for (const graph::TapeReduction& reduction : launch.tape->reductions) {
    if (reduction.code != graph::Reduction::Moments) continue;
    const auto divisor = static_cast<double>(std::max<int64_t>(length - reduction.ddof, 0));
    if (launch.outputs[reduction.output].dtype == DType::F64)
      arguments.value(divisor);
    else
      arguments.value(static_cast<float>(divisor));
  }
}

}  // namespace

void prepare_reduce(GpuBackend& gpu, Launch& launch) {
  auto plan = std::make_shared<ReducePlan>();
  const int64_t mask = launch.params.as<graph::ReduceParams>().axes;
  for (int k = 0; k < launch.tape->shape.size(); ++k)
    (mask >> k & 1 ? plan->length : plan->results) *= launch.tape->shape[k];
  plan->wide = needs_wide_offsets(launch.tape->shape, launch.inputs, launch.outputs);
  plan->loop = loop_bytes(launch.tape->shape, launch.inputs, launch.outputs, plan->wide);
  plan->columns = prefers_columns(launch, plan->results);
  plan->pack = plan->columns ? column_pack(launch, plan->length) : row_pack(launch);
  if (plan->columns && plan->pack > 1) plan->across = tile_across(plan->results, plan->pack);
  choose_splits(*plan, gpu);
  if (plan->results > 0) {
    const bool direct = plan->splits == 1;
    const std::string text = reduce_text(launch, {plan->wide, plan->pack}, direct);
    plan->partial = gpu.library().generated(text, plan->across > 0 ? "tiles" : plan->columns ? "columns" : "rows");
    if (!direct) plan->combine = gpu.library().generated(text, "combine");
  }
  launch.prepared = std::move(plan);
}

void run_reduce(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& plan = *static_cast<const ReducePlan*>(launch.prepared.get());
  if (plan.results == 0) return;
  const bool direct = plan.splits == 1;
  KernelHandle kernel = plan.partial;
  const bool aligned = plan.pack == 1 || packs_are_aligned(launch.inputs, context, plan.pack);
  if (!aligned)
    kernel =
        gpu.library().generated(reduce_text(launch, {plan.wide, 1}, direct), plan.columns ? "columns" : "rows");
  const bool tiles = plan.across > 0 && aligned;
  std::vector<BufferPtr> partials;  // of each reduction
  for (const graph::TapeReduction& reduction : launch.tape->reductions) {
    if (direct) break;
    const size_t values = static_cast<size_t>(plan.results * plan.splits);
    partials.push_back(gpu.pool().allocate(accumulator_bytes(launch, reduction) * values));
  }
  Arguments arguments;
  for (const graph::Operand& input : launch.inputs) {
    if (input.constant)
      arguments.number(context.at(input), dtype_size(input.dtype));
    else
      arguments.buffer(context.at(input));
  }
  for (const BufferPtr& partial : partials) arguments.buffer(partial->data);
  if (direct)
    for (const graph::Operand& output : launch.outputs) arguments.buffer(context.at(output));
  arguments.bytes(plan.loop.data(), plan.loop.size());
  for (const int64_t number : {plan.results, plan.length, plan.chunk}) add_index(arguments, number, plan.wide);
  if (direct) add_divisors(arguments, launch, plan.length);
  // A thread adds several packs before it meets others.
  const int64_t items = plan.pack * (plan.pack > 1 ? packs_at_once(plan.pack) : 4);
  const uint32_t threads =
      plan.columns
          ? kThreads
          : static_cast<uint32_t>(std::clamp<int64_t>(ceil_div(plan.chunk, 32 * items) * 32, 32, kThreads));
  const int64_t blocks = plan.columns ? column_blocks(plan, tiles) : plan.results;
  const auto x = static_cast<uint32_t>(std::min<int64_t>(blocks, tiles ? INT32_MAX : 1 << 20));
  const auto across = static_cast<uint32_t>(tiles ? plan.across : 1);
  const Dim3 shape = tiles ? Dim3{across, kTileThreads / across, 1} : Dim3{threads, 1, 1};
  gpu.launch(kernel, {x, static_cast<uint32_t>(plan.splits), 1}, shape, arguments);
  if (direct) return;

  Arguments rest;
  for (const BufferPtr& partial : partials) rest.buffer(partial->data);
  for (const graph::Operand& output : launch.outputs) rest.buffer(context.at(output));
  rest.bytes(plan.loop.data(), plan.loop.size());
  const int64_t lanes = plan.splits >= 32 ? 32 : 1;
  for (const int64_t number : {plan.results, plan.splits, lanes}) add_index(rest, number, plan.wide);
  add_divisors(rest, launch, plan.length);
  gpu.launch(plan.combine, {gpu.blocks_for(plan.results * lanes, kThreads), 1, 1}, {kThreads, 1, 1}, rest);
}

}  // namespace nngpu::gpu
