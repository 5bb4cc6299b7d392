// Elementwise chains that a product computes over its result (graph/plan_chain.cpp).
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_CHAIN_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_CHAIN_H_

#include <mutex>
#include <optional>
#include <string>

#include "backend/gpu/launches.h"
#include "backend/gpu/launches/matmul_epilogue.h"

namespace nngpu::gpu {

// What a product with a chain is prepared to: the chain as a launch of its own, as an epilogue of the vendor's
// library where that computes the product, and as a part of our kernels.
struct ProductChain {
  Launch chain;
  std::optional<EpilogueMatch> epilogue;
  size_t product = 0;  // the load of the chain that is the product
  bool wide = false;   // 64-bit offsets
  std::string loop;    // the bytes of `struct Loop`
  std::string product_text,
      combine_text;  // behind the operands of the products' kernels, and of matmul_combine.kl

  // The product and the chain by the vendor's library, or the product alone and the chain as a launch behind it,
  // where a run's numbers or addresses are not what was planned. False, with nothing done, where it is ours.
  bool run_by_vendor(GpuBackend& gpu, const Launch& launch, const RunContext& context) const;

  // The operands that follow a kernel's own.
  void add_to(Arguments& arguments, const RunContext& context) const;

 private:
  mutable std::once_flag apart_once_;
  mutable Launch apart_;  // the chain, prepared when it first runs behind the product
};

std::shared_ptr<const ProductChain> prepare_chain(GpuBackend& gpu, const Launch& launch, bool wide);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_CHAIN_H_
