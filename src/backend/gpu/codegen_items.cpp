// Kernels of merged elementwise launches.
#include <algorithm>
#include <sstream>

#include "backend/gpu/codegen.h"
#include "backend/gpu/codegen_parts.h"

namespace nngpu::gpu {
namespace {

// An item that shows how operands are read: single numbers may be read in any way.
graph::Launch leading_item(const graph::Launch& launch) {
  const auto items = static_cast<size_t>(launch.items);
  const size_t inputs = launch.inputs.size() / items, outputs = launch.outputs.size() / items;
  size_t chosen = 0;
  for (size_t i = 0; i < items && launch.outputs[chosen * outputs].shape.empty(); ++i) chosen = i;
  graph::Launch item;
  item.kind = launch.kind;
  const auto part = [&](const std::vector<graph::Operand>& list, size_t count) {
    const auto first = list.begin() + static_cast<std::ptrdiff_t>(chosen * count);
    return std::vector<graph::Operand>(first, first + static_cast<std::ptrdiff_t>(count));
  };
  item.inputs = part(launch.inputs, inputs);
  item.outputs = part(launch.outputs, outputs);
  item.tape = std::make_unique<graph::Tape>(*launch.tape);
  item.tape->shape = item.outputs[0].shape;
  return item;
}

}  // namespace

// With the counts and the blocks of the items, well below the 4 KB that arguments may take.
int items_capacity(const graph::Launch& launch) {
  const size_t operands = (launch.inputs.size() + launch.outputs.size()) / static_cast<size_t>(launch.items);
  return static_cast<int>(std::min<size_t>(64, 3400 / (8 * operands + 12)));
}

std::string items_text(const graph::Launch& launch, const LoopForm& form) {
  const graph::Launch item = leading_item(launch);
  const int capacity = items_capacity(launch);
  const size_t operands = item.inputs.size() + item.outputs.size();
  std::ostringstream text;
  text << "typedef " << (form.wide ? "i64" : "i32") << " index;\n"
       << "struct Items {\n  u64 at[" << operands << "][" << capacity << "];\n  i64 count[" << capacity
       << "];\n  u32 first[" << capacity << "];\n  u32 items;\n};\n"
       << step_functions(*item.tape) << "KERNEL(chain_items, ";
  size_t next = 0;
  for (size_t i = 0; i < item.inputs.size(); ++i)
    if (item.inputs[i].constant)
      text << "SCALAR(" << storage_type(item.inputs[i].dtype) << ", x" << i << ", " << next++ << "), ";
  text << "SCALAR(Items, items, " << next << ")) {\n"
       << "  u32 item = 0;\n"
       << "  while (item + 1 < items.items && bid.x >= items.first[item + 1]) ++item;\n"
       << "  const u32 end = item + 1 < items.items ? items.first[item + 1] : gdim.x;\n"
       << "  const index count = (index)items.count[item];\n"
       << "  const index step = (index)(end - items.first[item]) * (index)bdim.x;\n"
       << "  const index first = (index)(bid.x - items.first[item]) * (index)bdim.x + (index)tid.x;\n";
  for (size_t k = 0; k < operands; ++k) {
    const bool input = k < item.inputs.size();
    const graph::Operand& operand = input ? item.inputs[k] : item.outputs[k - item.inputs.size()];
    if (operand.constant) continue;
    const std::string type = std::string(input ? "DEVICE const " : "DEVICE ") + storage_type(operand.dtype) + "*";
    text << "  " << type << " " << (input ? "x" : "y") << (input ? k : k - item.inputs.size()) << " = (" << type
         << ")items.at[" << k << "][item];\n";
  }
  write_packed_loop(text, item, form.pack);
  text << "}\n";
  return text.str();
}

}  // namespace nngpu::gpu
