// compile: trace a function once, replay its plan; explain: show the plan.
#ifndef NNGPU_COMPILE_H_
#define NNGPU_COMPILE_H_

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu {

using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

// A compiled function of any number of tensors. The first call with new shapes, dtypes, strides or device traces
// the function; later calls replay the plan. Variables it reads and assigns, and generators it draws from, are
// inputs and outputs of the plan: each replay sees and updates their current state. Reading a traced value on the
// host throws ValueError. Given tensors that require gradients it runs the function itself, so that they flow;
// what backward() collects inside must be used and forgotten (zero_grad) before the function returns: ValueError.
// At most `capacity` plans are kept, least recently used out. Thread-safe. Copies share the cache.
class CompiledFunction {
 public:
  explicit CompiledFunction(TensorFunction function, size_t capacity = 16);
  std::vector<Tensor> operator()(const std::vector<Tensor>& inputs) const;
  size_t cached_plans() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

namespace detail {
template <class Result>
std::vector<Tensor> to_tensors(Result&& result) {
  using R = std::decay_t<Result>;
  if constexpr (std::is_same_v<R, Tensor>)
    return {std::forward<Result>(result)};
  else if constexpr (std::is_same_v<R, std::vector<Tensor>>)
    return std::forward<Result>(result);
  else
    return std::apply([](auto&&... t) { return std::vector<Tensor>{t...}; }, std::forward<Result>(result));
}
template <class Result, size_t... I>
Result from_tensors(std::vector<Tensor>&& tensors, std::index_sequence<I...>) {
  return Result{std::move(tensors[I])...};
}
template <class Result>
Result from_tensors(std::vector<Tensor>&& tensors) {
  if constexpr (std::is_same_v<Result, Tensor>)
    return std::move(tensors[0]);
  else if constexpr (std::is_same_v<Result, std::vector<Tensor>>)
    return std::move(tensors);
  else
    return from_tensors<Result>(std::move(tensors), std::make_index_sequence<std::tuple_size_v<Result>>());
}
template <class Function, size_t... I>
decltype(auto) call(Function& function, const std::vector<Tensor>& inputs, std::index_sequence<I...>) {
  return function(inputs[I]...);
}
template <class... Args>
constexpr bool all_tensors = (std::is_same_v<std::decay_t<Args>, Tensor> && ...);
template <class T>
struct Signature : Signature<decltype(&T::operator())> {};
template <class R, class... A>
struct Signature<R (*)(A...)> {
  using Result = R;
  static constexpr size_t arity = sizeof...(A);
  static constexpr bool is_vector = (std::is_same_v<std::decay_t<A>, std::vector<Tensor>> && ...) && arity == 1;
  static_assert(all_tensors<A...> || is_vector, "compile takes functions of Tensors");
};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...)> : Signature<R (*)(A...)> {};

template <class Function>
TensorFunction erase(Function function) {
  using S = Signature<std::decay_t<Function>>;
  return [function](const std::vector<Tensor>& inputs) mutable {
    if constexpr (S::is_vector)
      return to_tensors(function(inputs));
    else
      return to_tensors(call(function, inputs, std::make_index_sequence<S::arity>()));
  };
}
}  // namespace detail

// A CompiledFunction with the arguments and the result of the function that it was made of.
template <class Function>
class Compiled {
  using S = detail::Signature<Function>;

 public:
  Compiled(Function function, size_t capacity) : compiled_(detail::erase(std::move(function)), capacity) {}
  typename S::Result operator()(const std::vector<Tensor>& inputs) const requires(S::is_vector) {
    return detail::from_tensors<typename S::Result>(compiled_(inputs));
  }
  template <class... Args>
  requires(!S::is_vector) typename S::Result operator()(const Args&... inputs) const {
    static_assert(sizeof...(Args) == S::arity, "wrong number of arguments");
    return detail::from_tensors<typename S::Result>(compiled_({Tensor(inputs)...}));
  }
  size_t cached_plans() const { return compiled_.cached_plans(); }

 private:
  CompiledFunction compiled_;
};
namespace detail {
template <class Function>
struct Signature<Compiled<Function>> : Signature<Function> {};
}  // namespace detail

// Wraps a function of tensors (a lambda, a function pointer) that returns a Tensor, a vector of them, a pair or a
// tuple:  auto step = compile([](const Tensor& x, const Tensor& w) { return relu(matmul(x, w)); });
template <class Function>
Compiled<std::decay_t<Function>> compile(Function function, size_t capacity = 16) {
  return {std::move(function), capacity};
}

// The plan of a function of these inputs, compiled or not, as text: the launches in order with what each fuses and
// batches, the bytes it moves, the plan's peak of intermediate memory, and what holds memory there. Nothing runs,
// and what a compiled function has cached stays as it is.
std::string explain(const TensorFunction& function, const std::vector<Tensor>& inputs);
template <class Function, class... Args>
std::string explain(Function function, const Args&... inputs) {
  if constexpr (detail::Signature<std::decay_t<Function>>::is_vector)
    return explain(detail::erase(std::move(function)), inputs...);
  else
    return explain(detail::erase(std::move(function)), std::vector<Tensor>{Tensor(inputs)...});
}
// The plan that reading `tensor` would run now.
std::string explain(const Tensor& tensor);

// Counters of this process, for tests and benchmarks: plans executed, launches run, plans built, cache hits.
struct EngineStats {
  int64_t plans_run = 0, launches = 0, plans_built = 0, cache_hits = 0;
};
EngineStats engine_stats();

}  // namespace nngpu

#endif  // NNGPU_COMPILE_H_
