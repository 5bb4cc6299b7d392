#include "ops/elementwise.h"

#include <array>
#include <cctype>
#include <string>

namespace nngpu {
namespace {

// "FloorDivide" -> "floor_divide", as the public function is called; "IsNan" -> "isnan".
std::string function_name(const std::string& code) {
  const bool test = code.compare(0, 2, "Is") == 0;
  std::string name;
  for (char c : code) {
    if (std::isupper(static_cast<unsigned char>(c)) && !name.empty() && !test) name += '_';
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name;
}

struct Table {
  std::array<std::string, kElementwiseCount> names;
  std::array<ElementwiseInfo, kElementwiseCount> rows;
};

Table make_table() {
  Table table{{
#define NNGPU_ELEMENTWISE(code, arity, rule, expression) function_name(#code),
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
              },
              {{
#define NNGPU_ELEMENTWISE(code, arity, rule, expression) {nullptr, arity, DTypeRule::rule},
#include "ops/elementwise.def"
#undef NNGPU_ELEMENTWISE
              }}};
  return table;
}

}  // namespace

const ElementwiseInfo& elementwise_info(Elementwise code) {
  // Never destroyed: tensors in static variables may still be used while the program ends.
  static const Table& table = *[] {
    Table* made = new Table(make_table());
    for (int i = 0; i < kElementwiseCount; ++i) made->rows[i].name = made->names[i].c_str();
    return made;
  }();
  return table.rows[static_cast<int>(code)];
}

}  // namespace nngpu
