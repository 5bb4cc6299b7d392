// Which chains behind a product a vendor's library computes with it. What is recognised is all that runs in it:
// a bias along the rows of memory, a sum with a matrix, relu, and the tanh approximation of gelu. The exact gelu
// is no such chain.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_EPILOGUE_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_EPILOGUE_H_

#include <optional>
#include <utility>
#include <vector>

#include "backend/gpu/runtime.h"
#include "graph/launch.h"

namespace nngpu::gpu {

// A chain as an epilogue. Its operands are loads of the chain, by their numbers; -1: none.
struct EpilogueMatch {
  GemmEpilogue epilogue = GemmEpilogue::None;
  int32_t bias = -1, added = -1;
  // The numbers that make the chain what it is taken for: plans know where they lie, only a run what they are.
  std::vector<std::pair<int32_t, double>> numbers;

  bool has_numbers(const graph::Launch& chain, const graph::RunContext& context) const;
};

// `result` is what the product would store; `row` how many of its elements the bias has: those that follow one
// another in memory in a row (column) of the result.
std::optional<EpilogueMatch> match_epilogue(const graph::Launch& chain, const graph::Operand& result, int64_t row);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_MATMUL_EPILOGUE_H_
