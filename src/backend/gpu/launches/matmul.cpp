// Matrix products.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/matmul_chain.h"
#include "backend/gpu/launches/matmul_problem.h"
#include "backend/gpu/launches/matmul_vendor.h"
#include "backend/gpu/text.h"

namespace nngpu::gpu {
namespace {

constexpr int32_t kItems = 128;  // of one kernel: what fits its arguments (4 KB everywhere)

struct MatmulAddresses {
  uint64_t a[kItems], b[kItems], c[kItems];
};

// What elements are summed as: integers in unsigned arithmetic, which wraps.
const char* sum_type(DType dtype) {
  if (is_floating(dtype)) return dtype == DType::F64 ? "double" : "float";
  return dtype == DType::I64 ? "u64" : "u32";
}
size_t sum_size(DType dtype) { return dtype == DType::F64 || dtype == DType::I64 ? 8 : 4; }

// The macros of kernels/matmul_parts.kl. `result` is the type of what the kernel writes.
std::string definitions(const MatmulPlan& plan, DType dtype, int32_t items, const std::string& result, bool parts,
                        bool chain) {
  std::string text;
  const auto define = [&](const std::string& name, const std::string& value) {
    text += "#define " + name + " " + value + "\n";
  };
  // Of tiles twice what a block has, so that two blocks share a multiprocessor's registers.
  define("MAX_THREADS", plan.kernel == MatmulKernel::Tiled ? "512" : "256");
  define("ELEMENT", storage_type(dtype));
  define("SUM", sum_type(dtype));
  define("RESULT", result);
  define("INDEX", plan.wide ? "i64" : "i32");
  define("ITEMS", items == 1 ? "1" : std::to_string(kItems));
  define("SPLIT", parts ? "1" : "0");
  if (chain) define("CHAIN", "1");
  define("MULTIPLY_ADD(sum, x, y)", dtype == DType::Bool ? "sum |= (x) & (y)"
                                    : is_floating(dtype) ? "sum = ng_fma(x, y, sum)"
                                                         : "sum += (x) * (y)");
  define("MERGE(x, y)", dtype == DType::Bool ? "((x) | (y))" : "((x) + (y))");
  switch (plan.kernel) {
    case MatmulKernel::Small:
      define("RM", std::to_string(plan.micro));
      define("RN", std::to_string(plan.micro));
      break;
    case MatmulKernel::Vector:
      define("GROUP", std::to_string(plan.group));
      break;
    case MatmulKernel::Tiled:
      define("BM", std::to_string(plan.tile.bm));
      define("BN", std::to_string(plan.tile.bn));
      define("BK", std::to_string(plan.tile.bk));
      define("TM", std::to_string(plan.tile.tm));
      define("TN", std::to_string(plan.tile.tn));
      text += embedded_text("kernels/tile_parts.kl");
      break;
  }
  return text + embedded_text("kernels/matmul_parts.kl");
}

// Items [begin, begin + count) of a launch, in one kernel, or the one item of a launch with a chain.
class MatmulRun {
 public:
  MatmulRun(GpuBackend& gpu, const Launch& launch, const RunContext& context, int32_t begin, int32_t count)
      : gpu_(gpu),
        count_(count),
        dtype_(launch.outputs[0].dtype),
        plan_(plan_matmul(launch.inputs[0], launch.inputs[1], launch.outputs[0], count)),
        context_(context),
        chain_(static_cast<const ProductChain*>(launch.prepared.get())) {
    if (plan_.empty()) return;
    if (chain_ != nullptr) plan_.wide = chain_->wide;
    holders_.resize(2 * static_cast<size_t>(count));
    for (int32_t i = 0; i < count; ++i) {
      const size_t at = 2 * static_cast<size_t>(i), first = 2 * static_cast<size_t>(begin + i);
      char* a = gpu.address(launch.inputs[first], context, holders_[at]);
      char* b = gpu.address(launch.inputs[first + 1], context, holders_[at + 1]);
      if (plan_.swapped) std::swap(a, b);
      addresses_.a[i] = reinterpret_cast<uint64_t>(a);
      addresses_.b[i] = reinterpret_cast<uint64_t>(b);
      addresses_.c[i] = reinterpret_cast<uint64_t>(context.at(launch.outputs[begin + i]));
    }
  }

  void run() {
    if (plan_.empty()) return;
    if (plan_.p.splits == 1) return multiply(plan_.p, reinterpret_cast<char*>(addresses_.c[0]), false);
    const int64_t results = plan_.p.jobs * plan_.p.m * plan_.p.n;
    const BufferPtr parts = gpu_.pool().allocate(sum_size(dtype_) * static_cast<size_t>(results));
    MatmulArguments p = plan_.p;
    p.c_row = p.n;
    p.c_column = 1;
    multiply(p, parts->data, true);
    combine(parts->data);
  }

 private:
  void multiply(const MatmulArguments& p, char* result, bool parts) {
    Arguments arguments;
    if (count_ == 1)
      arguments.buffer(reinterpret_cast<void*>(addresses_.a[0])).buffer(reinterpret_cast<void*>(addresses_.b[0]));
    else
      arguments.addresses(addresses_);
    arguments.buffer(result).value(p);
    const bool chain = chain_ != nullptr && !parts;
    if (chain) chain_->add_to(arguments, context_);
    const std::string text =
        definitions(plan_, dtype_, count_, parts ? sum_type(dtype_) : storage_type(dtype_), parts, chain);
    const auto kernel = [&](const char* name) {
      return chain ? gpu_.library().kernel(name, name, text, chain_->product_text)
                   : gpu_.library().kernel(name, name, text);
    };
    switch (plan_.kernel) {
      case MatmulKernel::Small:
        return gpu_.launch(kernel("matmul_small"), {gpu_.blocks_for(p.jobs * p.rows * p.columns, 256), 1, 1},
                           {256, 1, 1}, arguments);
      case MatmulKernel::Vector:
        return gpu_.launch(kernel("matmul_vector"), blocks(p.jobs * p.m, 256 / plan_.group), {256, 1, 1},
                           arguments);
      case MatmulKernel::Tiled:
        return gpu_.launch(kernel("matmul"), blocks(p.jobs * p.rows * p.columns, 1), {plan_.tile.threads(), 1, 1},
                           arguments);
    }
  }

  void combine(const char* parts) {
    Arguments arguments;
    arguments.buffer(parts);
    if (count_ == 1)
      arguments.buffer(reinterpret_cast<void*>(addresses_.c[0]));
    else
      arguments.addresses(addresses_);
    arguments.value(plan_.p);
    if (chain_ != nullptr) chain_->add_to(arguments, context_);
    const std::string text = definitions(plan_, dtype_, count_, storage_type(dtype_), false, chain_ != nullptr);
    const char* name = "matmul_combine";
    gpu_.launch(chain_ != nullptr ? gpu_.library().kernel(name, name, text, chain_->combine_text)
                                  : gpu_.library().kernel(name, name, text),
                {gpu_.blocks_for(plan_.products() * plan_.p.m * plan_.p.n, 256), 1, 1}, {256, 1, 1}, arguments);
  }

  static Dim3 blocks(int64_t count, int64_t per_block) {
    return {static_cast<uint32_t>((count + per_block - 1) / per_block), 1, 1};
  }

  GpuBackend& gpu_;
  int32_t count_;
  DType dtype_;
  MatmulPlan plan_;
  const RunContext& context_;
  const ProductChain* chain_;
  MatmulAddresses addresses_{};
  std::vector<BufferPtr> holders_;
};

}  // namespace

// Any chain can be a part of our own kernels. The vendor's library has a few, and its result is all that is
// stored.
bool matmul_takes_chain(GpuBackend& gpu, const ChainOffer& offer) {
  if (!vendor_multiplies(gpu, offer.product)) return true;
  return offer.before == nullptr && offer.only_reader && vendor_epilogue(gpu, offer.product, offer.chain);
}

void prepare_matmul(GpuBackend& gpu, Launch& launch) {
  if (!launch.tape) return;
  const MatmulPlan plan = plan_matmul(launch.inputs[0], launch.inputs[1], launch.outputs[0], 1);
  launch.prepared = prepare_chain(gpu, launch, plan.wide);
}

void run_matmul(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  if (launch.tape) {
    if (static_cast<const ProductChain*>(launch.prepared.get())->run_by_vendor(gpu, launch, context)) return;
    return MatmulRun(gpu, launch, context, 0, 1).run();
  }
  if (multiply_by_vendor(gpu, launch, context)) return;
  for (int32_t begin = 0; begin < launch.items; begin += kItems)
    MatmulRun(gpu, launch, context, begin, std::min(kItems, launch.items - begin)).run();
}

}  // namespace nngpu::gpu
