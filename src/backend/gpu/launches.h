// The GPU backends' launches, one function a kind: inputs with any strides, outputs as planned (graph/launch.h).
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_H_

#include "backend/gpu/backend.h"
#include "graph/launch.h"

namespace nngpu::gpu {

using graph::Launch;
using graph::RunContext;

void prepare_elementwise(GpuBackend& gpu, Launch& launch);
void run_elementwise(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void prepare_reduce(GpuBackend& gpu, Launch& launch);
void run_reduce(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_arg_reduce(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_scan(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_softmax(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_softmax_gradient(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_normalize(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_normalize_gradient(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_dropout(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void prepare_matmul(GpuBackend& gpu, Launch& launch);
void run_matmul(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_attention(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_attention_gradient(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_copy(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_concat(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_pad(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_iota(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_take(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_gather(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_scatter_add(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_sort(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_top_k(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_random(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_lu_factor(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_lu_solve(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_cholesky(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_inverse(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_solve(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_triangular_solve(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_qr(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_eigh(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_custom(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_svd(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_convolution(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_pool(GpuBackend& gpu, const Launch& launch, const RunContext& context);
void run_pool_gradient(GpuBackend& gpu, const Launch& launch, const RunContext& context);

// Elements of `element_size` bytes from one strided place to another; `shape` counts them.
void copy_strided(GpuBackend& gpu, size_t element_size, const Shape& shape, const char* from,
                  const Dims& from_strides, char* to, const Dims& to_strides);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_H_
