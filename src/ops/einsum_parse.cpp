#include "ops/einsum_parse.h"

#include <algorithm>
#include <cctype>

#include "core/fail.h"

namespace nngpu::ops {
namespace {

constexpr char kEllipsis = '.';

[[noreturn]] void malformed(const std::string& equation, const char* what) {
  fail<ValueError>("einsum", what, ": \"", equation, "\"");
}

// A subscript with "..." as one character.
std::string compact(const std::string& equation, const std::string& subscript) {
  std::string result;
  for (size_t i = 0; i < subscript.size(); ++i) {
    if (std::isalpha(static_cast<unsigned char>(subscript[i]))) {
      result += subscript[i];
    } else if (subscript.compare(i, 3, "...") == 0 && !contains(result, kEllipsis)) {
      result += kEllipsis;
      i += 2;
    } else {
      malformed(equation, "subscripts are letters and at most one \"...\"");
    }
  }
  return result;
}

std::vector<std::string> split_operands(const std::string& equation, const std::string& left) {
  std::vector<std::string> subscripts;
  size_t start = 0;
  while (true) {
    const size_t comma = left.find(',', start);
    subscripts.push_back(compact(equation, left.substr(start, comma - start)));
    if (comma == std::string::npos) return subscripts;
    start = comma + 1;
  }
}

// "..." replaced by the labels of `count` broadcast axes.
std::string expanded(const std::string& subscript, int count) {
  std::string labels;
  for (char c : subscript) {
    if (c != kEllipsis) labels += c;
    for (int i = count - 1; c == kEllipsis && i >= 0; --i) labels += static_cast<char>('0' + i);
  }
  return labels;
}

std::string operand_labels(const std::string& subscript, const Shape& shape, size_t operand, int* broadcast_axes) {
  const bool ellipsis = contains(subscript, kEllipsis);
  const int named = static_cast<int>(subscript.size()) - ellipsis;
  const int rest = shape.size() - named;
  if (rest < 0 || (rest > 0 && !ellipsis))
    fail<ShapeError>("einsum", "operand ", operand, " has the wrong number of dimensions: ", shape, " for ", named,
                     " subscripts");
  *broadcast_axes = std::max(*broadcast_axes, rest);
  return expanded(subscript, rest);
}

// Without "->": the broadcast axes, then the letters that occur once, in alphabetical order.
std::string implicit_output(const std::vector<std::string>& operands, int broadcast_axes) {
  std::string all, once = expanded(std::string(1, kEllipsis), broadcast_axes);
  for (const std::string& labels : operands) all += labels;
  std::sort(all.begin(), all.end());
  for (char label : all)
    if (!is_broadcast_label(label) && std::count(all.begin(), all.end(), label) == 1) once += label;
  return once;
}

std::string explicit_output(const std::string& equation, const std::string& subscript,
                            const std::vector<std::string>& operands, int broadcast_axes) {
  if (broadcast_axes > 0 && !contains(subscript, kEllipsis))
    malformed(equation, "the output must name the broadcast axes with \"...\"");
  const std::string labels = expanded(subscript, broadcast_axes);
  for (char label : labels) {
    if (std::count(labels.begin(), labels.end(), label) > 1)
      malformed(equation, "an output subscript occurs twice");
    const auto has = [label](const std::string& operand) { return contains(operand, label); };
    if (std::none_of(operands.begin(), operands.end(), has))
      malformed(equation, "an output subscript is in no operand");
  }
  return labels;
}

}  // namespace

EinsumLabels parse_einsum(const std::string& equation, const std::vector<Shape>& shapes) {
  std::string text = equation;
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const size_t arrow = text.find("->");
  const std::vector<std::string> subscripts = split_operands(equation, text.substr(0, arrow));
  if (subscripts.size() != shapes.size())
    fail<ValueError>("einsum", "number of operands differs: ", subscripts.size(), " in \"", equation, "\", ",
                     shapes.size(), " given");

  EinsumLabels result;
  int broadcast_axes = 0;
  for (size_t i = 0; i < shapes.size(); ++i)
    result.operands.push_back(operand_labels(subscripts[i], shapes[i], i, &broadcast_axes));
  result.output = arrow == std::string::npos ? implicit_output(result.operands, broadcast_axes)
                                             : explicit_output(equation, compact(equation, text.substr(arrow + 2)),
                                                               result.operands, broadcast_axes);
  return result;
}

}  // namespace nngpu::ops
