// What users get wrong with gradients, and what finds NaN and infinity.
#include <gtest/gtest.h>

#include <cmath>

#include "nngpu/nngpu.h"
#include "ops/expect_error.h"

namespace nngpu {
namespace {

using Tensors = std::vector<Tensor>;

Device elsewhere() {
  return default_device().type == DeviceType::CPU ? device_from_name("sim") : device_from_name("cpu");
}
Tensors same(const Tensors& in) { return in; }

TEST(GradientErrors, NoFunction) {
  const Tensor x = ones({2, 3});
  const TensorFunction none;
  const CustomBackward no_backward;
  EXPECT_ERROR(ValueError, value_and_gradients(none, {x}), "[grad] there is no function");
  EXPECT_ERROR(ValueError, vjp(none, {x}), "[vjp] there is no function");
  EXPECT_ERROR(ValueError, jvp(none, {x}, {x}), "[jvp] there is no function");
  EXPECT_ERROR(ValueError, jacobian(nullptr, x), "[jacobian] there is no function");
  EXPECT_ERROR(ValueError, hessian(nullptr, x), "[hessian] there is no function");
  EXPECT_ERROR(ValueError, hessian_vector_product(nullptr, x, x), "[hessian_vector_product] there is no function");
  EXPECT_ERROR(ValueError, custom_gradient(same, no_backward), "[custom_gradient] there is no function");
  EXPECT_ERROR(ValueError, checkpoint(none), "[checkpoint] there is no function");
  EXPECT_ERROR(ValueError, check_gradients(none, {x}), "[check_gradients] there is no function");
  EXPECT_ERROR(ValueError, CompiledFunction(none), "[compile] there is no function");
}

TEST(GradientErrors, Integers) {
  const Tensor whole = zeros({3}, DType::I32), x = ones({3});
  const auto total = [](const Tensor& t) { return sum(t); };
  const Variable v(ones({3}), true);
  EXPECT_ERROR(DTypeError, grad(total)(whole), "[grad] gradients need a floating dtype: i32");
  EXPECT_ERROR(DTypeError, jacobian(total, whole), "[jacobian] gradients need a floating dtype: i32");
  EXPECT_ERROR(DTypeError, backward(argmax(v.value())), "[backward] gradients need a floating dtype: i64");
  EXPECT_ERROR(DTypeError, backward(v.value(), whole), "[backward] the gradient's dtype differs: i32 for f32");
  EXPECT_ERROR(DTypeError, grad([](const Tensor& t) { return argmax(t); })(x),
               "[grad] needs a floating result: i64");
}

TEST(GradientErrors, GradientsUnlikeTheirTensors) {
  const Variable v(ones({3}), true);
  const std::string where =
      "a gradient on " + to_string(elsewhere()) + " for a tensor on " + to_string(default_device());
  EXPECT_ERROR(ShapeError, backward(v.value(), ones({2})),
               "[backward] the gradient's shape differs: (2,) for (3,)");
  EXPECT_ERROR(DeviceError, backward(v.value(), ones({3}).to(elsewhere())), "[backward] " + where);
  EXPECT_ERROR(ShapeError, backward(v.value()), "[backward] needs a scalar, or the gradient by the tensor: (3,)");
  const Tensor x = ones({2, 3});
  EXPECT_ERROR(ValueError, jvp(same, {x}, {}), "[jvp] 0 directions for 1 tensors");
  EXPECT_ERROR(DTypeError, jvp(same, {x}, {ones({2, 3}, DType::F64)}),
               "[jvp] a direction of f64 for a tensor of f32");
  EXPECT_ERROR(ShapeError, vjp(same, {x}).pullback({ones({5})}),
               "[vjp] a direction of shape (5,) for a tensor of shape (2, 3)");
  EXPECT_ERROR(ValueError, hessian_vector_product([](const Tensor& t) { return sum(t * t); }, x, Tensor()),
               "[hessian_vector_product] tensor is undefined");
  const auto backward_through = [&](const Tensor& gradient) {
    const auto rule = [&](const Tensors&, const Tensors&, const Tensors&) { return Tensors{gradient}; };
    backward(sum(custom_gradient(same, rule)({v.value()})[0]));
  };
  EXPECT_ERROR(ShapeError, backward_through(ones({7})),
               "[custom_gradient] a gradient of shape (7,) for a tensor of shape (3,)");
  EXPECT_ERROR(DTypeError, backward_through(zeros({3}, DType::I32)),
               "[custom_gradient] a gradient of i32 for a tensor of f32");
  EXPECT_ERROR(DeviceError, backward_through(ones({3}).to(elsewhere())), "[custom_gradient] " + where);
}

TEST(GradientErrors, Graphs) {
  const Variable v(ones({3}), true);
  const Tensor loss = sum(square(v.value()));
  backward(loss);
  EXPECT_ERROR(GradientError, backward(loss),
               "[backward] the graph of reduce is gone: an earlier backward freed it (retain_graph keeps it)");
  EXPECT_ERROR(GradientError, backward(sum(ones({3}))),
               "[backward] nothing that the tensor was computed from requires a gradient");
  EXPECT_ERROR(GradientError, gradients(sum(v.value()), {ones({3})}),
               "[gradients] an input does not require a gradient");
  EXPECT_ERROR(ValueError, check_gradients(same, {ones({2}, DType::F64)}, {.step = 0}),
               "[check_gradients] step must be positive: 0");
}

// A loss that is NaN: the operation that made it, in forward and backward passes and in compiled steps.
TEST(Anomaly, ANanLossIsTracedToItsOperation) {
  const nn::Linear layer(2, 2);
  optim::SGD optimizer(layer.parameters(), {.lr = 0.1});
  const auto step = compile([&](const Tensor& x) {
    const Tensor loss = mean(log(layer(x) * 0));
    backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  });
  const Tensor x = ones({1, 2}), bad = x * std::nan("");
  {
    const DetectAnomaly detect;
    EXPECT_ERROR(ValueError, step(x), "[anomaly] log gives infinity: f32 (1, 2)");
    EXPECT_ERROR(ValueError, step(bad), "[anomaly] matmul is given NaN: f32 (1, 2)");
  }
  EXPECT_FALSE(std::isfinite(step(x).item<double>()));
  const DetectAnomaly detect;  // after a step that spoilt the parameters
  EXPECT_ERROR(ValueError, step(x), "[anomaly] a value from before holds NaN: f32 (2, 2)");
}

TEST(Anomaly, TheGradientsNameIsForgottenWhenOneIsFound) {
  const Variable zero(zeros({3}), true);
  const DetectAnomaly detect;
  EXPECT_ERROR(ValueError, backward(sum(sqrt(zero.value()))),
               "[anomaly] divide, in the gradient of sqrt, gives infinity: f32 (3,)");
  EXPECT_ERROR(ValueError, log(zeros({3})), "[anomaly] log gives infinity: f32 (3,)");
}

}  // namespace
}  // namespace nngpu
