// Chains over the results of products, as a part of the kernels that make them.
#include <sstream>

#include "backend/gpu/codegen.h"
#include "backend/gpu/codegen_parts.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

// How an operand is reached from the place of the result in memory: the loop runs in that order.
enum class Reach { Value, Single, Same, Strided };

Reach reach_of(const graph::Operand& operand, const Shape& shape) {
  if (operand.constant) return Reach::Value;
  bool single = true;
  for (int k = 0; k < operand.strides.size(); ++k) single = single && operand.strides[k] == 0;
  if (single) return Reach::Single;
  return graph::is_row_major(shape, operand.strides) ? Reach::Same : Reach::Strided;
}

std::string offset_of(const graph::Operand& operand, const Shape& shape, size_t index) {
  switch (reach_of(operand, shape)) {
    case Reach::Value:
      return "";
    case Reach::Single:
      return "[0]";
    case Reach::Same:
      return "[place]";
    case Reach::Strided:
      break;
  }
  return "[o" + std::to_string(index) + "]";
}

// A macro's body goes on behind the end of each of its lines.
std::string joined_lines(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') result += " \\";
    result += c;
  }
  return result;
}

std::string parameters(const graph::Launch& launch, size_t product, int first) {
  std::ostringstream text;
  for (size_t i = 0; i < launch.inputs.size(); ++i) {
    const graph::Operand& input = launch.inputs[i];
    if (i == product) continue;
    text << ", " << (input.constant ? "SCALAR(" : "INPUT(") << storage_type(input.dtype) << ", x" << i << ", "
         << first++ << ")";
  }
  for (size_t o = 0; o < launch.outputs.size(); ++o)
    text << ", OUTPUT(" << storage_type(launch.outputs[o].dtype) << ", y" << o << ", " << first++ << ")";
  text << ", SCALAR(Loop, loop, " << first << ")";
  return text.str();
}

std::string statements(const graph::Launch& launch, size_t product, bool store) {
  const graph::Tape& tape = *launch.tape;
  const size_t loads = launch.inputs.size();
  std::ostringstream text;
  text << "  const ELEMENT made = narrow<ELEMENT>(sum);\n  const index place = (index)((matrix) - c0) + "
          "(index)(offset);\n";
  if (store) text << "  c0[place] = made;\n";
  std::vector<int> operands, axes;
  for (size_t k = 0; k < loads + launch.outputs.size(); ++k) {
    const graph::Operand& operand = k < loads ? launch.inputs[k] : launch.outputs[k - loads];
    if (k == product || reach_of(operand, tape.shape) != Reach::Strided) continue;
    operands.push_back(static_cast<int>(k));
    text << "  index o" << k << " = 0;\n";
  }
  for (int k = 0; k < tape.shape.size(); ++k) axes.push_back(k);
  if (!operands.empty()) text << offset_statements(operands, axes, "place", "  ");
  for (size_t i = 0; i < loads; ++i) {
    const graph::Operand& input = launch.inputs[i];
    text << "  const " << value_type(input.dtype) << " v" << i << " = widen(";
    if (i == product)
      text << "made);\n";
    else
      text << "x" << i << offset_of(input, tape.shape, i) << ");\n";
  }
  text << step_statements(launch, "  ");
  for (const graph::TapeStore& stored : tape.stores) {
    const auto o = static_cast<size_t>(stored.output);
    text << "  y" << o << offset_of(launch.outputs[o], tape.shape, loads + o) << " = narrow<"
         << storage_type(launch.outputs[o].dtype) << ">(v" << stored.value << ");\n";
  }
  return text.str();
}

}  // namespace

std::string chain_text(const graph::Launch& launch, size_t product, bool wide, bool store, int first) {
  return loop_declarations(launch, wide) + step_functions(*launch.tape) + "#define FURTHER_OPERANDS " +
         parameters(launch, product, first) + "\n" +
         joined_lines("#define WRITE_RESULT(matrix, offset, sum)\n{\n" + statements(launch, product, store)) +
         "}\n";
}

}  // namespace nngpu::gpu
