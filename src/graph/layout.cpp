#include "graph/layout.h"

#include <algorithm>

namespace nngpu::graph {

bool is_view(OpKind kind) {
  switch (kind) {
#define NNGPU_OP(name, view) \
  case OpKind::name:         \
    return view;
#include "graph/ops.def"
#undef NNGPU_OP
  }
  return false;
}

bool is_row_major(const Shape& shape, const Dims& strides) {
  int64_t expected = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

bool is_broadcast(const Shape& shape, const Dims& strides) {
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] > 1 && strides[i] == 0) return true;
  }
  return false;
}

bool is_dense(const Shape& shape, const Dims& strides) {
  const Dims order = memory_order(shape, strides);
  int64_t expected = 1;
  for (int k = order.size() - 1; k >= 0; --k) {
    const int axis = static_cast<int>(order[k]);
    if (shape[axis] == 0) return true;
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

Dims broadcast_strides(const Operand& operand, const Shape& shape) {
  Dims strides = Dims::filled(shape.size(), 0);
  const int shift = shape.size() - operand.shape.size();
  for (int i = 0; i < operand.shape.size(); ++i) {
    if (operand.shape[i] != 1) strides[i + shift] = operand.strides[i];
  }
  return strides;
}

Dims memory_order(const Shape& shape, const Dims& strides) {
  Dims order;
  for (int i = 0; i < shape.size(); ++i) order.push_back(i);
  // An axis of one element has no say: outermost.
  const auto key = [&](int64_t axis) {
    const int i = static_cast<int>(axis);
    return shape[i] == 1 ? INT64_MAX : std::abs(strides[i]);
  };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return key(a) > key(b); });
  return order;
}

Dims matrix_strides(const Shape& shape) {
  Dims strides = row_major_strides(shape);
  const int rank = shape.size();
  if (rank >= 2) {
    strides[rank - 2] = 1;
    strides[rank - 1] = std::max<int64_t>(1, shape[rank - 2]);
  }
  return strides;
}

void collapse(Shape& shape, std::vector<Dims*> strides, Dims& classes) {
  int kept = 0;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    const auto merges = [&](const Dims* s) { return (*s)[kept - 1] == (*s)[i] * shape[i]; };
    if (kept > 0 && classes[kept - 1] == classes[i] && std::all_of(strides.begin(), strides.end(), merges)) {
      shape[kept - 1] *= shape[i];
      for (Dims* s : strides) (*s)[kept - 1] = (*s)[i];
      continue;
    }
    shape[kept] = shape[i];
    classes[kept] = classes[i];
    for (Dims* s : strides) (*s)[kept] = (*s)[i];
    ++kept;
  }
  while (shape.size() > kept) {
    shape.pop_back();
    classes.pop_back();
    for (Dims* s : strides) s->pop_back();
  }
}

namespace {

// Splits and merges axes where strides allow: walks both shapes in groups of equal element count.
std::optional<Dims> reshape_strides(const Operand& input, const Shape& shape) {
  Shape from;
  Dims strides;
  for (int i = 0; i < input.shape.size(); ++i) {
    if (input.shape[i] == 1) continue;
    from.push_back(input.shape[i]);
    strides.push_back(input.strides[i]);
  }
  Dims result = row_major_strides(shape);
  if (numel(shape) == 0) return result;
  int i = 0, j = 0;
  while (i < from.size() || j < shape.size()) {
    if (i == from.size()) {
      result[j++] = 1;  // only axes of size 1 are left
      continue;
    }
    int i_end = i + 1, j_end = j + 1;
    int64_t left = from[i], right = shape[j];
    while (left != right) {
      if (left < right)
        left *= from[i_end++];
      else
        right *= shape[j_end++];
    }
    for (int k = i; k + 1 < i_end; ++k) {
      if (strides[k] != strides[k + 1] * from[k + 1]) return std::nullopt;
    }
    int64_t stride = strides[i_end - 1];
    for (int k = j_end - 1; k >= j; --k) {
      result[k] = stride;
      stride *= shape[k];
    }
    i = i_end;
    j = j_end;
  }
  return result;
}

void slice(Operand& view, const SliceParams& p) {
  for (int i = 0; i < view.shape.size(); ++i) {
    if (p.size[i] > 0) view.offset += p.start[i] * view.strides[i];
    view.strides[i] *= p.step[i];
    view.shape[i] = p.size[i];
  }
}

void diagonal(Operand& view, int64_t offset, const Shape& shape) {
  const int rank = view.shape.size();
  const int64_t row = view.strides[rank - 2], col = view.strides[rank - 1];
  if (numel(shape) > 0) view.offset += offset >= 0 ? offset * col : -offset * row;
  view.strides.pop_back();
  view.strides.back() = row + col;
  view.shape = shape;
}

}  // namespace

std::optional<Operand> view_of(OpKind kind, const Params& params, const Operand& input, const Shape& shape) {
  Operand view = input;
  switch (kind) {
    case OpKind::Reshape: {
      const auto strides = reshape_strides(input, shape);
      if (!strides) return std::nullopt;
      view.strides = *strides;
      view.shape = shape;
      return view;
    }
    case OpKind::Broadcast:
      view.strides = broadcast_strides(input, shape);
      view.shape = shape;
      return view;
    case OpKind::Permute: {
      const Dims& axes = params.as<PermuteParams>().axes;
      for (int i = 0; i < axes.size(); ++i) {
        view.shape[i] = input.shape[static_cast<int>(axes[i])];
        view.strides[i] = input.strides[static_cast<int>(axes[i])];
      }
      return view;
    }
    case OpKind::Slice:
      slice(view, params.as<SliceParams>());
      return view;
    case OpKind::Diagonal:
      diagonal(view, params.as<DiagonalParams>().offset, shape);
      return view;
    default:
      return std::nullopt;  // not a view
  }
}

}  // namespace nngpu::graph
