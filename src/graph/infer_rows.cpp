#include "graph/infer_rules.h"

namespace nngpu::graph {
namespace {

// Of x's shape with the normalised axes of size 1.
Shape statistics_shape(const Shape& shape, int64_t axes) {
  Shape result = shape;
  for (int k = shape.size() - static_cast<int>(axes); k < shape.size(); ++k) result[k] = 1;
  return result;
}

void require_axes(const char* name, const NormalizeParams& params, const Tensor& x) {
  if (params.axes < 1 || params.axes > x.rank())
    fail<ShapeError>(name, "cannot normalise ", params.axes, " trailing axes of ", x.shape());
}

// Weight and bias have x's dtype or the one it computes in, both the same.
void require_factor(const char* name, const NormalizeParams& params, const Tensor& x, const Tensor& factor) {
  if (factor.dtype() != x.dtype() && factor.dtype() != compute_dtype(x.dtype()))
    fail<DTypeError>(name, "dtypes differ: ", x.dtype(), " and ", factor.dtype());
  Shape trailing;
  for (int k = x.rank() - static_cast<int>(params.axes); k < x.rank(); ++k) trailing.push_back(x.shape()[k]);
  if (!(factor.shape() == trailing))
    fail<ShapeError>(name, "weight and bias must have shape ", trailing, ": ", factor.shape());
}

void require_same_shape(const char* name, const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) fail<ShapeError>(name, "shapes differ: ", a.shape(), " and ", b.shape());
}

}  // namespace

Outputs infer_softmax_gradient(const SoftmaxParams& params, Inputs in) {
  const char* name = "softmax_gradient";
  normalize_axis(name, params.axis, in[1].rank());
  require_floating(name, in[1]);
  require_same_dtype(name, in[0], in[1]);
  require_same_shape(name, in[0], in[1]);
  return one(in[1].shape(), in[1].dtype());
}

Outputs infer_normalize(const NormalizeParams& params, Inputs in) {
  const char* name = params.rms != 0 ? "rms_norm" : "layer_norm";
  const Tensor& x = in[0];
  require_floating(name, x);
  require_axes(name, params, x);
  for (size_t i = 1; i < in.size(); ++i) require_factor(name, params, x, in[i]);
  if (in.size() == 3) require_same_dtype(name, in[1], in[2]);
  const Shape statistics = statistics_shape(x.shape(), params.axes);
  const DType dtype = compute_dtype(x.dtype());
  return {made(x.shape(), x.dtype()), made(params.rms != 0 ? Shape{0} : statistics, dtype),
          made(statistics, dtype)};
}

Outputs infer_normalize_gradient(const NormalizeParams& params, Inputs in) {
  const char* name = params.rms != 0 ? "rms_norm_gradient" : "layer_norm_gradient";
  const Tensor& x = in[1];
  require_floating(name, x);
  require_axes(name, params, x);
  require_same_dtype(name, in[0], x);
  require_same_shape(name, in[0], x);
  for (size_t i = 2; i < 4; ++i) require_dtype(name, in[i], compute_dtype(x.dtype()));
  const Shape statistics = statistics_shape(x.shape(), params.axes);
  if (!(in[3].shape() == statistics) || !(in[2].shape() == (params.rms != 0 ? Shape{0} : statistics)))
    fail<ShapeError>(name, "statistics do not fit ", x.shape(), ": ", in[2].shape(), " and ", in[3].shape());
  if (params.weight != 0) require_factor(name, params, x, in[4]);
  return one(x.shape(), x.dtype());
}

Outputs infer_dropout(Inputs in) {
  require_floating("dropout", in[0]);
  for (size_t i = 1; i < 4; ++i) require_scalar("dropout", in[i]);
  require_dtype("dropout", in[1], DType::I64);
  require_dtype("dropout", in[2], DType::I64);
  require_dtype("dropout", in[3], DType::F64);
  return one(in[0].shape(), in[0].dtype());
}

}  // namespace nngpu::graph
