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
      : launch_(launch), form_(form), direct_(direct) {
    const int64_t mask = launch.params.as<graph::ReduceParams>().axes;
    for (int k = 0; k < launch.tape->shape.size(); ++k) (mask >> k & 1 ? reduced_ : kept_).push_back(k);
    for (size_t i = 0; i < launch.inputs.size(); ++i)
      if (!launch.inputs[i].constant) operands_.push_back(static_cast<int>(i));
    for (const graph::TapeReduction& reduction : launch.tape->reductions) add_part(reduction);
  }

  std::string write() {
    text_ << loop_declarations(launch_, form_.wide) << step_functions(*launch_.tape);
    for (size_t k = 0; k < kinds_.size(); ++k)
      text_ << accumulator_text(kinds_[k].first, kinds_[k].second, std::to_string(k));
    if (tiled()) {
      write_tiles();
    } else {
      write_rows();
      write_columns();
    }
    if (!direct_) write_combine();
    return text_.str();
  }

 private:
  // One of the launch's reductions. Its names end in `n`, those of its kind of accumulator in `kind`.
  struct Part {
    const graph::TapeReduction& reduction;
    std::string n, kind, value, type;
  };

  void add_part(const graph::TapeReduction& reduction) {
    const DType dtype = compute_dtype(launch_.outputs[reduction.output].dtype);
    const std::pair<Reduction, DType> kind{reduction.code, dtype};
    auto known = std::find(kinds_.begin(), kinds_.end(), kind);
    if (known == kinds_.end()) known = kinds_.insert(known, kind);
    parts_.push_back({reduction, std::to_string(parts_.size()), std::to_string(known - kinds_.begin()),
                      std::string("v").append(std::to_string(reduction.value)), value_type(dtype)});
  }

  // Packs of results, not of what is reduced.
  bool tiled() const { return form_.pack > 1 && !kept_.empty() && kept_.back() == launch_.tape->shape.size() - 1; }

  void write_outputs(size_t& next) {
    for (size_t o = 0; o < launch_.outputs.size(); ++o)
      text_ << "OUTPUT(" << storage_type(launch_.outputs[o].dtype) << ", y" << o << ", " << next++ << "), ";
  }

  void write_divisors(size_t& next) {
    for (const Part& part : parts_)
      if (part.reduction.code == Reduction::Moments)
        text_ << ", SCALAR(" << part.type << ", divisor" << part.n << ", " << next++ << ")";
  }

  void write_parameters(const char* name) {
    size_t next = launch_.inputs.size();
    text_ << "KERNEL(" << name << ", " << input_parameters(launch_);
    if (direct_) {
      write_outputs(next);
    } else {
      for (const Part& part : parts_)
        text_ << "OUTPUT(Acc" << part.kind << ", partial" << part.n << ", " << next++ << "), ";
    }
    text_ << "SCALAR(Loop, loop, " << next++ << ")";
    for (const char* number : {"results", "length", "chunk"})
      text_ << ", SCALAR(index, " << number << ", " << next++ << ")";
    if (direct_) write_divisors(next);
    text_ << ") {\n"
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

  void write_loads(const std::string& indent, const char* offset) {
    for (size_t i = 0; i < launch_.inputs.size(); ++i)
      text_ << indent << "const " << value_type(launch_.inputs[i].dtype) << " v" << i << " = widen(x" << i
            << (launch_.inputs[i].constant ? std::string() : std::string("[") + offset + std::to_string(i) + "]")
            << ");\n";
    text_ << step_statements(launch_, indent);
  }

  // One element of the reductions at position r.
  void write_element(const std::string& indent) {
    write_offsets("r", indent);
    write_loads(indent, "o");
  }

  // The sums of a thread, and what is done to each of them.
  void write_starts(const std::string& indent) {
    for (const Part& part : parts_)
      text_ << indent << "Acc" << part.kind << " sum" << part.n << " = acc_start" << part.kind << "();\n";
  }
  void write_adds(const std::string& indent) {
    for (const Part& part : parts_)
      text_ << indent << "sum" << part.n << " = acc_add" << part.kind << "(sum" << part.n << ", " << part.value
            << ");\n";
  }
  void write_elements(const std::string& count, const std::string& indent) {
    for (const Part& part : parts_)
      text_ << indent << "Elements" << part.kind << "<" << count << "> e" << part.n << ";\n";
  }
  void write_pack_adds(const std::string& indent) {
    for (const Part& part : parts_)
      text_ << indent << "sum" << part.n << " = acc_add_pack" << part.kind << "(sum" << part.n << ", e" << part.n
            << ");\n";
  }
  // e0.v[at] = v3; ...
  void write_keeps(const std::string& at, const std::string& indent) {
    for (const Part& part : parts_)
      text_ << indent << "e" << part.n << ".v[" << at << "] = " << part.value << ";\n";
  }
  void write_reduces(const std::string& indent) {
    for (const Part& part : parts_) text_ << indent << "ACC_REDUCE" << part.kind << "(sum" << part.n << ")\n";
  }

  void write_result(const std::string& indent) {
    if (direct_) return write_stores(indent);
    for (const Part& part : parts_)
      text_ << indent << "partial" << part.n << "[(index)bid.y * results + o] = sum" << part.n << ";\n";
  }

  void write_stores(const std::string& indent) {
    const auto out = static_cast<int>(launch_.inputs.size());
    text_ << indent << "index o" << out << " = 0;\n" << offset_statements({out}, kept_, "o", indent);
    for (const Part& part : parts_) {
      const auto store = [&](int32_t output, const std::string& value) {
        text_ << indent << "y" << output << "[o" << out << "] = narrow<"
              << storage_type(launch_.outputs[output].dtype) << ">(" << value << ");\n";
      };
      store(part.reduction.output, "acc_result" + part.kind + "(sum" + part.n + ")");
      if (part.reduction.code == Reduction::Moments)
        store(part.reduction.output + 1,
              "acc_variance" + part.kind + "(sum" + part.n + ", divisor" + part.n + ")");
    }
  }

  bool is_repeated(const graph::Operand& input) const {
    return !input.constant && input.strides[input.strides.size() - 1] == 0;
  }

  // Loads the pack at r and opens the loop over its elements k, of which it computes the values.
  void open_pack(const std::string& indent) {
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
    text_ << step_statements(launch_, indent + "  ");
  }

  // The elements of the pack at r, from e<n>.v[first] on.
  void write_pack(const std::string& first, const std::string& indent) {
    open_pack(indent);
    write_keeps(first + "k", indent + "  ");
    text_ << indent << "}\n";
  }

  // Neighbours of one result, several packs at once while there are, then a pack, then an element. A pack never
  // crosses the end of the innermost axis.
  void write_packs() {
    const std::string width = std::to_string(form_.pack), packs = std::to_string(packs_at_once(form_.pack));
    const std::string elements = std::to_string(form_.pack * packs_at_once(form_.pack));
    text_ << "    const index packed = begin + (end - begin) / " << width << " * " << width << ";\n"
          << "    const index stride = (index)bdim.x * " << width << ";\n"
          << "    index at = begin + (index)tid.x * " << width << ";\n"
          << "    for (; at + (" << packs << " - 1) * stride < packed; at += " << packs << " * stride) {\n";
    write_elements(elements, "      ");
    text_ << "      UNROLL\n      for (int j = 0; j < " << packs
          << "; ++j) {\n        const index r = at + j * stride;\n";
    write_pack("j * " + width + " + ", "        ");
    text_ << "      }\n";
    write_pack_adds("      ");
    text_ << "    }\n    for (index r = at; r < packed; r += stride) {\n";
    write_elements(width, "      ");
    write_pack("", "      ");
    write_pack_adds("      ");
    text_ << "    }\n    for (index r = packed + (index)tid.x; r < end; r += (index)bdim.x) {\n";
    write_element("      ");
    write_adds("      ");
    text_ << "    }\n";
  }

  void write_rows() {
    write_parameters("rows");
    for (const Part& part : parts_) text_ << "  SHARED(Acc" << part.kind << ", shared" << part.n << ", [32]);\n";
    text_ << "  const u32 warps = (bdim.x + 31u) / 32u;\n"
          << "  for (index o = (index)bid.x; o < results; o += (index)gdim.x) {\n";
    write_bases("o", "    ");
    write_starts("    ");
    if (form_.pack > 1) {
      write_packs();
    } else {
      text_ << "    for (index r = begin + (index)tid.x; r < end; r += (index)bdim.x) {\n";
      write_element("      ");
      write_adds("      ");
      text_ << "    }\n";
    }
    write_reduces("    ");
    text_ << "    if (warps > 1u) {\n";
    for (const Part& part : parts_)
      text_ << "      if (lane == 0u) shared" << part.n << "[warp] = sum" << part.n << ";\n";
    text_ << "      BARRIER();\n"
          << "      if (warp == 0u) {\n";
    for (const Part& part : parts_)
      text_ << "        sum" << part.n << " = acc_start" << part.kind << "();\n"
            << "        if (lane < warps) sum" << part.n << " = shared" << part.n << "[lane];\n";
    write_reduces("        ");
    text_ << "      }\n"
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
    write_starts("    ");
    text_ << "    index first = begin;\n"
          << "    for (; first + " << rows << " <= end; first += " << rows << ") {\n";
    write_elements(rows, "      ");
    text_ << "      UNROLL\n      for (int k = 0; k < " << rows << "; ++k) {\n"
          << "        const index r = first + k;\n";
    write_element("        ");
    write_keeps("k", "        ");
    text_ << "      }\n";
    write_pack_adds("      ");
    text_ << "    }\n    for (index r = first; r < end; ++r) {\n";
    write_element("      ");
    write_adds("      ");
    text_ << "    }\n";
    write_result("    ");
    text_ << "  }\n}\n";
  }

  // `rows` rows of a pack of results, `step` apart from r on: their elements to e<n>[k], then to sums<n>[k].
  void write_tile_rows(int rows, const std::string& indent) {
    const std::string width = std::to_string(form_.pack), count = std::to_string(rows);
    for (const Part& part : parts_)
      text_ << indent << "Elements" << part.kind << "<" << count << "> e" << part.n << "[" << width << "];\n";
    text_ << indent << "UNROLL\n"
          << indent << "for (int j = 0; j < " << count << "; ++j) {\n"
          << indent << "  const index r = first + j * step;\n";
    open_pack(indent + "  ");
    for (const Part& part : parts_) text_ << indent << "    e" << part.n << "[k].v[j] = " << part.value << ";\n";
    text_ << indent << "  }\n"
          << indent << "}\n"
          << indent << "UNROLL\n"
          << indent << "for (int k = 0; k < " << width << "; ++k) {\n";
    for (const Part& part : parts_)
      text_ << indent << "  sums" << part.n << "[k] = acc_add_pack" << part.kind << "(sums" << part.n << "[k], e"
            << part.n << "[k]);\n";
    text_ << indent << "}\n";
  }

  // The sums of the threads of a column, one result of a pack after the other.
  void write_tile_merge() {
    text_ << "  const u32 self = tid.y * bdim.x + tid.x;\n  UNROLL\n  for (int k = 0; k < " << form_.pack
          << "; ++k) {\n";
    for (const Part& part : parts_) text_ << "    shared" << part.n << "[self] = sums" << part.n << "[k];\n";
    text_ << "    BARRIER();\n    for (u32 reach = bdim.y / 2u; reach > 0u; reach /= 2u) {\n"
          << "      if (tid.y < reach) {\n";
    for (const Part& part : parts_)
      text_ << "        shared" << part.n << "[self] = acc_merge" << part.kind << "(shared" << part.n
            << "[self], shared" << part.n << "[self + reach * bdim.x]);\n";
    text_ << "      }\n      BARRIER();\n    }\n    if (tid.y == 0u && inside) {\n      const index o = start + "
             "k;\n";
    for (const Part& part : parts_)
      text_ << "      const Acc" << part.kind << " sum" << part.n << " = shared" << part.n << "[self];\n";
    write_result("      ");
    text_ << "    }\n  }\n";
  }

  // Threads (x, y): x of a pack of neighbouring results, y of every so many'th row. Blocks as the other kernels'.
  void write_tiles() {
    write_parameters("tiles");
    for (const Part& part : parts_)
      text_ << "  SHARED(Acc" << part.kind << ", shared" << part.n << ", [" << kTileThreads << "]);\n";
    text_ << "  const index start = ((index)bid.x * (index)bdim.x + (index)tid.x) * " << form_.pack << ";\n"
          << "  const bool inside = start < results;\n  const index place = inside ? start : (index)0;\n";
    write_bases("place", "  ");
    for (const Part& part : parts_)
      text_ << "  Acc" << part.kind << " sums" << part.n << "[" << form_.pack
            << "];\n  UNROLL\n  for (int k = 0; k < " << form_.pack << "; ++k) sums" << part.n << "[k] = acc_start"
            << part.kind << "();\n";
    const int rows = std::clamp(32 / (form_.pack * static_cast<int>(parts_.size())), 1, kRowsAtOnce);
    text_ << "  const index step = (index)bdim.y;\n  index first = begin + (index)tid.y;\n";
    if (rows > 1) {
      text_ << "  for (; first + " << rows - 1 << " * step < end; first += " << rows << " * step) {\n";
      write_tile_rows(rows, "    ");
      text_ << "  }\n";
    }
    text_ << "  for (; first < end; first += step) {\n";
    write_tile_rows(1, "    ");
    text_ << "  }\n";
    write_tile_merge();
    text_ << "}\n";
  }

  // A subgroup takes a result where there are many splits, else a thread does.
  void write_combine() {
    size_t next = 0;
    text_ << "KERNEL(combine, ";
    for (const Part& part : parts_)
      text_ << "INPUT(Acc" << part.kind << ", partial" << part.n << ", " << next++ << "), ";
    write_outputs(next);
    text_ << "SCALAR(Loop, loop, " << next++ << ")";
    for (const char* number : {"results", "splits", "lanes"})
      text_ << ", SCALAR(index, " << number << ", " << next++ << ")";
    write_divisors(next);
    text_ << ") {\n"
          << "  const index step = (index)gdim.x * (index)bdim.x / lanes;\n"
          << "  const index first = ((index)bid.x * (index)bdim.x + (index)tid.x) / lanes;\n"
          << "  const index rounds = (results + step - 1) / step;\n"
          << "  for (index round = 0; round < rounds; ++round) {\n"
          << "    const index o = first + round * step;\n";
    write_starts("    ");
    text_ << "    if (o < results)\n"
          << "      for (index s = lanes == 1 ? (index)0 : (index)lane; s < splits; s += lanes) {\n";
    for (const Part& part : parts_)
      text_ << "        sum" << part.n << " = acc_merge" << part.kind << "(sum" << part.n << ", partial" << part.n
            << "[s * results + o]);\n";
    text_ << "      }\n    if (lanes > 1) {\n";
    write_reduces("      ");
    text_ << "    }\n    if (o < results && (lanes == 1 || lane == 0u)) {\n";
    write_stores("      ");
    text_ << "    }\n  }\n}\n";
  }

  const graph::Launch& launch_;
  LoopForm form_;
  bool direct_;
  std::vector<std::pair<Reduction, DType>> kinds_;
  std::vector<Part> parts_;
  std::vector<int> kept_, reduced_, operands_;
  std::ostringstream text_;
};

}  // namespace

int packs_at_once(int pack) { return std::clamp(16 / pack, 1, 4); }

std::string reduce_text(const graph::Launch& launch, const LoopForm& form, bool direct) {
  return ReduceWriter(launch, form, direct).write();
}

}  // namespace nngpu::gpu
