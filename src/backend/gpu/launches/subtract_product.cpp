#include "backend/gpu/launches/subtract_product.h"

namespace nngpu::gpu {
namespace {

// As in kernels/subtract_product.kl.
struct Product {
  int64_t a_step, a_rs, a_cs, b_step, b_rs, b_cs, c_step, c_rs, c_cs, entries;
  int32_t m, n, k, lower;
};

}  // namespace

void subtract_product(GpuBackend& gpu, const Matrices& a, const Matrices& b, const Matrices& c, bool lower) {
  if (c.entries == 0 || c.rows == 0 || c.columns == 0 || a.columns == 0) return;
  const Product product{a.step,
                        a.rs,
                        a.cs,
                        b.step,
                        b.rs,
                        b.cs,
                        c.step,
                        c.rs,
                        c.cs,
                        c.entries,
                        static_cast<int32_t>(c.rows),
                        static_cast<int32_t>(c.columns),
                        static_cast<int32_t>(a.columns),
                        lower};
  Arguments arguments;
  arguments.buffer(a.data).buffer(b.data).buffer(c.data).value(product);
  const int64_t tiles = ((c.rows + 63) / 64) * ((c.columns + 63) / 64);
  gpu.launch(gpu.library().kernel("subtract_product", "subtract_product",
                                  "#define MAX_THREADS 256\n" + type_definition(c.dtype)),
             {static_cast<uint32_t>(tiles), entry_blocks(c.entries), 1}, {256, 1, 1}, arguments);
}

}  // namespace nngpu::gpu
