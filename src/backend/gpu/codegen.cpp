#include "backend/gpu/codegen.h"

#include <cstring>
#include <map>
#include <sstream>

#include "backend/gpu/codegen_parts.h"

namespace nngpu::gpu {

const char* storage_type(DType dtype) {
  static constexpr const char* kNames[] = {"u8", "u8", "i32", "i64", "f16", "bf16", "float", "double"};
  static_assert(static_cast<int>(DType::Bool) == 0 && static_cast<int>(DType::F64) == 7);
  return kNames[static_cast<int>(dtype)];
}

const char* value_type(DType dtype) { return storage_type(compute_dtype(dtype)); }

const char* dtype_suffix(DType dtype) {
  static constexpr const char* kNames[] = {"bool", "u8", "i32", "i64", "f16", "bf16", "f32", "f64"};
  return kNames[static_cast<int>(dtype)];
}

namespace {

const char* expression_of(Elementwise code) {
  static constexpr const char* kExpressions[] = {
#define NNGPU_ELEMENTWISE(code, arity, rule, expression) #expression,
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
  };
  return kExpressions[static_cast<int>(code)];
}

template <class Index>
std::string pack_loop(const Shape& shape, const std::vector<const graph::Operand*>& operands) {
  std::string bytes;
  const auto put = [&](int64_t value) {
    const auto index = static_cast<Index>(value);
    bytes.append(reinterpret_cast<const char*>(&index), sizeof(index));
  };
  const int rank = std::max(1, shape.size());
  for (int k = 0; k < rank; ++k) put(k < shape.size() ? shape[k] : 1);
  for (const graph::Operand* operand : operands)
    for (int k = 0; k < rank; ++k) put(k < operand->strides.size() ? operand->strides[k] : 0);
  return bytes;
}

}  // namespace

std::string loop_bytes(const Shape& shape, const std::vector<graph::Operand>& inputs,
                       const std::vector<graph::Operand>& outputs, bool wide) {
  std::vector<const graph::Operand*> operands;
  for (const graph::Operand& input : inputs) operands.push_back(&input);
  for (const graph::Operand& output : outputs) operands.push_back(&output);
  return wide ? pack_loop<int64_t>(shape, operands) : pack_loop<int32_t>(shape, operands);
}

std::string loop_declarations(const graph::Launch& launch, bool wide) {
  std::ostringstream text;
  const size_t operands = launch.inputs.size() + launch.outputs.size();
  const int rank = std::max(1, launch.tape->shape.size());
  text << "typedef " << (wide ? "i64" : "i32") << " index;\n"
       << "struct Loop {\n  index size[" << rank << "];\n  index stride[" << operands << "][" << rank
       << "];\n};\n";
  return text.str();
}

// A function for each step, so that the table's expression stands as it is in the dialect's namespace.
std::string step_functions(const graph::Tape& tape) {
  std::ostringstream text;
  text << "namespace ng {\n";
  for (size_t i = 0; i < tape.steps.size(); ++i) {
    const graph::TapeStep& step = tape.steps[i];
    const int arity = elementwise_info(step.code).arity;
    text << "FN " << value_type(step.out) << " step" << i << "(";
    for (int k = 0; k < arity; ++k) {
      const bool condition = step.code == Elementwise::Select && k == 0;
      text << (k > 0 ? ", " : "") << (condition ? "u8" : value_type(step.in)) << " "
           << "abc"[k];
    }
    text << ") { return ";
    if (step.code == Elementwise::Cast)
      text << "to_" << dtype_suffix(step.target) << "(a)";
    else
      text << expression_of(step.code);
    text << "; }\n";
  }
  text << "}  // namespace ng\n";
  return text.str();
}

std::string step_statements(const graph::Launch& launch, const std::string& indent) {
  std::ostringstream text;
  const graph::Tape& tape = *launch.tape;
  const size_t loads = launch.inputs.size();
  for (size_t i = 0; i < tape.steps.size(); ++i) {
    const graph::TapeStep& step = tape.steps[i];
    text << indent << "const " << value_type(step.out) << " v" << loads + i << " = ng::step" << i << "(";
    for (int k = 0; k < elementwise_info(step.code).arity; ++k) text << (k > 0 ? ", v" : "v") << step.source[k];
    text << ");\n";
  }
  return text.str();
}

std::string input_parameters(const graph::Launch& launch) {
  std::ostringstream text;
  for (size_t i = 0; i < launch.inputs.size(); ++i) {
    const graph::Operand& input = launch.inputs[i];
    text << (input.constant ? "SCALAR(" : "INPUT(") << storage_type(input.dtype) << ", x" << i << ", " << i
         << "), ";
  }
  return text.str();
}

// Offsets `o<k>` of the operands that have one, from the position `position` in the axes listed.
std::string offset_statements(const std::vector<int>& operands, const std::vector<int>& axes,
                              const std::string& position, const std::string& indent) {
  std::ostringstream text;
  if (axes.empty()) return "";
  text << indent << "{\n" << indent << "  index rest = " << position << ";\n";
  for (size_t k = axes.size(); k-- > 1;) {
    const int axis = axes[k];
    text << indent << "  { const index next = rest / loop.size[" << axis << "], at = rest - next * loop.size["
         << axis << "]; rest = next;";
    for (const int operand : operands)
      text << " o" << operand << " += at * loop.stride[" << operand << "][" << axis << "];";
    text << " }\n";
  }
  for (const int operand : operands)
    text << indent << "  o" << operand << " += rest * loop.stride[" << operand << "][" << axes[0] << "];\n";
  text << indent << "}\n";
  return text.str();
}

namespace {

bool is_single(const graph::Operand& input) {
  return !input.constant && (input.strides.size() == 0 || input.strides[input.strides.size() - 1] == 0);
}

// The loads of contiguous operands: element k of their packs, or element i.
std::string load_statements(const graph::Launch& launch, const std::string& indent, bool packed) {
  std::ostringstream text;
  for (size_t i = 0; i < launch.inputs.size(); ++i) {
    const graph::Operand& input = launch.inputs[i];
    const std::string n = std::to_string(i);
    text << indent << "const " << value_type(input.dtype) << " v" << n << " = "
         << (input.constant     ? "widen(x" + n + ")"
             : is_single(input) ? "s" + n
             : packed           ? "widen(p" + n + ".v[k])"
                                : "widen(x" + n + "[i])")
         << ";\n";
  }
  return text.str();
}

}  // namespace

void write_packed_loop(std::ostringstream& text, const graph::Launch& launch, int width) {
  const graph::Tape& tape = *launch.tape;
  for (size_t i = 0; i < launch.inputs.size(); ++i)
    if (is_single(launch.inputs[i]))
      text << "  const " << value_type(launch.inputs[i].dtype) << " s" << i << " = widen(x" << i << "[0]);\n";
  text << "  const index packs = count / " << width << ";\n  for (index i = first; i < packs; i += step) {\n";
  for (size_t i = 0; i < launch.inputs.size(); ++i) {
    const graph::Operand& input = launch.inputs[i];
    if (input.constant || is_single(input)) continue;
    text << "    const pack<" << storage_type(input.dtype) << ", " << width << "> p" << i
         << " = ((DEVICE const pack<" << storage_type(input.dtype) << ", " << width << ">*)x" << i << ")[i];\n";
  }
  for (size_t o = 0; o < launch.outputs.size(); ++o)
    text << "    pack<" << storage_type(launch.outputs[o].dtype) << ", " << width << "> r" << o << ";\n";
  text << "    UNROLL\n    for (int k = 0; k < " << width << "; ++k) {\n"
       << load_statements(launch, "      ", true) << step_statements(launch, "      ");
  for (const graph::TapeStore& store : tape.stores)
    text << "      r" << store.output << ".v[k] = narrow<" << storage_type(launch.outputs[store.output].dtype)
         << ">(v" << store.value << ");\n";
  text << "    }\n";
  for (size_t o = 0; o < launch.outputs.size(); ++o)
    text << "    ((DEVICE pack<" << storage_type(launch.outputs[o].dtype) << ", " << width << ">*)y" << o
         << ")[i] = r" << o << ";\n";
  text << "  }\n  for (index i = packs * " << width << " + first; i < count; i += step) {\n"
       << load_statements(launch, "    ", false) << step_statements(launch, "    ");
  for (const graph::TapeStore& store : tape.stores)
    text << "    y" << store.output << "[i] = narrow<" << storage_type(launch.outputs[store.output].dtype) << ">(v"
         << store.value << ");\n";
  text << "  }\n";
}

namespace {

// Packs along the innermost of several axes, whose size is a multiple of the pack.
void write_packed_rows(std::ostringstream& text, const graph::Launch& launch, int width) {
  const graph::Tape& tape = *launch.tape;
  const auto loads = static_cast<int>(launch.inputs.size());
  std::vector<int> operands, axes;
  for (int i = 0; i < loads; ++i)
    if (!launch.inputs[i].constant) operands.push_back(i);
  for (size_t o = 0; o < launch.outputs.size(); ++o) operands.push_back(loads + static_cast<int>(o));
  for (int k = 0; k < tape.shape.size(); ++k) axes.push_back(k);
  const auto pack_of = [width](const graph::Operand& operand) {
    return std::string("pack<") + storage_type(operand.dtype) + ", " + std::to_string(width) + ">";
  };
  text << "  for (index i = first; i < count / " << width << "; i += step) {\n";
  for (const int operand : operands) text << "    index o" << operand << " = 0;\n";
  text << offset_statements(operands, axes, "i * " + std::to_string(width), "    ");
  for (int i = 0; i < loads; ++i) {
    const graph::Operand& input = launch.inputs[i];
    if (input.constant) continue;
    if (is_single(input))
      text << "    const " << value_type(input.dtype) << " s" << i << " = widen(x" << i << "[o" << i << "]);\n";
    else
      text << "    const " << pack_of(input) << " p" << i << " = *(DEVICE const " << pack_of(input) << "*)(x" << i
           << " + o" << i << ");\n";
  }
  for (size_t o = 0; o < launch.outputs.size(); ++o)
    text << "    " << pack_of(launch.outputs[o]) << " r" << o << ";\n";
  text << "    UNROLL\n    for (int k = 0; k < " << width << "; ++k) {\n"
       << load_statements(launch, "      ", true) << step_statements(launch, "      ");
  for (const graph::TapeStore& store : tape.stores)
    text << "      r" << store.output << ".v[k] = narrow<" << storage_type(launch.outputs[store.output].dtype)
         << ">(v" << store.value << ");\n";
  text << "    }\n";
  for (size_t o = 0; o < launch.outputs.size(); ++o)
    text << "    *(DEVICE " << pack_of(launch.outputs[o]) << "*)(y" << o << " + o" << loads + static_cast<int>(o)
         << ") = r" << o << ";\n";
  text << "  }\n";
}

void write_strided_loop(std::ostringstream& text, const graph::Launch& launch) {
  const graph::Tape& tape = *launch.tape;
  const auto loads = static_cast<int>(launch.inputs.size());
  std::vector<int> operands, axes;
  for (int i = 0; i < loads; ++i)
    if (!launch.inputs[i].constant) operands.push_back(i);
  for (size_t o = 0; o < launch.outputs.size(); ++o) operands.push_back(loads + static_cast<int>(o));
  for (int k = 0; k < tape.shape.size(); ++k) axes.push_back(k);
  text << "  for (index i = first; i < count; i += step) {\n";
  for (const int operand : operands) text << "    index o" << operand << " = 0;\n";
  text << offset_statements(operands, axes, "i", "    ");
  for (int i = 0; i < loads; ++i)
    text << "    const " << value_type(launch.inputs[i].dtype) << " v" << i << " = widen(x" << i
         << (launch.inputs[i].constant ? std::string() : "[o" + std::to_string(i) + "]") << ");\n";
  text << step_statements(launch, "    ");
  for (const graph::TapeStore& store : tape.stores)
    text << "    y" << store.output << "[o" << loads + store.output << "] = narrow<"
         << storage_type(launch.outputs[store.output].dtype) << ">(v" << store.value << ");\n";
  text << "  }\n";
}

}  // namespace

std::string elementwise_text(const graph::Launch& launch, const LoopForm& form) {
  std::ostringstream text;
  text << loop_declarations(launch, form.wide) << step_functions(*launch.tape) << "KERNEL(chain, "
       << input_parameters(launch);
  size_t next = launch.inputs.size();
  for (size_t o = 0; o < launch.outputs.size(); ++o)
    text << "OUTPUT(" << storage_type(launch.outputs[o].dtype) << ", y" << o << ", " << next++ << "), ";
  text << "SCALAR(Loop, loop, " << next << "), SCALAR(index, count, " << next + 1 << ")) {\n"
       << "  const index step = (index)gdim.x * (index)bdim.x;\n"
       << "  const index first = (index)bid.x * (index)bdim.x + (index)tid.x;\n";
  if (form.pack > 0 && launch.tape->shape.size() > 1)
    write_packed_rows(text, launch, form.pack);
  else if (form.pack > 0)
    write_packed_loop(text, launch, form.pack);
  else
    write_strided_loop(text, launch);
  text << "}\n";
  return text.str();
}

}  // namespace nngpu::gpu
