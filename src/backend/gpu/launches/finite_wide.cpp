#include "backend/gpu/launches/finite_wide.h"

namespace nngpu::gpu {
namespace {

constexpr int64_t kWide = 128 * 128;  // elements

}  // namespace

bool replace_non_finite_wide(GpuBackend& gpu, const Stack& matrices, bool lower, const Stack& status, int64_t n) {
  if (matrices.entry_size() < kWide || matrices.entries >= gpu.properties().multiprocessors) return false;
  gpu.runtime().fill_zero(status.data, static_cast<size_t>(status.bytes()));
  const auto bad = static_cast<int32_t>(n + 1);
  const auto kernel = [&](const char* name) {
    return gpu.library().kernel("finite_wide", name,
                                "#define MAX_THREADS 256\n" + type_definition(matrices.dtype));
  };
  const Dim3 blocks{gpu.blocks_for(matrices.columns * 256, 256), entry_blocks(matrices.entries), 1};
  Arguments find, replace;
  find.buffer(matrices.data).buffer(status.data).value(matrices.rows).value(matrices.columns);
  find.value(matrices.entries).value(int32_t{lower}).value(bad);
  gpu.launch(kernel("find_non_finite"), blocks, {256, 1, 1}, find);
  replace.buffer(matrices.data).buffer(status.data).value(matrices.rows).value(matrices.columns);
  replace.value(matrices.entries).value(bad);
  gpu.launch(kernel("replace_found"), blocks, {256, 1, 1}, replace);
  return true;
}

}  // namespace nngpu::gpu
