// The gradient of softmax and of its logarithm. Lines across memory go through a buffer, several at a time.
#include "backend/cpu/launches/rows.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kLines = 16;  // neighbours that are collected together

// Elements of `lines` lines, `across` apart, to rows of n in the compute type, and back.
template <class T, class C>
void collect(const T* x, int64_t lines, int64_t n, int64_t step, int64_t across, C* rows) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t l = 0; l < lines; ++l) rows[l * n + i] = widen(x[i * step + l * across]);
}

template <class T>
void gradient_item(const Item& item, const graph::SoftmaxParams& params, const RunContext& context) {
  using C = Compute<T>;
  const graph::Operand &g = item.inputs[0], &y = item.inputs[1], &out = item.outputs[0];
  const auto axis = static_cast<int>(params.axis);
  const bool log = params.log != 0;
  const int64_t n = y.shape[axis], gs = g.strides[axis], ys = y.strides[axis], os = out.strides[axis];
  const Walk<3> lines = walk_lines<3>(y.shape, axis, {&g.strides, &y.strides, &out.strides});
  const T *from = context.at<T>(g), *at = context.at<T>(y);
  T* to = context.at<T>(out);
  if constexpr (std::is_same_v<T, C>) {
    if (n == 1 || (gs == 1 && ys == 1 && os == 1)) {
      parallel_for(lines.count(), line_grain(n, 8192), [&](int64_t begin, int64_t end) {
        lines.for_points(begin, end, [&](const int64_t(&o)[3], int64_t) {
          softmax_row_gradient(log, n, from + o[0], at + o[1], to + o[2]);
        });
      });
      return;
    }
  }
  ScratchFrame scratch;
  const int64_t together = std::clamp<int64_t>(32768 / n, 1, std::min(kLines, lines.run()));
  const PerThread<C> buffers(scratch, 2 * together * n, lines.count());
  parallel_for(lines.count(), line_grain(n, 8192), [&](int64_t begin, int64_t end) {
    C *gradients = buffers.mine(), *values = gradients + together * n;
    lines.for_runs(begin, end, [&](const int64_t(&o)[3], int64_t points, int64_t) {
      for (int64_t p = 0; p < points; p += together) {
        const int64_t count = std::min(together, points - p);
        collect(from + o[0] + p * lines.step(0), count, n, gs, lines.step(0), gradients);
        collect(at + o[1] + p * lines.step(1), count, n, ys, lines.step(1), values);
        for (int64_t l = 0; l < count; ++l)
          softmax_row_gradient(log, n, gradients + l * n, values + l * n, gradients + l * n);
        T* target = to + o[2] + p * lines.step(2);
        for (int64_t i = 0; i < n; ++i)
          for (int64_t l = 0; l < count; ++l) target[i * os + l * lines.step(2)] = narrow<T>(gradients[l * n + i]);
      }
    });
  });
}

}  // namespace

void run_softmax_gradient(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::SoftmaxParams>();
  for_items(launch, [&](const Item& item) {
    if (element_count(item.inputs[1].shape) == 0) return;
    visit_dtype(item.inputs[1].dtype, [&]<class T>() {
      if constexpr (is_floating_type<T>) gradient_item<T>(item, params, context);
    });
  });
}

}  // namespace nngpu::cpu
