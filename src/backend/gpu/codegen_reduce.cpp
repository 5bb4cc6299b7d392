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
    const Reduction code = launch.params.as<graph::ReduceParams>().code;
    dtype_ = compute_dtype(launch.outputs[0].dtype);
    type_ = value_type(dtype_);
    combination_ = combination_of(code, dtype_);
    compensated_ = is_compensated(code, dtype_);
  }

  std::string write() {
    text_ << loop_declarations(launch_, form_.wide) << step_functions(*launch_.tape);
    write_accumulator();
    write_rows();
    write_columns();
    write_combine();
    return text_.str();
  }

 private:
  // Sums keep what rounding takes from them beside them (Knuth's two-sum): no length loses precision.
  void write_accumulator() {
    const std::string combine = std::string("ng::") + combination_.function;
    text_ << "struct Acc {\n  " << type_ << (compensated_ ? " value, error;\n};\n" : " value;\n};\n")
          << "FN Acc acc_start() {\n  Acc a;\n  a.value = " << combination_.identity << ";\n"
          << (compensated_ ? "  a.error = a.value;\n" : "") << "  return a;\n}\n"
          << "FN Acc acc_add(Acc a, " << type_ << " v) {\n  Acc r;\n  r.value = " << combine << "(a.value, v);\n";
    if (compensated_)
      text_ << "  const " << type_ << " part = r.value - a.value;\n"
            << "  r.error = a.error + ((a.value - (r.value - part)) + (v - part));\n";
    text_ << "  return r;\n}\n"
          << "FN Acc acc_merge(Acc a, Acc b) {\n  Acc r = acc_add(a, b.value);\n"
          << (compensated_ ? "  r.error = r.error + b.error;\n" : "") << "  return r;\n}\n"
          << "FN " << type_ << " acc_result(Acc a) {\n  return "
          << (compensated_ ? "a.error == a.error ? a.value + a.error : a.value" : "a.value") << ";\n}\n"
          << "#define ACC_SHUFFLE(sum, mask) { Acc other; other.value = simd_shuffle_xor(sum.value, mask);"
          << (compensated_ ? " other.error = simd_shuffle_xor(sum.error, mask);" : "")
          << " sum = acc_merge(sum, other); }\n"
          << "#define ACC_REDUCE(sum) ACC_SHUFFLE(sum, 16u) ACC_SHUFFLE(sum, 8u) ACC_SHUFFLE(sum, 4u) "
             "ACC_SHUFFLE(sum, 2u) ACC_SHUFFLE(sum, 1u)\n";
  }

  void write_parameters(const char* name) {
    const size_t n = launch_.inputs.size();
    text_ << "KERNEL(" << name << ", " << input_parameters(launch_) << "OUTPUT(Acc, partial, " << n
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

  void write_steps(const std::string& indent) {
    text_ << step_statements(launch_, indent) << indent << "sum = acc_add(sum, v" << launch_.tape->reduced
          << ");\n";
  }

  // One element of the reduction at position r.
  void write_element(const std::string& indent) {
    for (const int k : operands_) text_ << indent << "index o" << k << " = base" << k << ";\n";
    text_ << offset_statements(operands_, reduced_, "r", indent);
    for (size_t i = 0; i < launch_.inputs.size(); ++i)
      text_ << indent << "const " << value_type(launch_.inputs[i].dtype) << " v" << i << " = widen(x" << i
            << (launch_.inputs[i].constant ? std::string() : "[o" + std::to_string(i) + "]") << ");\n";
    write_steps(indent);
  }

  bool is_repeated(const graph::Operand& input) const {
    return !input.constant && input.strides[input.strides.size() - 1] == 0;
  }

  // Neighbours of one result, form.pack at a time; `r` is left at what remains of the split.
  void write_packs() {
    const int width = form_.pack;
    for (size_t i = 0; i < launch_.inputs.size(); ++i)
      if (is_repeated(launch_.inputs[i]))
        text_ << "    const " << value_type(launch_.inputs[i].dtype) << " s" << i << " = widen(x" << i << "[base"
              << i << "]);\n";
    text_ << "    const index packed = begin + (end - begin) / " << width << " * " << width << ";\n"
          << "    for (index r = begin + (index)tid.x * " << width << "; r < packed; r += (index)bdim.x * "
          << width << ") {\n";
    for (size_t i = 0; i < launch_.inputs.size(); ++i) {
      const graph::Operand& input = launch_.inputs[i];
      if (input.constant || is_repeated(input)) continue;
      const std::string type =
          std::string("pack<") + storage_type(input.dtype) + ", " + std::to_string(width) + ">";
      text_ << "      const " << type << " p" << i << " = *(DEVICE const " << type << "*)(x" << i << " + base" << i
            << " + r);\n";
    }
    text_ << "      UNROLL\n      for (int k = 0; k < " << width << "; ++k) {\n";
    for (size_t i = 0; i < launch_.inputs.size(); ++i) {
      const graph::Operand& input = launch_.inputs[i];
      const std::string n = std::to_string(i);
      text_ << "        const " << value_type(input.dtype) << " v" << n << " = "
            << (input.constant       ? "widen(x" + n + ")"
                : is_repeated(input) ? "s" + n
                                     : "widen(p" + n + ".v[k])")
            << ";\n";
    }
    write_steps("        ");
    text_ << "      }\n    }\n    for (index r = packed + (index)tid.x; r < end; r += (index)bdim.x) {\n";
    write_element("      ");
    text_ << "    }\n";
  }

  void write_rows() {
    write_parameters("rows");
    text_ << "  SHARED(Acc, shared, [32]);\n"
          << "  const u32 warps = (bdim.x + 31u) / 32u;\n"
          << "  for (index o = (index)bid.x; o < results; o += (index)gdim.x) {\n";
    write_bases("o", "    ");
    text_ << "    Acc sum = acc_start();\n";
    if (form_.pack > 1) {
      write_packs();
    } else {
      text_ << "    for (index r = begin + (index)tid.x; r < end; r += (index)bdim.x) {\n";
      write_element("      ");
      text_ << "    }\n";
    }
    text_ << "    ACC_REDUCE(sum)\n"
          << "    if (lane == 0u) shared[warp] = sum;\n"
          << "    BARRIER();\n"
          << "    sum = acc_start();\n"
          << "    if (lane < warps) sum = shared[lane];\n"
          << "    ACC_REDUCE(sum)\n"
          << "    if (tid.x == 0u) partial[(index)bid.y * results + o] = sum;\n"
          << "    BARRIER();\n"
          << "  }\n}\n";
  }

  void write_columns() {
    write_parameters("columns");
    text_ << "  const index step = (index)gdim.x * (index)bdim.x;\n"
          << "  for (index o = (index)bid.x * (index)bdim.x + (index)tid.x; o < results; o += step) {\n";
    write_bases("o", "    ");
    text_ << "    Acc sum = acc_start();\n"
          << "    for (index r = begin; r < end; ++r) {\n";
    write_element("      ");
    text_ << "    }\n    partial[(index)bid.y * results + o] = sum;\n  }\n}\n";
  }

  // A subgroup takes a result where there are many splits, else a thread does.
  void write_combine() {
    const auto out = static_cast<int>(launch_.inputs.size());
    const char* stored = storage_type(launch_.outputs[0].dtype);
    text_ << "KERNEL(combine, INPUT(Acc, partial, 0), OUTPUT(" << stored
          << ", y, 1), SCALAR(Loop, loop, 2), SCALAR(index, results, 3), SCALAR(index, splits, 4), SCALAR(index, "
             "lanes,"
             " 5)) {\n"
          << "  const index step = (index)gdim.x * (index)bdim.x / lanes;\n"
          << "  const index first = ((index)bid.x * (index)bdim.x + (index)tid.x) / lanes;\n"
          << "  const index rounds = (results + step - 1) / step;\n"
          << "  for (index round = 0; round < rounds; ++round) {\n"
          << "    const index o = first + round * step;\n"
          << "    Acc sum = acc_start();\n"
          << "    if (o < results)\n"
          << "      for (index s = lanes == 1 ? (index)0 : (index)lane; s < splits; s += lanes)\n"
          << "        sum = acc_merge(sum, partial[s * results + o]);\n"
          << "    if (lanes > 1) { ACC_REDUCE(sum) }\n"
          << "    if (o < results && (lanes == 1 || lane == 0u)) {\n"
          << "      index o" << out << " = 0;\n"
          << offset_statements({out}, kept_, "o", "      ") << "      y[o" << out << "] = narrow<" << stored
          << ">(acc_result(sum));\n    }\n  }\n}\n";
  }

  const graph::Launch& launch_;
  LoopForm form_;
  std::vector<int> kept_, reduced_, operands_;
  DType dtype_ = DType::F32;
  std::string type_;
  Combination combination_;
  bool compensated_ = false;
  std::ostringstream text_;
};

}  // namespace

bool is_compensated(graph::Reduction code, DType value) { return code == Reduction::Sum && is_floating(value); }

std::string reduce_text(const graph::Launch& launch, const LoopForm& form) {
  return ReduceWriter(launch, form).write();
}

}  // namespace nngpu::gpu
