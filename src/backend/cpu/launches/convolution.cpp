// Convolutions: operands brought to row-major memory of a type the kernels compute in.
#include "backend/cpu/convolution/problem.h"
#include "backend/cpu/launches.h"
#include "backend/cpu/launches/copy.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

using graph::ConvolutionMode;
using graph::Operand;

bool is_dense(const Operand& x) {
  const Dims strides = contiguous_strides(x.shape);
  for (int i = 0; i < x.shape.size(); ++i)
    if (x.shape[i] != 1 && x.strides[i] != strides[i]) return false;
  return true;
}

// The operand's elements in row-major order, in place where they lie so.
template <class T>
const T* dense(const Operand& x, const RunContext& context, ScratchFrame& scratch) {
  if (is_dense(x)) return context.at<T>(x);
  T* copy = scratch.get<T>(element_count(x.shape));
  copy_strided(sizeof(T), x.shape, context.at(x), x.strides, reinterpret_cast<char*>(copy),
               contiguous_strides(x.shape));
  return copy;
}

template <class T>
const Compute<T>* computable(const Operand& x, const RunContext& context, ScratchFrame& scratch) {
  if constexpr (!is_half_type<T>) {
    return dense<T>(x, context, scratch);
  } else {
    const int64_t count = element_count(x.shape);
    float* wide = scratch.get<float>(count);
    ScratchFrame inner;
    const T* narrow = dense<T>(x, context, inner);
    parallel_for(count, 32768, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) wide[i] = widen(narrow[i]);
    });
    return wide;
  }
}

template <class T>
void run_mode(ConvolutionMode mode, const ConvolutionProblem& problem, const T* a, const T* b, T* result) {
  switch (mode) {
    case ConvolutionMode::Forward:
      return convolve<T>(problem, a, b, result);
    case ConvolutionMode::InputGradient:
      return convolve_input_gradient<T>(problem, a, b, result);
    case ConvolutionMode::WeightGradient:
      return convolve_weight_gradient<T>(problem, a, b, result);
  }
}

template <class T>
void convolution_item(const graph::ConvolutionParams& params, const Item& item, const RunContext& context) {
  using C = Compute<T>;
  const Operand &a = item.inputs[0], &b = item.inputs[1], &out = item.outputs[0];
  const ConvolutionProblem problem(params, a.shape, b.shape, out.shape);
  ScratchFrame scratch;
  const C *left = computable<T>(a, context, scratch), *right = computable<T>(b, context, scratch);
  if constexpr (std::is_same_v<C, T>) {
    run_mode<T>(params.mode, problem, left, right, context.at<T>(out));
  } else {
    const int64_t count = element_count(out.shape);
    C* wide = scratch.get<C>(count);
    run_mode<C>(params.mode, problem, left, right, wide);
    T* to = context.at<T>(out);
    parallel_for(count, 32768, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = narrow<T>(wide[i]);
    });
  }
}

}  // namespace

// The result is row-major, as lowering lays it out.
void run_convolution(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::ConvolutionParams>();
  for_items(launch, [&](const Item& item) {
    if (element_count(item.outputs[0].shape) == 0) return;
    visit_dtype(item.outputs[0].dtype, [&]<class T>() {
      if constexpr (is_floating_type<T>) convolution_item<T>(params, item, context);
    });
  });
}

}  // namespace nngpu::cpu
