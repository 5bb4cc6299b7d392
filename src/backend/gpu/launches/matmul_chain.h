// Elementwise chains that a product computes over its result (graph/plan_chain.cpp).
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_CHAIN_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_CHAIN_H_

#include <string>

#include "backend/gpu/launches.h"

namespace nngpu::gpu {

// What a product with a chain is prepared to: the chain as a launch of its own, and as a part of our kernels.
struct ProductChain {
  Launch chain;
  size_t product = 0;  // the load of the chain that is the product
  bool wide = false;   // 64-bit offsets
  std::string loop;    // the bytes of `struct Loop`
  std::string product_text,
      combine_text;  // behind the operands of the products' kernels, and of matmul_combine.kl

  // The operands that follow a kernel's own.
  void add_to(Arguments& arguments, const RunContext& context) const;
};

std::shared_ptr<const ProductChain> prepare_chain(const Launch& launch, bool wide);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_CHAIN_H_
