// Functions of functions.
#include "autograd/require.h"
#include "autograd/walk.h"
#include "core/fail.h"
#include "nngpu/autograd.h"

namespace nngpu {
namespace {

using autograd::Gradients;
using autograd::require_function;
using autograd::require_like;
using autograd::walk_to;
using autograd::WalkOptions;
using Records = WalkOptions::Records;

class Recording {
 public:
  Recording() : before_(graph::set_gradients_enabled(true)) {}
  ~Recording() { graph::set_gradients_enabled(before_); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  bool before_;
};

void require_floating(const char* operation, const std::vector<Tensor>& inputs) {
  for (const Tensor& input : inputs) {
    graph::require_defined(operation, input);
    if (!is_floating(input.dtype()))
      fail<DTypeError>(operation, "gradients need a floating dtype: ", input.dtype());
  }
}

// The inputs as leaves of this transform alone.
std::vector<Tensor> leaves_of(const std::vector<Tensor>& inputs) {
  const Recording recording;
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) leaves.push_back(graph::make_input_leaf(input));
  return leaves;
}

std::vector<Tensor> recorded(const TensorFunction& function, const std::vector<Tensor>& inputs) {
  const Recording recording;
  return function(inputs);
}

void or_zeros(Gradients& gradients, const std::vector<Tensor>& like) {
  for (size_t i = 0; i < like.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = zeros_like(like[i]);
}

void require_scalar(const char* operation, const Tensor& output) {
  graph::require_defined(operation, output);
  if (output.numel() != 1) fail<ShapeError>(operation, "the gradient is that of a scalar: ", output.shape());
  if (!is_floating(output.dtype())) fail<DTypeError>(operation, "needs a floating result: ", output.dtype());
}

}  // namespace

ValueAndGradients value_and_gradients(const TensorFunction& function, const std::vector<Tensor>& inputs) {
  require_function("grad", function);
  require_floating("grad", inputs);
  const std::vector<Tensor> leaves = leaves_of(inputs);
  const std::vector<Tensor> outputs = recorded(function, leaves);
  if (outputs.empty()) fail<ValueError>("grad", "the function has no result");
  require_scalar("grad", outputs[0]);
  const WalkOptions options{.records = Records::Forget, .record_if_outer = true, .owned = leaves};
  Gradients gradients = walk_to(leaves, {outputs[0]}, {ones_like(outputs[0])}, options);
  or_zeros(gradients, inputs);
  return {outputs[0], std::move(gradients)};
}

Vjp vjp(const TensorFunction& function, const std::vector<Tensor>& inputs) {
  require_function("vjp", function);
  require_floating("vjp", inputs);
  const std::vector<Tensor> leaves = leaves_of(inputs);
  const std::vector<Tensor> outputs = recorded(function, leaves);
  const auto pullback = [leaves, outputs](const std::vector<Tensor>& cotangents) {
    require_like("vjp", "direction", cotangents, outputs);
    Gradients gradients = walk_to(leaves, outputs, cotangents, {.record_if_outer = true});
    or_zeros(gradients, leaves);
    return gradients;
  };
  // What the map keeps for later must not make the results look as if they had gradients.
  std::vector<Tensor> values;
  for (const Tensor& output : outputs) values.push_back(stop_gradient(output));
  return {std::move(values), pullback};
}

// The map from gradients by outputs to gradients by inputs is linear: its own gradient is the derivative along a
// direction (J. Townsend's trick of two reverse passes). What it would cost twice is never computed, since nothing
// reads it.
Jvp jvp(const TensorFunction& function, const std::vector<Tensor>& inputs, const std::vector<Tensor>& tangents) {
  require_function("jvp", function);
  require_floating("jvp", inputs);
  require_like("jvp", "direction", tangents, inputs);
  const std::vector<Tensor> leaves = leaves_of(inputs);
  const std::vector<Tensor> outputs = recorded(function, leaves);
  std::vector<Tensor> zeros;
  for (const Tensor& output : outputs) zeros.push_back(zeros_like(output));
  const std::vector<Tensor> cotangents = leaves_of(zeros);
  Gradients back;
  {
    const Recording recording;
    back = walk_to(leaves, outputs, cotangents, {.record = true});
  }
  std::vector<Tensor> from;
  Gradients seeds;
  for (size_t i = 0; i < back.size(); ++i) {
    if (!back[i].defined() || !tangents[i].defined()) continue;
    from.push_back(back[i]);
    seeds.push_back(tangents[i]);
  }
  WalkOptions options{.records = Records::Forget, .record_if_outer = true, .owned = leaves};
  options.owned.insert(options.owned.end(), cotangents.begin(), cotangents.end());
  Gradients result = walk_to(cotangents, from, seeds, options);
  or_zeros(result, outputs);
  walk_to(leaves, outputs, Gradients(outputs.size()), {.records = Records::Forget, .owned = leaves});
  return {outputs, std::move(result)};
}

Tensor jacobian(const UnaryFunction& function, const Tensor& x) {
  require_function("jacobian", function);
  require_floating("jacobian", {x});
  const std::vector<Tensor> leaves = leaves_of({x});
  const Tensor y =
      recorded([&](const std::vector<Tensor>& in) { return std::vector<Tensor>{function(in[0])}; }, leaves)[0];
  require_floating("jacobian", {y});
  Shape shape = y.shape();
  for (int64_t size : x.shape()) shape.push_back(size);
  std::vector<Tensor> rows;
  const Tensor units = eye(y.numel(), -1, 0, y.dtype(), y.device());
  for (int64_t i = 0; i < y.numel(); ++i) {
    Gradients row = walk_to(leaves, {y}, {reshape(index(units, 0, i), y.shape())}, {.record_if_outer = true});
    or_zeros(row, leaves);
    rows.push_back(reshape(row[0], {-1}));
  }
  walk_to(leaves, {y}, {Tensor()}, {.records = Records::Forget, .owned = leaves});
  return rows.empty() ? zeros(shape, x.dtype(), x.device()) : reshape(stack(rows, 0), shape);
}

Tensor hessian(const UnaryFunction& function, const Tensor& x) {
  require_function("hessian", function);
  return jacobian([&](const Tensor& at) { return grad([&](const Tensor& y) { return function(y); })(at); }, x);
}

Tensor hessian_vector_product(const UnaryFunction& function, const Tensor& x, const Tensor& v) {
  require_function("hessian_vector_product", function);
  require_floating("hessian_vector_product", {x, v});
  const auto gradient = [&](const std::vector<Tensor>& at) {
    return std::vector<Tensor>{grad([&](const Tensor& y) { return function(y); })(at[0])};
  };
  require_like("hessian_vector_product", "direction", {v}, {x});
  // The Hessian is symmetric: its product from the left, which is one more reverse pass, is the one from the
  // right.
  return vjp(gradient, {x}).pullback({v})[0];
}

}  // namespace nngpu
