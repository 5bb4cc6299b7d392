// Merged elementwise work: runs of elements of different lengths that one tape computes, by one kernel.
#include "backend/gpu/launches/elementwise_items.h"

#include <algorithm>
#include <cstring>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/extent.h"
#include "backend/gpu/launches/packs.h"

namespace nngpu::gpu {
namespace {

constexpr uint32_t kThreads = 256;

struct ItemsPlan {
  LoopForm form;
  KernelHandle kernel = nullptr;
  std::vector<int64_t> counts;
  size_t inputs = 0, outputs = 0;  // of one item
  int capacity = 0;
};

const graph::Operand& operand_of(const Launch& launch, const ItemsPlan& plan, size_t item, size_t k) {
  return k < plan.inputs ? launch.inputs[item * plan.inputs + k]
                         : launch.outputs[item * plan.outputs + k - plan.inputs];
}

KernelHandle items_kernel(GpuBackend& gpu, const Launch& launch, const LoopForm& form) {
  return gpu.library().generated(items_text(launch, form), "chain_items");
}

// `struct Items` of the kernel's text: addresses by operand, counts, first blocks, number of items.
class Table {
 public:
  Table(size_t operands, int capacity)
      : capacity_(static_cast<size_t>(capacity)),
        counts_at_(operands * capacity_ * 8),
        firsts_at_(counts_at_ + capacity_ * 8),
        bytes_((firsts_at_ + (capacity_ + 1) * 4 + 7) / 8 * 8, '\0') {}
  void set_address(size_t operand, size_t item, const char* address) {
    put((operand * capacity_ + item) * 8, reinterpret_cast<uint64_t>(address));
  }
  void set_item(size_t item, int64_t count, uint32_t first_block) {
    put(counts_at_ + item * 8, count);
    put(firsts_at_ + item * 4, first_block);
    put(firsts_at_ + capacity_ * 4, static_cast<uint32_t>(item + 1));
  }
  const std::string& bytes() const { return bytes_; }
  size_t addresses_size() const { return counts_at_; }

 private:
  template <class T>
  void put(size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof(value));
  }
  size_t capacity_, counts_at_, firsts_at_;
  std::string bytes_;
};

}  // namespace

void prepare_elementwise_items(GpuBackend& gpu, Launch& launch) {
  auto plan = std::make_shared<ItemsPlan>();
  const auto items = static_cast<size_t>(launch.items);
  plan->inputs = launch.inputs.size() / items;
  plan->outputs = launch.outputs.size() / items;
  for (size_t i = 0; i < items; ++i) {
    const Shape& shape = launch.outputs[i * plan->outputs].shape;
    plan->counts.push_back(numel(shape));
    plan->form.wide = plan->form.wide || needs_wide_offsets(shape, {}, {});
  }
  plan->form.pack = pack_width(launch.inputs, launch.outputs);
  plan->capacity = items_capacity(launch);
  plan->kernel = items_kernel(gpu, launch, plan->form);
  launch.prepared = std::move(plan);
}

void run_elementwise_items(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& plan = *static_cast<const ItemsPlan*>(launch.prepared.get());
  KernelHandle kernel = plan.kernel;
  int width = plan.form.pack;
  if (width > 1 && !packs_are_aligned(launch, context, width)) {
    width = 1;
    kernel = items_kernel(gpu, launch, {plan.form.wide, 1});
  }
  const size_t items = plan.counts.size(), capacity = static_cast<size_t>(plan.capacity);
  for (size_t begin = 0; begin < items; begin += capacity) {
    Table table(plan.inputs + plan.outputs, plan.capacity);
    uint32_t blocks = 0;
    for (size_t i = begin; i < std::min(items, begin + capacity); ++i) {
      table.set_item(i - begin, plan.counts[i], blocks);
      blocks += gpu.blocks_for((plan.counts[i] + width - 1) / width, kThreads);
      for (size_t k = 0; k < plan.inputs + plan.outputs; ++k) {
        const graph::Operand& operand = operand_of(launch, plan, i, k);
        if (!operand.constant) table.set_address(k, i - begin, context.at(operand));
      }
    }
    Arguments arguments;
    for (size_t k = 0; k < plan.inputs; ++k) {
      const graph::Operand& input = launch.inputs[k];
      if (input.constant) arguments.number(context.at(input), dtype_size(input.dtype));
    }
    arguments.addresses(table.bytes().data(), table.bytes().size(), table.addresses_size());
    gpu.launch(kernel, {blocks, 1, 1}, {kThreads, 1, 1}, arguments);
  }
}

}  // namespace nngpu::gpu
