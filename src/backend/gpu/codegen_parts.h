// Pieces of text that generated kernels share.
#ifndef NNGPU_BACKEND_GPU_CODEGEN_PARTS_H_
#define NNGPU_BACKEND_GPU_CODEGEN_PARTS_H_

#include <sstream>
#include <string>
#include <vector>

#include "graph/launch.h"

namespace nngpu::gpu {

// typedef index and struct Loop.
std::string loop_declarations(const graph::Launch& launch, bool wide);
// ng::step0, ng::step1, ...: a function a step.
std::string step_functions(const graph::Tape& tape);
// v<n> = ng::step<i>(...) for each step; the loads are v0, v1, ...
std::string step_statements(const graph::Launch& launch, const std::string& indent);
// "INPUT(float, x0, 0), SCALAR(...), ": every input.
std::string input_parameters(const graph::Launch& launch);
// The loop over contiguous operands x<n>, y<n>, `width` elements at a time, from `first` by `step` to `count`.
void write_packed_loop(std::ostringstream& text, const graph::Launch& launch, int width);
// o<k> += the operand's offset of `position` in a row-major loop over the axes.
std::string offset_statements(const std::vector<int>& operands, const std::vector<int>& axes,
                              const std::string& position, const std::string& indent);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_CODEGEN_PARTS_H_
