// The rules behind infer(), by subject. Devices are checked already when they are called.
#ifndef NNGPU_GRAPH_INFER_RULES_H_
#define NNGPU_GRAPH_INFER_RULES_H_

#include <algorithm>
#include <span>

#include "core/fail.h"
#include "graph/node.h"

namespace nngpu::graph {

using Inputs = std::span<const Tensor>;
using Outputs = std::vector<Output>;

inline Output made(const Shape& shape, DType dtype) { return Output{shape, dtype, {}}; }
inline Outputs one(const Shape& shape, DType dtype) { return {made(shape, dtype)}; }

// Checks with one wording each.
void require_same_dtype(const char* operation, const Tensor& a, const Tensor& b);
void require_dtype(const char* operation, const Tensor& x, DType dtype);
void require_scalar(const char* operation, const Tensor& x);
void require_number(const char* operation, const Tensor& x);    // not bool
void require_floating(const char* operation, const Tensor& x);  // any floating dtype
// The shapes agree on every axis but `axis`.
void require_same_but(const char* operation, const Shape& a, const Shape& b, int axis);
// The inner dimensions of a product agree; rank-1 operands count as row and column.
void require_inner_dimensions(const Shape& a, const Shape& b);
// f32 or f64 of at least two dimensions; with equal last sizes; with as many rows as another.
void require_matrix(const char* operation, const Tensor& a);
void require_square(const char* operation, const Tensor& a);
void require_same_rows(const char* operation, const Tensor& a, const Tensor& b);

// infer_elementwise.cpp
Outputs infer_elementwise(const ElementwiseParams& params, Inputs inputs);
// infer_reduce.cpp
Outputs infer_reduce(const ReduceParams& params, const Tensor& x);
Outputs infer_arg_reduce(const ArgReduceParams& params, const Tensor& x);
Outputs infer_scan(const ScanParams& params, const Tensor& x);
Outputs infer_softmax(const SoftmaxParams& params, const Tensor& x);
// infer_rows.cpp
Outputs infer_softmax_gradient(const SoftmaxParams& params, Inputs inputs);
Outputs infer_normalize(const NormalizeParams& params, Inputs inputs);
Outputs infer_normalize_gradient(const NormalizeParams& params, Inputs inputs);
Outputs infer_dropout(Inputs inputs);
// infer_attention.cpp
Outputs infer_attention(const AttentionParams& params, Inputs inputs);
Outputs infer_attention_gradient(const AttentionParams& params, Inputs inputs);
// infer_shape.cpp
Outputs infer_reshape(const ShapeParams& params, const Tensor& x);
Outputs infer_broadcast(const ShapeParams& params, const Tensor& x);
Outputs infer_permute(const PermuteParams& params, const Tensor& x);
Outputs infer_slice(const SliceParams& params, const Tensor& x);
Outputs infer_diagonal(const DiagonalParams& params, const Tensor& x);
Outputs infer_concat(const AxisParams& params, Inputs inputs);
Outputs infer_pad(const PadParams& params, const Tensor& x, const Tensor& value);
// infer_index.cpp
Outputs infer_iota(const IotaParams& params, const Tensor& start, const Tensor& step);
Outputs infer_take(const AxisParams& params, const Tensor& x, const Tensor& indices);
Outputs infer_gather(const AxisParams& params, const Tensor& x, const Tensor& indices);
Outputs infer_scatter_add(const AxisParams& params, Inputs inputs);
Outputs infer_sort(const SortParams& params, const Tensor& x);
Outputs infer_topk(const TopKParams& params, const Tensor& x);
Outputs infer_random(const RandomParams& params, Inputs inputs);
// infer_linalg.cpp
Outputs infer_matmul(const Tensor& a, const Tensor& b);
Outputs infer_lu_factor(const Tensor& a);
Outputs infer_lu_solve(Inputs inputs);
Outputs infer_square(const char* operation, const Tensor& a);  // Cholesky, Inverse
Outputs infer_solve(const Tensor& a, const Tensor& b);
Outputs infer_triangular_solve(const Tensor& a, const Tensor& b);
Outputs infer_qr(const LinalgParams& params, const Tensor& a);
Outputs infer_eigh(const LinalgParams& params, const Tensor& a);
Outputs infer_svd(const LinalgParams& params, const Tensor& a);
// infer_convolution.cpp
// The shape of a convolution's result from those of its inputs (in the order of ops.def). Throws ShapeError or
// ValueError naming `operation`.
Shape convolution_shape(const char* operation, const ConvolutionParams& params, const Shape& a, const Shape& b);
Outputs infer_convolution(const ConvolutionParams& params, const Tensor& a, const Tensor& b);
// infer_pool.cpp
// Checks the windows of a pool that is not adaptive over planes of that height and width; throws as above.
void check_windows(const char* operation, const PoolParams& params, const int64_t (&plane)[2]);
// Checks that every window of a result of height and width `out` has an element of the plane.
void check_window_count(const char* operation, const PoolParams& params, const int64_t (&plane)[2],
                        const int64_t (&out)[2]);
Outputs infer_pool(const PoolParams& params, const Tensor& x);
Outputs infer_pool_gradient(const PoolParams& params, Inputs inputs);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_INFER_RULES_H_
