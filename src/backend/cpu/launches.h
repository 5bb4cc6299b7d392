// The CPU backend's launches, one function a kind: inputs with any strides, outputs as planned (launch.h).
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_H_

#include "graph/launch.h"

namespace nngpu::cpu {

using graph::Launch;
using graph::RunContext;

void run_arg_reduce(const Launch& launch, const RunContext& context);
void run_scan(const Launch& launch, const RunContext& context);
void run_softmax(const Launch& launch, const RunContext& context);
void run_softmax_gradient(const Launch& launch, const RunContext& context);
void run_normalize(const Launch& launch, const RunContext& context);
void run_normalize_gradient(const Launch& launch, const RunContext& context);
void run_dropout(const Launch& launch, const RunContext& context);
void prepare_matmul(Launch& launch);
void run_matmul(const Launch& launch, const RunContext& context);
void run_attention(const Launch& launch, const RunContext& context);
void run_attention_gradient(const Launch& launch, const RunContext& context);
void run_copy(const Launch& launch, const RunContext& context);
void run_concat(const Launch& launch, const RunContext& context);
void run_pad(const Launch& launch, const RunContext& context);
void run_iota(const Launch& launch, const RunContext& context);
void run_take(const Launch& launch, const RunContext& context);
void run_gather(const Launch& launch, const RunContext& context);
void run_scatter_add(const Launch& launch, const RunContext& context);
void run_sort(const Launch& launch, const RunContext& context);
void run_top_k(const Launch& launch, const RunContext& context);
void run_random(const Launch& launch, const RunContext& context);
void run_lu_factor(const Launch& launch, const RunContext& context);
void run_lu_solve(const Launch& launch, const RunContext& context);
void run_cholesky(const Launch& launch, const RunContext& context);
void run_inverse(const Launch& launch, const RunContext& context);
void run_solve(const Launch& launch, const RunContext& context);
void run_triangular_solve(const Launch& launch, const RunContext& context);
void run_qr(const Launch& launch, const RunContext& context);
void run_eigh(const Launch& launch, const RunContext& context);
void run_svd(const Launch& launch, const RunContext& context);
void run_convolution(const Launch& launch, const RunContext& context);
void run_pool(const Launch& launch, const RunContext& context);
void run_pool_gradient(const Launch& launch, const RunContext& context);

// dst (contiguous in row-major order of `shape`, or with dst_strides) = src of the same dtype and any strides.
// Multithreaded when large, cache-blocked for transposes.
void copy_strided(size_t element_size, const Shape& shape, const char* src, const Dims& src_strides, char* dst,
                  const Dims& dst_strides);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_H_
