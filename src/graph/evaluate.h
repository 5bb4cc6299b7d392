// Running pending work: what a read runs, claiming, publishing results.
#ifndef NNGPU_GRAPH_EVALUATE_H_
#define NNGPU_GRAPH_EVALUATE_H_

#include <span>
#include <string>
#include <vector>

#include "graph/context.h"
#include "graph/plan.h"

namespace nngpu::graph {

// Computes the tensors, the thread's changed variables, and pending nodes that batch with what is computed. Does
// not throw the value errors of failed nodes (read_value does). Throws ValueError for a traced tensor,
// OutOfMemoryError.
void evaluate(std::span<const Tensor> targets);

// Evaluates `tensor` if needed and rethrows its error if it failed. The device may still be computing it, but for
// what decides whether it fails.
const Value& read_value(const Tensor& tensor);
// The same for what only computes with the value: does not wait for errors that are not known yet. What is
// computed from it must inherit them (DeferredErrors::Source).
const Value& computed_value(const Tensor& tensor);

// The graph of a traced function whose results are `roots`: placeholders and captured values are its inputs.
// Evaluates captured values that are pending.
GraphView collect_traced(const std::vector<Tensor>& roots);

// The plan that reading `tensor` would run now, as text. Claims nothing.
std::string describe_pending(const Tensor& tensor);

// Computes every pending node of a thread that has grown too many.
void run_pending(Context& context);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_EVALUATE_H_
