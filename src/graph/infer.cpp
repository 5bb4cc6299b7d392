#include "graph/infer.h"

#include "graph/custom.h"
#include "graph/infer_rules.h"

namespace nngpu::graph {
namespace {

// Numbers belong to every device.
void require_one_device(OpKind kind, const Params& params, Inputs inputs) {
  const Tensor* first = nullptr;
  for (const Tensor& input : inputs) {
    if (is_number(*input.node())) continue;
    if (first == nullptr) first = &input;
    if (input.device() == first->device()) continue;
    fail<DeviceError>(operation_name(kind, params).c_str(), "tensors are on ", first->device(), " and ",
                      input.device(), ": copy one of them");
  }
}

}  // namespace

std::string operation_name(OpKind kind, const Params& params) {
  if (kind == OpKind::Elementwise) return elementwise_info(params.as<ElementwiseParams>().code).name;
  if (kind == OpKind::Concat) return "concatenate";
  std::string name;
  for (const char* c = op_name(kind); *c != '\0'; ++c) {
    const bool capital = *c >= 'A' && *c <= 'Z';
    if (capital && !name.empty()) name += '_';
    name += capital ? static_cast<char>(*c - 'A' + 'a') : *c;
  }
  return name;
}

void require_same_dtype(const char* operation, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) fail<DTypeError>(operation, "dtypes differ: ", a.dtype(), " and ", b.dtype());
}

void require_dtype(const char* operation, const Tensor& x, DType dtype) {
  if (x.dtype() != dtype) fail<DTypeError>(operation, "needs ", dtype, ": ", x.dtype());
}

void require_scalar(const char* operation, const Tensor& x) {
  if (x.rank() != 0) fail<ShapeError>(operation, "needs a scalar: ", x.shape());
}

void require_number(const char* operation, const Tensor& x) {
  if (x.dtype() == DType::Bool) fail<DTypeError>(operation, "needs numbers: ", x.dtype());
}

void require_floating(const char* operation, const Tensor& x) {
  if (!is_floating(x.dtype())) fail<DTypeError>(operation, "needs a floating dtype: ", x.dtype());
}

void require_same_but(const char* operation, const Shape& a, const Shape& b, int axis) {
  bool same = a.size() == b.size();
  for (int i = 0; same && i < a.size(); ++i) same = i == axis || a[i] == b[i];
  if (!same) fail<ShapeError>(operation, "shapes must agree but for axis ", axis, ": ", a, " and ", b);
}

namespace {
Outputs infer_custom(const CustomParams& params) {
  const Kernel::Call& call = kernel_call(params.call);
  Outputs outputs;
  for (size_t i = 0; i < call.shapes.size(); ++i) outputs.push_back({call.shapes[i], call.dtypes[i], {}});
  return outputs;
}
}  // namespace

// A switch without a default: a new kind does not compile before it has its rule.
Outputs infer(OpKind kind, const Params& params, Inputs in) {
  require_one_device(kind, params, in);
  switch (kind) {
    case OpKind::Data:         // made by make_data
    case OpKind::Placeholder:  // its signature is the traced argument's
      return {};
    case OpKind::Constant:
      return one({}, static_cast<DType>(params.as<ConstantParams>().dtype));
    case OpKind::Elementwise:
      return infer_elementwise(params.as<ElementwiseParams>(), in);
    case OpKind::Reduce:
      return infer_reduce(params.as<ReduceParams>(), in[0]);
    case OpKind::ArgReduce:
      return infer_arg_reduce(params.as<ArgReduceParams>(), in[0]);
    case OpKind::Scan:
      return infer_scan(params.as<ScanParams>(), in[0]);
    case OpKind::Softmax:
      return infer_softmax(params.as<SoftmaxParams>(), in[0]);
    case OpKind::SoftmaxGradient:
      return infer_softmax_gradient(params.as<SoftmaxParams>(), in);
    case OpKind::Normalize:
      return infer_normalize(params.as<NormalizeParams>(), in);
    case OpKind::NormalizeGradient:
      return infer_normalize_gradient(params.as<NormalizeParams>(), in);
    case OpKind::Dropout:
      return infer_dropout(in);
    case OpKind::Matmul:
      return infer_matmul(in[0], in[1]);
    case OpKind::Attention:
      return infer_attention(params.as<AttentionParams>(), in);
    case OpKind::AttentionGradient:
      return infer_attention_gradient(params.as<AttentionParams>(), in);
    case OpKind::Reshape:
      return infer_reshape(params.as<ShapeParams>(), in[0]);
    case OpKind::Broadcast:
      return infer_broadcast(params.as<ShapeParams>(), in[0]);
    case OpKind::Permute:
      return infer_permute(params.as<PermuteParams>(), in[0]);
    case OpKind::Slice:
      return infer_slice(params.as<SliceParams>(), in[0]);
    case OpKind::Diagonal:
      return infer_diagonal(params.as<DiagonalParams>(), in[0]);
    case OpKind::Tie: {
      Outputs outputs;
      for (int64_t i = 0; i < params.as<TieParams>().count; ++i)
        outputs.push_back(made(in[static_cast<size_t>(i)].shape(), in[static_cast<size_t>(i)].dtype()));
      return outputs;
    }
    case OpKind::Copy:
      return one(in[0].shape(), in[0].dtype());
    case OpKind::Concat:
      return infer_concat(params.as<AxisParams>(), in);
    case OpKind::Pad:
      return infer_pad(params.as<PadParams>(), in[0], in[1]);
    case OpKind::Iota:
      return infer_iota(params.as<IotaParams>(), in[0], in[1]);
    case OpKind::Take:
      return infer_take(params.as<AxisParams>(), in[0], in[1]);
    case OpKind::Gather:
      return infer_gather(params.as<AxisParams>(), in[0], in[1]);
    case OpKind::ScatterAdd:
      return infer_scatter_add(params.as<AxisParams>(), in);
    case OpKind::Sort:
      return infer_sort(params.as<SortParams>(), in[0]);
    case OpKind::TopK:
      return infer_topk(params.as<TopKParams>(), in[0]);
    case OpKind::Random:
      return infer_random(params.as<RandomParams>(), in);
    case OpKind::LuFactor:
      return infer_lu_factor(in[0]);
    case OpKind::LuSolve:
      return infer_lu_solve(in);
    case OpKind::Cholesky:
      return infer_square("cholesky", in[0]);
    case OpKind::Inverse:
      return infer_square("inverse", in[0]);
    case OpKind::Solve:
      return infer_solve(in[0], in[1]);
    case OpKind::TriangularSolve:
      return infer_triangular_solve(in[0], in[1]);
    case OpKind::Qr:
      return infer_qr(params.as<LinalgParams>(), in[0]);
    case OpKind::Eigh:
      return infer_eigh(params.as<LinalgParams>(), in[0]);
    case OpKind::Svd:
      return infer_svd(params.as<LinalgParams>(), in[0]);
    case OpKind::Convolution:
      return infer_convolution(params.as<ConvolutionParams>(), in[0], in[1]);
    case OpKind::Pool:
      return infer_pool(params.as<PoolParams>(), in[0]);
    case OpKind::PoolGradient:
      return infer_pool_gradient(params.as<PoolParams>(), in);
    case OpKind::Custom:
      return infer_custom(params.as<CustomParams>());
  }
  return {};
}

}  // namespace nngpu::graph
