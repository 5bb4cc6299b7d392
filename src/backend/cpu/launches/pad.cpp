// Padding, an axis at a time: the input lands in the middle, then every axis copies its border from the part that
// is already there. Iota.
#include <algorithm>

#include "backend/cpu/launches/copy.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

// Fills the border of width `before` and `after` along `axis` of what is filled so far: `filled` (a shape) at
// `start` of the output.
template <class T>
struct Border {
  const graph::PadParams& params;
  const Dims& strides;  // of the output
  T* out;

  // Where position i of the output's axis comes from, as a position of the output's axis.
  int64_t source(int axis, int64_t size, int64_t i) const {
    const int64_t before = params.before[axis];
    int64_t position = i - before;
    if (static_cast<PadMode>(params.mode) == PadMode::Replicate)
      return before + std::clamp<int64_t>(position, 0, size - 1);
    // Reflection without repeating the border, as often as it takes.
    const int64_t period = std::max<int64_t>(1, 2 * (size - 1));
    position = ((position % period) + period) % period;
    return before + std::min(position, period - position);
  }

  // A slab of the output one element thick along `axis`.
  void copy_slab(const Shape& slab, int64_t from, int64_t to) const {
    copy_strided(sizeof(T), slab, reinterpret_cast<const char*>(out + from), strides,
                 reinterpret_cast<char*>(out + to), strides);
  }
  void fill_slab(const Shape& slab, T value, int64_t to) const {
    copy_strided(sizeof(T), slab, reinterpret_cast<const char*>(&value), zero_strides(slab),
                 reinterpret_cast<char*>(out + to), strides);
  }
  static Dims zero_strides(const Shape& shape) {
    Dims zeros = shape;
    for (int64_t& stride : zeros) stride = 0;
    return zeros;
  }
};

template <class T>
void pad_item(const graph::PadParams& params, const Item& item, const RunContext& context) {
  const graph::Operand &x = item.inputs[0], &out = item.outputs[0];
  T* to = context.at<T>(out);
  const Border<T> border{params, out.strides, to};
  int64_t corner = 0;  // of the filled part in the output
  for (int axis = 0; axis < x.shape.size(); ++axis) corner += params.before[axis] * out.strides[axis];
  copy_strided(sizeof(T), x.shape, context.at(x), x.strides, reinterpret_cast<char*>(to + corner), out.strides);

  const bool constant = static_cast<PadMode>(params.mode) == PadMode::Constant;
  Shape filled = x.shape;
  for (int axis = x.shape.size() - 1; axis >= 0; --axis) {
    const int64_t size = x.shape[axis], before = params.before[axis], after = params.after[axis];
    corner -= before * out.strides[axis];
    Shape slab = filled;
    if (constant) {
      const T value = *context.at<T>(item.inputs[1]);
      slab[axis] = before;
      border.fill_slab(slab, value, corner);
      slab[axis] = after;
      border.fill_slab(slab, value, corner + (before + size) * out.strides[axis]);
    } else {
      slab[axis] = 1;
      const auto copy = [&](int64_t i) {
        border.copy_slab(slab, corner + border.source(axis, size, i) * out.strides[axis],
                         corner + i * out.strides[axis]);
      };
      for (int64_t i = 0; i < before; ++i) copy(i);
      for (int64_t i = before + size; i < before + size + after; ++i) copy(i);
    }
    filled[axis] = out.shape[axis];
  }
}

template <class T>
void iota(int64_t count, T start, T step, T* out, int64_t out_step) {
  parallel_for(count, 65536, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if constexpr (is_floating_type<T>)  // in double, rounded once
        out[i * out_step] = narrow<T>(static_cast<double>(widen(start)) +
                                      static_cast<double>(i) * static_cast<double>(widen(step)));
      else  // wraps, in unsigned arithmetic
        out[i * out_step] =
            static_cast<T>(static_cast<uint64_t>(start) + static_cast<uint64_t>(i) * static_cast<uint64_t>(step));
    }
  });
}

}  // namespace

void run_pad(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::PadParams>();
  for_items(launch, [&](const Item& item) {
    if (element_count(item.outputs[0].shape) == 0) return;
    visit_size(dtype_size(item.inputs[0].dtype), [&]<class T>() { pad_item<T>(params, item, context); });
  });
}

void run_iota(const Launch& launch, const RunContext& context) {
  for_items(launch, [&](const Item& item) {
    const graph::Operand& out = item.outputs[0];
    if (element_count(out.shape) == 0) return;
    visit_dtype(out.dtype, [&]<class T>() {
      iota<T>(out.shape[0], *context.at<T>(item.inputs[0]), *context.at<T>(item.inputs[1]), context.at<T>(out),
              out.strides[0]);
    });
  });
}

}  // namespace nngpu::cpu
