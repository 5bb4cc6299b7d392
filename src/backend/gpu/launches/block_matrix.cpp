#include "backend/gpu/launches/block_matrix.h"

#include <algorithm>

namespace nngpu::gpu {
namespace {

// So many that a thread's part of the matrix fits its registers.
uint32_t warps_for(DType dtype, uint32_t side) {
  if (side <= 32) return 1;
  if (side <= 64) return 4;
  return dtype == DType::F64 && side > 96 ? 16 : 8;
}

}  // namespace

BlockGrid::BlockGrid(DType dtype, int64_t largest_side, int64_t entries)
    : side(static_cast<uint32_t>((largest_side + 31) / 32 * 32)),
      warps(warps_for(dtype, side)),
      blocks(static_cast<uint32_t>(std::max<int64_t>(entries, 1))) {}

std::string BlockGrid::definitions(DType dtype, int min_blocks) const {
  return min_blocks_definition(dtype, min_blocks) + "#define MAX_THREADS " + std::to_string(32 * warps) +
         "\n#define SIDE " + std::to_string(side) + "\n#define WARPS " + std::to_string(warps) + "\n" +
         type_definition(dtype);
}

std::string min_blocks_definition(DType dtype, int min_blocks) {
  return "#define MIN_BLOCKS " + std::to_string(dtype == DType::F64 ? 1 : min_blocks) + "\n";
}

void BlockGrid::launch(GpuBackend& gpu, KernelHandle kernel, const Arguments& arguments) const {
  gpu.launch(kernel, {blocks, 1, 1}, {32 * warps, 1, 1}, arguments);
}

}  // namespace nngpu::gpu
