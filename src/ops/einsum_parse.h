// Reading an einsum equation.
#ifndef NNGPU_OPS_EINSUM_PARSE_H_
#define NNGPU_OPS_EINSUM_PARSE_H_

#include <string>
#include <vector>

#include "nngpu/shape.h"

namespace nngpu::ops {

// One character an axis: the letters of the equation, and for the axes of "..." the digits '0' (last) to '7', so
// that the broadcast axes of operands of different ranks meet from the right.
struct EinsumLabels {
  std::vector<std::string> operands;
  std::string output;
};

// Throws ValueError for a malformed equation, ShapeError if it does not fit the operands' ranks.
EinsumLabels parse_einsum(const std::string& equation, const std::vector<Shape>& shapes);

inline bool is_broadcast_label(char label) { return label >= '0' && label <= '7'; }
inline bool contains(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

}  // namespace nngpu::ops

#endif  // NNGPU_OPS_EINSUM_PARSE_H_
