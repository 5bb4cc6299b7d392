// Gradients of convolutions, which are convolutions, and of pools.
#include "autograd/rules.h"

namespace nngpu::autograd {
namespace {

using graph::ConvolutionMode;
using graph::ConvolutionParams;
using graph::OpKind;
using graph::PoolParams;

// The convolution in another of its three modes: one of the maps x, the weights w and the results' gradient g from
// the two others. `like` is what the result is large as; the forward mode finds that itself.
Tensor in_mode(ConvolutionParams params, ConvolutionMode mode, const Tensor& a, const Tensor& b,
               const Tensor& like) {
  params.mode = mode;
  const bool forward = mode == ConvolutionMode::Forward;
  for (int i = 0; i < 2; ++i) params.size[i] = forward ? 0 : like.size(-2 + i);
  return graph::make_node(OpKind::Convolution, params, {a, b});
}

}  // namespace

Gradients convolution_gradients(const Call& call) {
  const auto& params = call.params<ConvolutionParams>();
  const Tensor a = call.input(0), b = call.input(1), g = call.gradient();
  const auto made = [&](size_t i, ConvolutionMode mode, const Tensor& left, const Tensor& right) {
    return call.wants(i) ? in_mode(params, mode, left, right, call.input(i)) : Tensor();
  };
  switch (params.mode) {
    case ConvolutionMode::Forward:
      return {made(0, ConvolutionMode::InputGradient, g, b), made(1, ConvolutionMode::WeightGradient, a, g)};
    case ConvolutionMode::InputGradient:
      return {made(0, ConvolutionMode::Forward, g, b), made(1, ConvolutionMode::WeightGradient, g, a)};
    case ConvolutionMode::WeightGradient:
      return {made(0, ConvolutionMode::InputGradient, b, g), made(1, ConvolutionMode::Forward, a, g)};
  }
  return {};
}

Gradients pool_gradients(const Call& call) {
  PoolParams params = call.params<PoolParams>();
  for (int i = 0; i < 2; ++i) params.size[i] = call.input(0).size(-2 + i);
  if (graph::is_max(params.pooling))
    return {graph::make_node(OpKind::PoolGradient, params, {call.gradient(), call.output(1)})};
  return {graph::make_node(OpKind::PoolGradient, params, {call.gradient()})};
}

Gradients pool_gradient_gradients(const Call& call) {
  PoolParams params = call.params<PoolParams>();
  const Tensor pooled = call.input(0), g = call.gradient();
  if (graph::is_max(params.pooling)) {
    const Tensor places = flatten(call.input(1), -2);
    return {reshape(gather(flatten(g, -2), places, -1), pooled.shape()), Tensor()};
  }
  for (int i = 0; i < 2; ++i) params.size[i] = pooled.size(-2 + i);
  return {graph::make_node(OpKind::Pool, params, {g})};
}

}  // namespace nngpu::autograd
