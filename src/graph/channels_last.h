// Planes whose channels lie side by side: tensors (n, c, h, w) that plans lay out as (n, h, w, c).
//
// A plan does so with results of convolutions where the backend computes them faster from such operands
// (Backend::prefers_channels_last). What reads these, elementwise work, pools and their gradients, keeps the
// layout; everything else reads it by its strides.
#ifndef NNGPU_GRAPH_CHANNELS_LAST_H_
#define NNGPU_GRAPH_CHANNELS_LAST_H_

#include "graph/launch.h"

namespace nngpu::graph {

// Of a shape of rank 4.
Dims channels_last_strides(const Shape& shape);
// Whether an operand of rank 4 lies so.
bool lies_channels_last(const Operand& operand);
// The same, and not in row-major order, too.
bool is_channels_last(const Operand& operand);

// What backends that can do both answer. Tests set it; NNGPU_CHANNELS_LAST=1 or 0 in the environment is the start.
enum class ChannelsLast { ByDevice, Always, Never };
ChannelsLast& channels_last();

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_CHANNELS_LAST_H_
