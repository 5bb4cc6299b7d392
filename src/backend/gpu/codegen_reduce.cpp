#include <sstream>

#include "backend/gpu/codegen.h"
#include "backend/gpu/codegen_parts.h"

namespace nngpu::gpu {
namespace {

using graph::Reduction;

struct Combination {
  const char* function;
  std::string identity;
};

Combination combination_of(Reduction code, DType value) {
  const bool floating = is_floating(value);
  const std::string type = value_type(value);
  const auto cast = [&](const std::string& number) { return "(" + type + ")" + number; };
  switch (code) {
    case Reduction::Sum:
      return {"add", cast("0")};
    case Reduction::Prod:
      return {"mul", cast("1")};
    case Reduction::Min:
      if (floating) return {"min", cast("NG_INFINITY")};
      return {"min",
              value == DType::I64 ? "(i64)9223372036854775807" : cast(value == DType::I32 ? "2147483647" : "255")};
    case Reduction::Max:
      if (floating) return {"max", cast("(-NG_INFINITY)")};
      return {"max", value == DType::I64 ? "NG_I64_MIN" : value == DType::I32 ? "NG_I32_MIN" : cast("0")};
    case Reduction::Any:
      return {"max", cast("0")};
    case Reduction::All:
      return {"min", cast("1")};
  }
  return {"add", cast("0")};
}

class ReduceWriter {
 public:
  ReduceWriter(const graph::Launch& launch, const LoopForm& form) : launch_(launch), form_(form) {
    const int64_t mask = launch.params.as<graph::ReduceParams>().axes;
    for (int k = 0; k < launch.tape->shape.size(); ++k) (mask >> k & 1 ? reduced_ : kept_).push_back(k);
    for (size_t i = 0; i < launch.inputs.size(); ++i)
      if (!launch.inputs[i].constant) operands_.push_back(static_cast<int>(i));
    dtype_ = compute_dtype(launch.outputs[0].dtype);
    type_ = value_type(dtype_);
    combination_ = combination_of(launch.params.as<graph::ReduceParams>().code, dtype_);
  }

  std::string write() {
    text_ << loop_declarations(launch_, form_.wide) << step_functions(*launch_.tape);
    text_ << "#define COMBINE(a, b) ng::" << combination_.function << "(a, b)\n";
    write_rows();
    write_columns();
    write_combine();
    return text_.str();
  }

 private:
  void write_parameters(const char* name) {
    const size_t n = launch_.inputs.size();
    text_ << "KERNEL(" << name << ", " << input_parameters(launch_) << "OUTPUT(" << type_ << ", partial, " << n
          << "), SCALAR(Loop, loop, " << n + 1 << "), SCALAR(index, results, " << n + 2
          << "), SCALAR(index, length, " << n + 3 << "), SCALAR(index, chunk, " << n + 4 << ")) {\n"
          << "  const index begin = (index)bid.y * chunk;\n"
          << "  const index end = begin + chunk < length ? begin + chunk : length;\n";
  }

  void write_bases(const char* result, const std::string& indent) {
    for (const int k : operands_) text_ << indent << "index o" << k << " = 0;\n";
    text_ << offset_statements(operands_, kept_, result, indent);
    for (const int k : operands_) text_ << indent << "const index base" << k << " = o" << k << ";\n";
  }

  // One element of the reduction at position r.
  void write_element(const std::string& indent) {
    for (const int k : operands_) text_ << indent << "index o" << k << " = base" << k << ";\n";
    text_ << offset_statements(operands_, reduced_, "r", indent);
    for (size_t i = 0; i < launch_.inputs.size(); ++i)
      text_ << indent << "const " << value_type(launch_.inputs[i].dtype) << " v" << i << " = widen(x" << i
            << (launch_.inputs[i].constant ? std::string() : "[o" + std::to_string(i) + "]") << ");\n";
    text_ << step_statements(launch_, indent) << indent << "sum = COMBINE(sum, v" << launch_.tape->reduced
          << ");\n";
  }

  void write_rows() {
    write_parameters("rows");
    text_ << "  SHARED(" << type_ << ", shared, [32]);\n"
          << "  const u32 warps = (bdim.x + 31u) / 32u;\n"
          << "  for (index o = (index)bid.x; o < results; o += (index)gdim.x) {\n";
    write_bases("o", "    ");
    text_ << "    " << type_ << " sum = " << combination_.identity << ";\n"
          << "    for (index r = begin + (index)tid.x; r < end; r += (index)bdim.x) {\n";
    write_element("      ");
    text_ << "    }\n"
          << "    simd_reduce(sum, COMBINE);\n"
          << "    if (lane == 0u) shared[warp] = sum;\n"
          << "    BARRIER();\n"
          << "    sum = lane < warps ? shared[lane] : " << combination_.identity << ";\n"
          << "    simd_reduce(sum, COMBINE);\n"
          << "    if (tid.x == 0u) partial[(index)bid.y * results + o] = sum;\n"
          << "    BARRIER();\n"
          << "  }\n}\n";
  }

  void write_columns() {
    write_parameters("columns");
    text_ << "  const index step = (index)gdim.x * (index)bdim.x;\n"
          << "  for (index o = (index)bid.x * (index)bdim.x + (index)tid.x; o < results; o += step) {\n";
    write_bases("o", "    ");
    text_ << "    " << type_ << " sum = " << combination_.identity << ";\n"
          << "    for (index r = begin; r < end; ++r) {\n";
    write_element("      ");
    text_ << "    }\n    partial[(index)bid.y * results + o] = sum;\n  }\n}\n";
  }

  void write_combine() {
    const auto out = static_cast<int>(launch_.inputs.size());
    const char* stored = storage_type(launch_.outputs[0].dtype);
    text_ << "KERNEL(combine, INPUT(" << type_ << ", partial, 0), OUTPUT(" << stored
          << ", y, 1), SCALAR(Loop, loop, 2), SCALAR(index, results, 3), SCALAR(index, splits, 4)) {\n"
          << "  const index step = (index)gdim.x * (index)bdim.x;\n"
          << "  for (index o = (index)bid.x * (index)bdim.x + (index)tid.x; o < results; o += step) {\n"
          << "    " << type_ << " sum = partial[o];\n"
          << "    for (index s = 1; s < splits; ++s) sum = COMBINE(sum, partial[s * results + o]);\n"
          << "    index o" << out << " = 0;\n"
          << offset_statements({out}, kept_, "o", "    ") << "    y[o" << out << "] = narrow<" << stored
          << ">(sum);\n  }\n}\n";
  }

  const graph::Launch& launch_;
  LoopForm form_;
  std::vector<int> kept_, reduced_, operands_;
  DType dtype_ = DType::F32;
  std::string type_;
  Combination combination_;
  std::ostringstream text_;
};

}  // namespace

std::string reduce_text(const graph::Launch& launch, const LoopForm& form) {
  return ReduceWriter(launch, form).write();
}

}  // namespace nngpu::gpu
