#include "backend/gpu/launches/matmul_chain.h"

#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches/extent.h"
#include "backend/gpu/launches/matmul_vendor.h"

namespace nngpu::gpu {

bool ProductChain::run_by_vendor(GpuBackend& gpu, const Launch& launch, const RunContext& context) const {
  if (!epilogue) return false;
  if (multiply_by_vendor(gpu, launch, chain, *epilogue, context)) return true;
  if (!multiply_by_vendor(gpu, launch, context)) return false;
  std::call_once(apart_once_, [&] {
    apart_.kind = chain.kind;
    apart_.inputs = chain.inputs;
    apart_.outputs = chain.outputs;
    apart_.tape = std::make_unique<graph::Tape>(*chain.tape);
    prepare_elementwise(gpu, apart_);
  });
  run_elementwise(gpu, apart_, context);
  return true;
}

void ProductChain::add_to(Arguments& arguments, const RunContext& context) const {
  for (size_t i = 0; i < chain.inputs.size(); ++i) {
    const graph::Operand& input = chain.inputs[i];
    if (i == product) continue;
    if (input.constant)
      arguments.number(context.at(input), dtype_size(input.dtype));
    else
      arguments.buffer(context.at(input));
  }
  for (const graph::Operand& output : chain.outputs) arguments.buffer(context.at(output));
  arguments.bytes(loop.data(), loop.size());
}

std::shared_ptr<const ProductChain> prepare_chain(GpuBackend& gpu, const Launch& launch, bool wide) {
  auto prepared = std::make_shared<ProductChain>();
  Launch& chain = prepared->chain;
  const graph::Operand& result = launch.outputs[0];
  chain.kind = graph::OpKind::Elementwise;
  chain.inputs.assign(launch.inputs.begin() + 2, launch.inputs.end());
  chain.outputs.assign(launch.outputs.begin() + 1, launch.outputs.end());
  chain.tape = std::make_unique<graph::Tape>(*launch.tape);
  const auto is_result = [&](const graph::Operand& other) { return other.slot == result.slot; };
  prepared->product = static_cast<size_t>(std::find_if(chain.inputs.begin(), chain.inputs.end(), is_result) -
                                          chain.inputs.begin());
  prepared->wide = wide || needs_wide_offsets(chain.tape->shape, chain.inputs, chain.outputs);
  prepared->loop = loop_bytes(chain.tape->shape, chain.inputs, chain.outputs, prepared->wide);
  prepared->epilogue = vendor_epilogue(gpu, launch, chain);
  // A result of the chain may take the place of the product's.
  const bool store = std::none_of(chain.outputs.begin(), chain.outputs.end(), is_result);
  prepared->product_text = chain_text(chain, prepared->product, prepared->wide, store, 4);
  prepared->combine_text = chain_text(chain, prepared->product, prepared->wide, store, 3);
  return prepared;
}

}  // namespace nngpu::gpu
