#include <sstream>

#include "backend/gpu/codegen.h"
#include "backend/gpu/codegen_parts.h"

namespace nngpu::gpu {
namespace {

using graph::Reduction;

// Rows that a thread of kernel `columns` reads before it adds them.
constexpr int kRowsAtOnce = 4;

class ReduceWriter {
 public:
  ReduceWriter(const graph::Launch& launch, const LoopForm& form, bool direct)
      : launch_(launch),
        form_(form),
        direct_(direct),
        code_(launch.params.as<graph::ReduceParams>().code),
        dtype_(compute_dtype(launch.outputs[0].dtype)),
        type_(value_type(dtype_)) {
    const int64_t mask = launch.params.as<graph::ReduceParams>().axes;
    for (int k = 0; k < launch.tape->shape.size(); ++k) (mask >> k & 1 ? reduced_ : kept_).push_back(k);
    for (size_t i = 0; i < launch.inputs.size(); ++i)
      if (!launch.inputs[i].constant) operands_.push_back(static_cast<int>(i));
  }

  std::string write() {
    text_ << loop_declarations(launch_, form_.wide) << step_functions(*launch_.tape)
          << accumulator_text(code_, dtype_, pack());
    write_rows();
    write_columns();
    if (!direct_) write_combine();
    return text_.str();
  }

 private:
  // Elements that are added at once: neighbours in kernel `rows`, or rows in kernel `columns`.
  int pack() const { return form_.pack > 1 ? form_.pack : kRowsAtOnce; }
  bool moments() const { return code_ == Reduction::Moments; }

  void write_parameters(const char* name) {
    size_t next = launch_.inputs.size();
    text_ << "KERNEL(" << name << ", " << input_parameters(launch_);
    if (direct_) {
      for (size_t o = 0; o < launch_.outputs.size(); ++o)
        text_ << "OUTPUT(" << storage_type(launch_.outputs[o].dtype) << ", y" << o << ", " << next++ << "), ";
    } else {
      text_ << "OUTPUT(Acc, partial, " << next++ << "), ";
    }
    text_ << "SCALAR(Loop, loop, " << next << ")";
    for (const char* number : {"results", "length", "chunk"})
      text_ << ", SCALAR(index, " << number << ", " << ++next << ")";
    text_ << ", SCALAR(" << type_ << ", divisor, " << ++next << ")) {\n"
          << "  const index begin = (index)bid.y * chunk;\n"
          << "  const index end = begin + chunk < length ? begin + chunk : length;\n";
  }

  void write_bases(const char* result, const std::string& indent) {
    for (const int k : operands_) text_ << indent << "index o" << k << " = 0;\n";
    text_ << offset_statements(operands_, kept_, result, indent);
    for (const int k : operands_) text_ << indent << "const index base" << k << " = o" << k << ";\n";
  }

  void write_offsets(const char* position, const std::string& indent) {
    for (const int k : operands_) text_ << indent << "index o" << k << " = base" << k << ";\n";
    text_ << offset_statements(operands_, reduced_, position, indent);
  }

  std::string value() const { return "v" + std::to_string(launch_.tape->reduced); }

  void write_loads(const std::string& indent, const char* offset) {
    for (size_t i = 0; i < launch_.inputs.size(); ++i)
      text_ << indent << "const " << value_type(launch_.inputs[i].dtype) << " v" << i << " = widen(x" << i
            << (launch_.inputs[i].constant ? std::string() : std::string("[") + offset + std::to_string(i) + "]")
            << ");\n";
    text_ << step_statements(launch_, indent);
  }

  // One element of the reduction at position r.
  void write_element(const std::string& indent) {
    write_offsets("r", indent);
    write_loads(indent, "o");
  }

  void write_start(const std::string& indent) {
    text_ << indent << "Acc sum = acc_start();\n";
    if (!moments()) return;
    text_ << indent << "if (length > 0) {\n";
    write_loads(indent + "  ", "base");
    text_ << indent << "  if (" << value() << " - " << value() << " == (VALUE)0) sum.shift = " << value() << ";\n"
          << indent << "}\n";
  }

  void write_result(const std::string& indent) {
    if (!direct_) {
      text_ << indent << "partial[(index)bid.y * results + o] = sum;\n";
      return;
    }
    write_stores(indent);
  }

  void write_stores(const std::string& indent) {
    const auto out = static_cast<int>(launch_.inputs.size());
    const char* stored = storage_type(launch_.outputs[0].dtype);
    text_ << indent << "index o" << out << " = 0;\n"
          << offset_statements({out}, kept_, "o", indent) << indent << "y0[o" << out << "] = narrow<" << stored
          << ">(acc_result(sum));\n";
    if (moments())
      text_ << indent << "y1[o" << out << "] = narrow<" << stored << ">(acc_variance(sum, divisor));\n";
  }

  bool is_repeated(const graph::Operand& input) const {
    return !input.constant && input.strides[input.strides.size() - 1] == 0;
  }

  // Neighbours of one result, form.pack at a time, which never cross the end of the innermost axis; `r` is left at
  // what remains of the split.
  void write_packs() {
    const int width = form_.pack;
    text_ << "    const index packed = begin + (end - begin) / " << width << " * " << width << ";\n"
          << "    for (index r = begin + (index)tid.x * " << width << "; r < packed; r += (index)bdim.x * "
          << width << ") {\n";
    write_offsets("r", "      ");
    for (size_t i = 0; i < launch_.inputs.size(); ++i) {
      const graph::Operand& input = launch_.inputs[i];
      if (input.constant) continue;
      if (is_repeated(input)) {
        text_ << "      const " << value_type(input.dtype) << " s" << i << " = widen(x" << i << "[o" << i
              << "]);\n";
        continue;
      }
      const std::string type =
          std::string("pack<") + storage_type(input.dtype) + ", " + std::to_string(width) + ">";
      text_ << "      const " << type << " p" << i << " = *(DEVICE const " << type << "*)(x" << i << " + o" << i
            << ");\n";
    }
    text_ << "      Elements e;\n      UNROLL\n      for (int k = 0; k < " << width << "; ++k) {\n";
    for (size_t i = 0; i < launch_.inputs.size(); ++i) {
      const graph::Operand& input = launch_.inputs[i];
      const std::string n = std::to_string(i);
      text_ << "        const " << value_type(input.dtype) << " v" << n << " = "
            << (input.constant       ? "widen(x" + n + ")"
                : is_repeated(input) ? "s" + n
                                     : "widen(p" + n + ".v[k])")
            << ";\n";
    }
    text_ << step_statements(launch_, "        ") << "        e.v[k] = " << value() << ";\n      }\n"
          << "      sum = acc_add_pack(sum, e);\n    }\n"
          << "    for (index r = packed + (index)tid.x; r < end; r += (index)bdim.x) {\n";
    write_element("      ");
    text_ << "      sum = acc_add(sum, " << value() << ");\n    }\n";
  }

  void write_rows() {
    write_parameters("rows");
    text_ << "  SHARED(Acc, shared, [32]);\n"
          << "  const u32 warps = (bdim.x + 31u) / 32u;\n"
          << "  for (index o = (index)bid.x; o < results; o += (index)gdim.x) {\n";
    write_bases("o", "    ");
    write_start("    ");
    if (form_.pack > 1) {
      write_packs();
    } else {
      text_ << "    for (index r = begin + (index)tid.x; r < end; r += (index)bdim.x) {\n";
      write_element("      ");
      text_ << "      sum = acc_add(sum, " << value() << ");\n    }\n";
    }
    text_ << "    ACC_REDUCE(sum)\n"
          << "    if (lane == 0u) shared[warp] = sum;\n"
          << "    BARRIER();\n"
          << "    sum = acc_start();\n"
          << "    if (lane < warps) sum = shared[lane];\n"
          << "    ACC_REDUCE(sum)\n"
          << "    if (tid.x == 0u) {\n";
    write_result("      ");
    text_ << "    }\n    BARRIER();\n  }\n}\n";
  }

  void write_columns() {
    write_parameters("columns");
    const std::string rows = std::to_string(pack());
    text_ << "  const index step = (index)gdim.x * (index)bdim.x;\n"
          << "  for (index o = (index)bid.x * (index)bdim.x + (index)tid.x; o < results; o += step) {\n";
    write_bases("o", "    ");
    write_start("    ");
    text_ << "    index first = begin;\n"
          << "    for (; first + " << rows << " <= end; first += " << rows << ") {\n"
          << "      Elements e;\n      UNROLL\n      for (int k = 0; k < " << rows << "; ++k) {\n"
          << "        const index r = first + k;\n";
    write_element("        ");
    text_ << "        e.v[k] = " << value() << ";\n      }\n      sum = acc_add_pack(sum, e);\n    }\n"
          << "    for (index r = first; r < end; ++r) {\n";
    write_element("      ");
    text_ << "      sum = acc_add(sum, " << value() << ");\n    }\n";
    write_result("    ");
    text_ << "  }\n}\n";
  }

  // A subgroup takes a result where there are many splits, else a thread does.
  void write_combine() {
    size_t next = 1;
    text_ << "KERNEL(combine, INPUT(Acc, partial, 0)";
    for (size_t o = 0; o < launch_.outputs.size(); ++o)
      text_ << ", OUTPUT(" << storage_type(launch_.outputs[o].dtype) << ", y" << o << ", " << next++ << ")";
    text_ << ", SCALAR(Loop, loop, " << next << ")";
    for (const char* number : {"results", "splits", "lanes"})
      text_ << ", SCALAR(index, " << number << ", " << ++next << ")";
    text_ << ", SCALAR(" << type_ << ", divisor, " << ++next << ")) {\n"
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
          << "    if (o < results && (lanes == 1 || lane == 0u)) {\n";
    write_stores("      ");
    text_ << "    }\n  }\n}\n";
  }

  const graph::Launch& launch_;
  LoopForm form_;
  bool direct_;
  Reduction code_;
  DType dtype_;
  std::string type_;
  std::vector<int> kept_, reduced_, operands_;
  std::ostringstream text_;
};

}  // namespace

std::string reduce_text(const graph::Launch& launch, const LoopForm& form, bool direct) {
  return ReduceWriter(launch, form, direct).write();
}

}  // namespace nngpu::gpu
