// Shape and dtype rules of the operations.
#ifndef NNGPU_GRAPH_INFER_H_
#define NNGPU_GRAPH_INFER_H_

#include <span>
#include <string>

#include "graph/node.h"

namespace nngpu::graph {

// Checks the inputs and returns the outputs' shapes and dtypes (no values). Throws ShapeError, DTypeError,
// DeviceError, ValueError or IndexError, each naming the operation.
std::vector<Output> infer(OpKind kind, const Params& params, std::span<const Tensor> inputs);

// An operation's name in messages, spelled as the public functions are: "matmul", "scatter_add", "multiply".
std::string operation_name(OpKind kind, const Params& params);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_INFER_H_
