#include "backend/gpu/launches/factor_vendor.h"

#include <algorithm>

#include "backend/gpu/launches/vendor_entries.h"
#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

using Kind = Factorization::Kind;

// Up to so many matrices the vendor is faster one after another than our kernels are on all at once: measured on
// an H200 from a side of 200 on. Ours take as long for one as for a hundred.
int64_t few_factors(const Stack& a) { return side_of(a) / 64; }
int64_t few_qr(const Stack& a) { return side_of(a) / 48; }

// The columns of q from the reflections in `a`.
void form_q(GpuBackend& gpu, const Stack& a, const char* reflections, char* factors, const Stack& q, char* entry,
            int32_t* info) {
  const int64_t k = std::min({a.rows, a.columns, q.columns});
  gpu.runtime().copy(entry, reflections, static_cast<size_t>(a.rows * k) * dtype_size(a.dtype));
  Factorization form = factorization(Kind::FormQ, q, entry);
  form.k = k;
  form.values = factors;
  form.info = info;
  if (!gpu.runtime().factorize(form)) throw DeviceError("[qr] the vendor's library forms no q of this size");
}

}  // namespace

bool factor_lu_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& pivots, const Stack& status) {
  if (!are_vendors(a, few_factors(a))) return false;
  const int64_t steps = std::min(a.rows, a.columns), count = a.entries * steps;
  const BufferPtr exchanges = gpu.pool().allocate(static_cast<size_t>(count) * sizeof(int64_t));
  const InfoWords info(gpu, a.entries);
  AlignedEntries entries(gpu, a);
  for (int64_t e = 0; e < a.entries; ++e) {
    Factorization f = factorization(Kind::Lu, a, entries.open(e));
    f.pivots = reinterpret_cast<int64_t*>(exchanges->data) + e * steps;
    f.info = info.of(e);
    if (!gpu.runtime().factorize(f)) return false;  // at the first, which is not written back then
    entries.close(e);
  }
  info.store(status, steps);
  Arguments arguments;
  arguments.buffer(exchanges->data).buffer(pivots.data).value(count);
  gpu.launch(gpu.library().kernel("vendor", "exchanges_to_pivots", "#define MAX_THREADS 256\n"),
             {gpu.blocks_for(count, 256), 1, 1}, {256, 1, 1}, arguments);
  return true;
}

bool factor_cholesky_by_vendor(GpuBackend& gpu, const Matrices& a, const Stack& status) {
  Stack stack = status;
  stack.data = a.data;
  stack.dtype = a.dtype;
  stack.rows = stack.columns = a.rows;
  if (!are_vendors(stack, few_factors(stack))) return false;
  const InfoWords info(gpu, stack.entries);
  AlignedEntries entries(gpu, stack);
  for (int64_t e = 0; e < stack.entries; ++e) {
    Factorization f = factorization(Kind::Cholesky, stack, entries.open(e));
    f.info = info.of(e);
    if (!gpu.runtime().factorize(f)) return false;
    entries.close(e);
  }
  info.store(status, a.rows);
  return true;
}

bool factor_qr_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& q) {
  if (!are_vendors(a, few_qr(a))) return false;
  const auto steps = static_cast<size_t>(std::min(a.rows, a.columns));
  const BufferPtr factors = gpu.pool().allocate(steps * dtype_size(a.dtype));
  const InfoWords info(gpu, 1);  // there is nothing to report
  AlignedEntries entries(gpu, a), products(gpu, q);
  for (int64_t e = 0; e < a.entries; ++e) {
    char* entry = entries.open(e);
    Factorization f = factorization(Kind::Qr, a, entry);
    f.values = factors->data;
    f.info = info.of(0);
    if (!gpu.runtime().factorize(f)) return false;
    entries.close(e);
    if (q.data == nullptr || q.columns == 0) continue;
    form_q(gpu, a, entry, factors->data, q, products.open(e, false), info.of(0));
    products.close(e);
  }
  return true;
}

bool solve_triangles_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& x,
                               std::initializer_list<TriangleOf> triangles) {
  if (!are_vendors(a, few_factors(a))) return false;
  AlignedEntries entries(gpu, a), results(gpu, x);
  for (int64_t e = 0; e < x.entries; ++e) {
    Factorization f = factorization(Kind::Triangular, a, entries.open(e));
    f.x = results.open(e);
    f.ldx = x.rows;
    f.k = x.columns;
    for (const TriangleOf& triangle : triangles) {
      f.transposed = triangle.transposed, f.upper = triangle.upper, f.unit = triangle.unit;
      if (!gpu.runtime().factorize(f)) return false;
    }
    results.close(e);
  }
  return true;
}

}  // namespace nngpu::gpu
