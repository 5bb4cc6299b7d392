#include "autograd/rules.h"

#include <string>

#include "graph/infer.h"
#include "nngpu/error.h"

namespace nngpu::autograd {

using graph::OpKind;

Tensor Call::gradient(uint32_t i) const { return gradients_[i].defined() ? gradients_[i] : zeros_like(output(i)); }

void fail_without_gradient(const char* operation) {
  throw GradientError(std::string("[") + operation + "] has no gradient");
}

Tensor sum_to(const Tensor& g, const Shape& shape) {
  if (g.shape() == shape) return g;
  const int extra = g.rank() - shape.size();
  Axes axes;
  for (int i = 0; i < g.rank(); ++i)
    if (i < extra || (shape[i - extra] == 1 && g.shape()[i] != 1)) axes.dims.push_back(i);
  return reshape(axes.dims.empty() ? g : sum(g, axes), shape);
}

Gradients input_gradients(const Call& call) {
  switch (call.node().kind) {
    case OpKind::Data:
    case OpKind::Constant:
    case OpKind::Placeholder:
      return {};  // have no inputs
    case OpKind::Elementwise:
      return elementwise_gradients(call);
    case OpKind::Reduce:
      return reduce_gradients(call);
    case OpKind::Scan:
      return scan_gradients(call);
    case OpKind::Softmax:
      return softmax_gradients(call);
    case OpKind::SoftmaxGradient:
      return softmax_gradient_gradients(call);
    case OpKind::Normalize:
      return normalize_gradients(call);
    case OpKind::NormalizeGradient:
      return normalize_gradient_gradients(call);
    case OpKind::Dropout:
      return dropout_gradients(call);
    case OpKind::Matmul:
      return matmul_gradients(call);
    case OpKind::Attention:
      return attention_gradients(call);
    case OpKind::AttentionGradient:
      return attention_gradient_gradients(call);
    case OpKind::Reshape:
      return {reshape(call.gradient(), call.input(0).shape())};
    case OpKind::Broadcast:
      return {sum_to(call.gradient(), call.input(0).shape())};
    case OpKind::Permute:
      return permute_gradients(call);
    case OpKind::Slice:
      return {slice_gradient(call.input(0), call.params<graph::SliceParams>(), call.gradient())};
    case OpKind::Diagonal:
      return diagonal_gradients(call);
    case OpKind::Tie: {
      Gradients result(call.input_count());
      for (uint32_t i = 0; i < call.node().outputs.size(); ++i)
        if (call.has_gradient(i)) result[i] = call.gradient(i);
      return result;
    }
    case OpKind::Copy:
      return {call.gradient()};
    case OpKind::Concat:
      return concat_gradients(call);
    case OpKind::Pad:
      return pad_gradients(call);
    case OpKind::Iota:
      return iota_gradients(call);
    case OpKind::Take:
      return take_gradients(call);
    case OpKind::Gather:
      return gather_gradients(call);
    case OpKind::ScatterAdd:
      return scatter_add_gradients(call);
    case OpKind::Sort:
      return sorted_gradients(call, call.params<graph::SortParams>().axis);
    case OpKind::TopK:
      return sorted_gradients(call, call.params<graph::TopKParams>().axis);
    case OpKind::Convolution:
      return convolution_gradients(call);
    case OpKind::Pool:
      return pool_gradients(call);
    case OpKind::PoolGradient:
      return pool_gradient_gradients(call);
    case OpKind::ArgReduce:
    case OpKind::Random:
      fail_without_gradient(graph::operation_name(call.node().kind, call.node().params).c_str());
    case OpKind::LuFactor:
      return lu_factor_gradients(call);
    case OpKind::LuSolve:
      return lu_solve_gradients(call);
    case OpKind::Cholesky:
      return cholesky_gradients(call);
    case OpKind::Inverse:
      return inverse_gradients(call);
    case OpKind::Solve:
      return solve_gradients(call);
    case OpKind::TriangularSolve:
      return triangular_solve_gradients(call);
    case OpKind::Qr:
      return qr_gradients(call);
    case OpKind::Eigh:
      return eigh_gradients(call);
    case OpKind::Svd:
      return svd_gradients(call);
    case OpKind::Custom:
      return custom_gradients(call);
  }
  return {};
}

}  // namespace nngpu::autograd
