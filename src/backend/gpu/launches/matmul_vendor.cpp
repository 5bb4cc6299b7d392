#include "backend/gpu/launches/matmul_vendor.h"

#include <optional>
#include <utility>

#include "graph/context.h"
#include "graph/layout.h"
#include "nngpu/device.h"

namespace nngpu::gpu {
namespace {

// A matrix as a vendor's library sees it: column-major, or the transpose of such a one.
struct Layout {
  bool transposed;
  int64_t ld;
};

std::optional<Layout> layout_of(int64_t rows, int64_t columns, int64_t row, int64_t column) {
  if ((row == 1 || rows == 1) && (column >= rows || columns == 1)) return Layout{false, std::max(rows, column)};
  if ((column == 1 || columns == 1) && (row >= columns || rows == 1)) return Layout{true, std::max(columns, row)};
  return std::nullopt;
}

// The axes before the matrix as one, with its stride in each operand; nothing where they do not merge.
struct BatchAxis {
  int64_t count = 1, a = 0, b = 0, c = 0;
};
std::optional<BatchAxis> batch_axis(const Launch& launch) {
  const graph::Operand &x = launch.inputs[0], &y = launch.inputs[1], &z = launch.outputs[0];
  Shape sizes;
  Dims a, b, c;
  for (int i = 0; i < z.shape.size() - 2; ++i) {
    sizes.push_back(z.shape[i]);
    a.push_back(x.strides[i]);
    b.push_back(y.strides[i]);
    c.push_back(z.strides[i]);
  }
  Dims classes = Dims::filled(sizes.size(), 0);
  graph::collapse(sizes, {&a, &b, &c}, classes);
  if (sizes.size() > 1) return std::nullopt;
  if (sizes.size() == 0) return BatchAxis{};
  if (a[0] < 0 || b[0] < 0) return std::nullopt;
  return BatchAxis{sizes[0], a[0], b[0], c[0]};
}

struct VendorProduct {
  Gemm gemm;             // without addresses
  bool swapped = false;  // a and b have changed places
};

std::optional<VendorProduct> vendor_product(const Launch& launch) {
  const graph::Operand &x = launch.inputs[0], &y = launch.inputs[1], &z = launch.outputs[0];
  if (launch.items != 1 || !is_floating(z.dtype) || x.constant || y.constant) return std::nullopt;
  if (numel(z.shape) <= graph::kBatchElements) return std::nullopt;
  const int row = z.shape.size() - 2, column = row + 1;
  const int64_t m = z.shape[row], n = z.shape[column], k = x.shape[column];
  // Of few terms it is ours: no call pays, and any chain is a part of it.
  constexpr int64_t kFewTerms = 16, kManyResults = int64_t{1} << 18;
  if (k == 0 || (k <= kFewTerms && numel(z.shape) <= kManyResults)) return std::nullopt;
  auto a = layout_of(m, k, x.strides[row], x.strides[column]);
  auto b = layout_of(k, n, y.strides[row], y.strides[column]);
  const auto c = layout_of(m, n, z.strides[row], z.strides[column]);
  const auto batch = batch_axis(launch);
  if (!a || !b || !c || !batch) return std::nullopt;

  VendorProduct product{};
  Gemm& g = product.gemm;
  g.dtype = z.dtype;
  g.tf32 = tf32();
  g.m = m, g.n = n, g.k = k;
  g.batch = batch->count, g.stride_a = batch->a, g.stride_b = batch->b, g.stride_c = batch->c;
  // A row-major result is the product of the transposed factors, in the other order.
  if (c->transposed) {
    std::swap(a, b);
    a->transposed = !a->transposed;
    b->transposed = !b->transposed;
    std::swap(g.m, g.n);
    product.swapped = true;
    std::swap(g.stride_a, g.stride_b);
  }
  g.transpose_a = a->transposed, g.lda = a->ld;
  g.transpose_b = b->transposed, g.ldb = b->ld;
  g.ldc = c->ld;
  return product;
}

void place_factors(VendorProduct& product, const Launch& launch, const RunContext& context) {
  product.gemm.a = context.at(launch.inputs[product.swapped ? 1 : 0]);
  product.gemm.b = context.at(launch.inputs[product.swapped ? 0 : 1]);
}

}  // namespace

bool vendor_multiplies(GpuBackend& gpu, const Launch& launch) {
  const std::optional<VendorProduct> product = vendor_product(launch);
  return product && gpu.runtime().plan_gemm(product->gemm);
}

std::optional<EpilogueMatch> vendor_epilogue(GpuBackend& gpu, const Launch& product, const Launch& chain) {
  std::optional<VendorProduct> planned = vendor_product(product);
  if (!planned) return std::nullopt;
  Gemm& g = planned->gemm;
  const std::optional<EpilogueMatch> match = match_epilogue(chain, product.outputs[0], g.m);
  if (!match) return std::nullopt;
  g.epilogue = match->epilogue;
  g.adds = match->added >= 0;
  return gpu.runtime().plan_gemm(g) ? match : std::nullopt;
}

bool multiply_by_vendor(GpuBackend& gpu, const Launch& launch, const Launch& chain, const EpilogueMatch& match,
                        const RunContext& context) {
  std::optional<VendorProduct> product = vendor_product(launch);
  if (!product || !match.has_numbers(chain, context)) return false;
  Gemm& g = product->gemm;
  place_factors(*product, launch, context);
  g.c = context.at(chain.outputs[0]);
  g.epilogue = match.epilogue;
  if (match.bias >= 0) g.bias = context.at(chain.inputs[static_cast<size_t>(match.bias)]);
  g.adds = match.added >= 0;
  if (g.adds) g.added = context.at(chain.inputs[static_cast<size_t>(match.added)]);
  return gpu.runtime().gemm(g);
}

bool multiply_by_vendor(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  std::optional<VendorProduct> product = vendor_product(launch);
  if (!product) return false;
  place_factors(*product, launch, context);
  product->gemm.c = context.at(launch.outputs[0]);
  return gpu.runtime().gemm(product->gemm);
}

}  // namespace nngpu::gpu
