// Gradients by reverse-mode differentiation. Every gradient is built of public operations: nothing is computed
// before it is read, gradients fuse with what they meet, and gradients of gradients work.
//
//   auto df = ng::grad([](const ng::Tensor& x) { return ng::sum(ng::sin(x)); });
//   ng::Tensor g = df(x);                                     // cos(x)
//
//   ng::Variable w(ng::randn({3}), /*requires_grad=*/true);   // or: ng::Tensor w = ng::requires_grad(x)
//   ng::backward(ng::sum(ng::square(w.value() - target)));
//   w.grad();
//
// Gradients are those of a real function of independent elements, with these conventions: maximum and minimum
// share the gradient equally between equal operands, and give a constant none (relu's gradient at 0 is 0);
// cholesky and eigh, which read one triangle, give a symmetric gradient; functions that are constant almost
// everywhere (floor, sign, ...) give zero. Errors: GradientError for an operation without gradient; DTypeError for
// integers; ShapeError, DTypeError and DeviceError for gradients and directions unlike the tensors they belong to;
// ValueError for functions and tensors that are not there.
//
// A graph and its records belong to one thread at a time.
#ifndef NNGPU_AUTOGRAD_H_
#define NNGPU_AUTOGRAD_H_

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "nngpu/compile.h"
#include "nngpu/tensor.h"

namespace nngpu {

// --- Recorded gradients ---------------------------------------------------------------------------------------

// x as a tensor whose gradient backward() collects in grad(). DTypeError unless x is floating.
Tensor requires_grad(const Tensor& x);

struct BackwardOptions {
  // Keep what gradients need, for another backward(). Otherwise it is freed, and a second one is a GradientError.
  bool retain_graph = false;
  // Record the gradients' own operations, so that they have gradients. Implies retain_graph.
  bool create_graph = false;
};

// Adds the gradient of `output` to grad() of every variable and tensor it was computed from that requires one.
// `output` is a scalar, or its own gradient is given. ShapeError; GradientError if nothing requires a gradient.
void backward(const Tensor& output, const Tensor& gradient = {}, const BackwardOptions& options = {});

// The gradients of `output` by each input, which are tensors or values of variables that require gradients (zeros
// for one that it does not depend on). Collects nothing in grad().
std::vector<Tensor> gradients(const Tensor& output, const std::vector<Tensor>& inputs, const Tensor& gradient = {},
                              const BackwardOptions& options = {});

// While one lives, nothing on this thread is recorded.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

// x as a constant: no gradient flows through.
Tensor stop_gradient(const Tensor& x);

// While one lives, every operation on this thread is computed at once and looked at: the first that gives NaN or
// infinity, or is given one from outside, throws ValueError with its name, and in backward() with that of the
// operation whose gradient it is. Slow. Compiled functions run uncompiled.
class DetectAnomaly {
 public:
  DetectAnomaly();
  ~DetectAnomaly();
  DetectAnomaly(const DetectAnomaly&) = delete;
  DetectAnomaly& operator=(const DetectAnomaly&) = delete;

 private:
  void (*before_)(const Tensor&);
};

// --- Functions of functions -----------------------------------------------------------------------------------

struct ValueAndGradients {
  Tensor value;
  std::vector<Tensor> gradients;  // one an input
};
// Of a function whose first result is a scalar.
ValueAndGradients value_and_gradients(const TensorFunction& function, const std::vector<Tensor>& inputs);

// Results of a function, and the map from gradients by them to gradients by the inputs. The map can be used again.
struct Vjp {
  std::vector<Tensor> outputs;
  std::function<std::vector<Tensor>(const std::vector<Tensor>& cotangents)> pullback;
};
Vjp vjp(const TensorFunction& function, const std::vector<Tensor>& inputs);

// Results, and their derivatives in the direction of the tangents.
struct Jvp {
  std::vector<Tensor> outputs, tangents;
};
Jvp jvp(const TensorFunction& function, const std::vector<Tensor>& inputs, const std::vector<Tensor>& tangents);

using UnaryFunction = std::function<Tensor(const Tensor&)>;
// d f(x) / d x, of shape f(x).shape + x.shape.
Tensor jacobian(const UnaryFunction& function, const Tensor& x);
// Second derivatives of a scalar function, of shape x.shape + x.shape.
Tensor hessian(const UnaryFunction& function, const Tensor& x);
// hessian(f, x) times v, without the matrix.
Tensor hessian_vector_product(const UnaryFunction& function, const Tensor& x, const Tensor& v);

// A function with a gradient of its own. `backward` gets the inputs, the outputs and the gradients by the outputs
// (zeros where there are none), and returns those by the inputs (an undefined tensor: zero).
using CustomBackward = std::function<std::vector<Tensor>(
    const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs, const std::vector<Tensor>& gradients)>;
TensorFunction custom_gradient(TensorFunction forward, CustomBackward backward);

// The function, but what lies between its inputs and outputs is computed again for the gradient instead of being
// stored. Random numbers drawn inside are the same both times, and so is the scope of autocast; what the function
// assigns to variables is assigned once.
TensorFunction checkpoint(TensorFunction function);

struct CheckGradientsOptions {
  double step = 1e-6;  // of the central differences
  double rtol = 1e-5, atol = 1e-7;
  uint64_t seed = 0;  // of the weights that make one number of the results
};
// Compares gradients with central finite differences at float64 inputs, element by element. Throws GradientError
// that names the first element that differs.
void check_gradients(const TensorFunction& function, const std::vector<Tensor>& inputs,
                     const CheckGradientsOptions& options = {});

// --- The same for functions of separate tensors ---------------------------------------------------------------

namespace detail {
template <size_t N>
auto pack(std::vector<Tensor>&& tensors) {
  if constexpr (N == 1) {
    return std::move(tensors[0]);
  } else {
    std::array<Tensor, N> result;
    for (size_t i = 0; i < N; ++i) result[i] = std::move(tensors[i]);
    return result;
  }
}
}  // namespace detail

// The function that gives the value of `function`, a scalar, and its gradient: one tensor for one argument, an
// array for several, a vector for a function of a vector.
//   auto [loss, gradients] = value_and_grad(loss_of)(a, b);  auto [da, db] = gradients;
template <class Function>
auto value_and_grad(Function function) {
  using S = detail::Signature<std::decay_t<Function>>;
  TensorFunction erased = detail::erase(std::move(function));
  if constexpr (S::is_vector) {
    return [erased](const std::vector<Tensor>& inputs) {
      ValueAndGradients result = value_and_gradients(erased, inputs);
      return std::pair(std::move(result.value), std::move(result.gradients));
    };
  } else {
    return [erased]<class... Args>(const Args&... inputs) {
      static_assert(sizeof...(Args) == S::arity, "wrong number of arguments");
      ValueAndGradients result = value_and_gradients(erased, {Tensor(inputs)...});
      return std::pair(std::move(result.value), detail::pack<S::arity>(std::move(result.gradients)));
    };
  }
}
template <class Function>
auto grad(Function function) {
  using S = detail::Signature<std::decay_t<Function>>;
  auto both = value_and_grad(std::move(function));
  if constexpr (S::is_vector) {
    return [both](const std::vector<Tensor>& inputs) { return both(inputs).second; };
  } else {
    return [both](const auto&... inputs) { return both(inputs...).second; };
  }
}

}  // namespace nngpu

#endif  // NNGPU_AUTOGRAD_H_
