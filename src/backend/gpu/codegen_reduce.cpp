#include <algorithm>
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
          << accumulator_text(code_, dtype_);
    write_rows();
    write_columns();
    if (!direct_) write_combine();
    return text_.str();
  }

 private:
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

  std::string value() const { return std::string("v").append(std::to_string(launch_.tape->reduced)); }

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

  // The elements of the pack at r, from e.v[first] on.
  void write_pack(const std::string& first, const std::string& indent) {
    const std::string width = std::to_string(form_.pack);
    write_offsets("r", indent);
    for (size_t i = 0; i < launch_.inputs.size(); ++i) {
      const graph::Operand& input = launch_.inputs[i];
      const std::string n = std::to_string(i);
      if (input.constant) continue;
      if (is_repeated(input)) {
        text_ << indent << "const " << value_type(input.dtype) << " s" << n << " = widen(x" << n << "[o" << n
              << "]);\n";
        continue;
      }
      const std::string type = std::string("pack<") + storage_type(input.dtype) + ", " + width + ">";
      text_ << indent << "const " << type << " p" << n << " = *(DEVICE const " << type << "*)(x" << n << " + o"
            << n << ");\n";
    }
    text_ << indent << "UNROLL\n" << indent << "for (int k = 0; k < " << width << "; ++k) {\n";
    for (size_t i = 0; i < launch_.inputs.size(); ++i) {
      const graph::Operand& input = launch_.inputs[i];
      const std::string n = std::to_string(i);
      text_ << indent << "  const " << value_type(input.dtype) << " v" << n << " = "
            << (input.constant       ? "widen(x" + n + ")"
                : is_repeated(input) ? "s" + n
                                     : "widen(p" + n + ".v[k])")
            << ";\n";
    }
    text_ << step_statements(launch_, indent + "  ") << indent << "  e.v[" << first << "k] = " << value() << ";\n"
          << indent << "}\n";
  }

  // Neighbours of one result, several packs at once while there are, then a pack, then an element. A pack never
  // crosses the end of the innermost axis.
  void write_packs() {
    const std::string width = std::to_string(form_.pack), packs = std::to_string(packs_at_once(form_.pack));
    const std::string elements = std::to_string(form_.pack * packs_at_once(form_.pack));
    text_ << "    const index packed = begin + (end - begin) / " << width << " * " << width << ";\n"
          << "    const index stride = (index)bdim.x * " << width << ";\n"
          << "    index at = begin + (index)tid.x * " << width << ";\n"
          << "    for (; at + (" << packs << " - 1) * stride < packed; at += " << packs << " * stride) {\n"
          << "      Elements<" << elements << "> e;\n      UNROLL\n      for (int j = 0; j < " << packs
          << "; ++j) {\n        const index r = at + j * stride;\n";
    write_pack("j * " + width + " + ", "        ");
    text_ << "      }\n      sum = acc_add_pack(sum, e);\n    }\n"
          << "    for (index r = at; r < packed; r += stride) {\n      Elements<" << width << "> e;\n";
    write_pack("", "      ");
    text_ << "      sum = acc_add_pack(sum, e);\n    }\n"
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
    text_ << "    Acc sum = acc_start();\n";
    if (form_.pack > 1) {
      write_packs();
    } else {
      text_ << "    for (index r = begin + (index)tid.x; r < end; r += (index)bdim.x) {\n";
      write_element("      ");
      text_ << "      sum = acc_add(sum, " << value() << ");\n    }\n";
    }
    text_ << "    ACC_REDUCE(sum)\n"
          << "    if (warps > 1u) {\n"
          << "      if (lane == 0u) shared[warp] = sum;\n"
          << "      BARRIER();\n"
          << "      if (warp == 0u) {\n"
          << "        sum = acc_start();\n"
          << "        if (lane < warps) sum = shared[lane];\n"
          << "        ACC_REDUCE(sum)\n"
          << "      }\n"
          << "      BARRIER();\n"
          << "    }\n"
          << "    if (tid.x == 0u) {\n";
    write_result("      ");
    text_ << "    }\n  }\n}\n";
  }

  void write_columns() {
    write_parameters("columns");
    const std::string rows = std::to_string(kRowsAtOnce);
    text_ << "  const index step = (index)gdim.x * (index)bdim.x;\n"
          << "  for (index o = (index)bid.x * (index)bdim.x + (index)tid.x; o < results; o += step) {\n";
    write_bases("o", "    ");
    text_ << "    Acc sum = acc_start();\n";
    text_ << "    index first = begin;\n"
          << "    for (; first + " << rows << " <= end; first += " << rows << ") {\n"
          << "      Elements<" << rows << "> e;\n      UNROLL\n      for (int k = 0; k < " << rows << "; ++k) {\n"
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

int packs_at_once(int pack) { return std::clamp(16 / pack, 1, 4); }

std::string reduce_text(const graph::Launch& launch, const LoopForm& form, bool direct) {
  return ReduceWriter(launch, form, direct).write();
}

}  // namespace nngpu::gpu
