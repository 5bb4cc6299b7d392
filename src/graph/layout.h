// Strided views: how reshape, broadcast, permute, slice and diagonal change an operand, and loops over few axes.
#ifndef NNGPU_GRAPH_LAYOUT_H_
#define NNGPU_GRAPH_LAYOUT_H_

#include <optional>
#include <vector>

#include "graph/launch.h"

namespace nngpu::graph {

bool is_view(OpKind kind);

// The view of `input` that a view operation gives, `shape` being its inferred output shape; nothing where a
// reshape needs a copy.
std::optional<Operand> view_of(OpKind kind, const Params& params, const Operand& input, const Shape& shape);

bool is_row_major(const Shape& shape, const Dims& strides);
// Whether two elements share memory (a stride of 0 along more than one element).
bool is_broadcast(const Shape& shape, const Dims& strides);
// Dense in some order of the axes.
bool is_dense(const Shape& shape, const Dims& strides);

// The strides of `operand` seen at the larger `shape` (NumPy broadcasting: missing leading axes and sizes of 1
// repeat).
Dims broadcast_strides(const Operand& operand, const Shape& shape);

// The order of axes, outermost first, in which `strides` descend (row-major where they do not tell).
Dims memory_order(const Shape& shape, const Dims& strides);

// Column-major in the last two axes, row-major in the others.
Dims matrix_strides(const Shape& shape);

// Drops axes of size 1 and merges neighbours that every stride list can merge; `classes[i]` must be equal to merge
// (whether an axis is reduced). All lists are changed alike.
void collapse(Shape& shape, std::vector<Dims*> strides, Dims& classes);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_LAYOUT_H_
