// Gradients of indexing and sorting.
#include "autograd/rules.h"

namespace nngpu::autograd {

Gradients take_gradients(const Call& call) {
  const int axis = static_cast<int>(call.params<graph::AxisParams>().axis);
  const Tensor x = call.input(0), indices = call.input(1);
  // The indices' axes as one, then repeated over the others.
  Shape shape = x.shape();
  shape[axis] = indices.numel();
  Shape row = Dims::filled(x.rank(), 1);
  row[axis] = indices.numel();
  const Tensor where_to = broadcast_to(reshape(indices, row), shape);
  return {scatter_add(zeros_like(x), where_to, reshape(call.gradient(), shape), axis), Tensor()};
}

Gradients gather_gradients(const Call& call) {
  const int axis = static_cast<int>(call.params<graph::AxisParams>().axis);
  const Tensor x = call.input(0), indices = call.input(1), g = call.gradient();
  Shape line = x.shape();
  line[axis] = 1;
  if (!(indices.shape() == line)) return {scatter_add(zeros_like(x), indices, g, axis), Tensor()};
  // One element of each line: a comparison, which joins what else is added to the gradient of x.
  const int64_t n = x.shape()[axis];
  Shape along = Dims::filled(x.rank(), 1);
  along[axis] = n;
  const Tensor positions = reshape(arange_int(0, n, 1, DType::I64, x.device()), along);
  const Tensor wanted = cast(indices, DType::I64);
  return {where(positions == where(wanted < 0, wanted + n, wanted), g, 0), Tensor()};
}

Gradients scatter_add_gradients(const Call& call) {
  const int64_t axis = call.params<graph::AxisParams>().axis;
  return {call.gradient(), Tensor(), call.wants(2) ? gather(call.gradient(), call.input(1), axis) : Tensor()};
}

Gradients sorted_gradients(const Call& call, int64_t axis) {
  return {scatter_add(zeros_like(call.input(0)), call.output(1), call.gradient(), axis)};
}

}  // namespace nngpu::autograd
