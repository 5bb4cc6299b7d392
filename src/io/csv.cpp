#include <charconv>

#include "io/file.h"
#include "io/parse.h"
#include "nngpu/ops.h"

namespace nngpu::io {
namespace {

std::vector<std::string_view> split(std::string_view line, char delimiter) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t end = line.find(delimiter);
    fields.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return fields;
    line.remove_prefix(end + 1);
  }
}

std::string unquoted(std::string_view field) {
  const size_t first = field.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  field = field.substr(first, field.find_last_not_of(" \t") - first + 1);
  if (field.size() >= 2 && field.front() == '"' && field.back() == '"') field = field.substr(1, field.size() - 2);
  return std::string(field);
}

bool is_header(const std::vector<std::string_view>& fields, const CsvOptions& options) {
  if (options.header) return *options.header;
  double value;
  for (const std::string_view field : fields) {
    if (!parse_number(field, value)) return true;
  }
  return false;
}

bool skipped(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t");
  return first == std::string_view::npos || line[first] == '#';
}

}  // namespace

CsvTable parse_csv(std::string_view text, const std::string& name, const CsvOptions& options) {
  if (options.dtype != DType::F32 && options.dtype != DType::F64)
    fail_read(name, "a .csv file is read as f32 or f64");
  CsvTable table;
  std::vector<double> values;
  int64_t rows = 0, columns = -1, number = 0;
  bool first = true;
  for (std::string_view line; next_line(text, line);) {
    ++number;
    if (skipped(line)) continue;
    const std::vector<std::string_view> fields = split(line, options.delimiter);
    const auto count = static_cast<int64_t>(fields.size());
    if (columns >= 0 && count != columns) {
      fail_read(name, "line " + std::to_string(number) + " has " + std::to_string(count) +
                          " fields, the lines above have " + std::to_string(columns));
    }
    columns = count;
    if (first && is_header(fields, options)) {
      for (const std::string_view field : fields) table.header.push_back(unquoted(field));
    } else {
      for (const std::string_view field : fields) {
        values.emplace_back();
        if (parse_number(field, values.back())) continue;
        fail_read(name, "line " + std::to_string(number) + ": '" + std::string(field.substr(0, 40)) +
                            "' is not a number");
      }
      ++rows;
    }
    first = false;
  }
  if (columns < 0) fail_read(name, "holds no numbers");
  table.data = Tensor::from_vector(values, {rows, columns});
  if (options.dtype == DType::F32) table.data = cast(table.data, DType::F32);
  return table;
}

CsvTable load_csv(const std::string& path, const CsvOptions& options) {
  return parse_csv(read_file(path, true), path, options);
}

void save_csv(const std::string& path, const Tensor& tensor, const std::vector<std::string>& header,
              char delimiter) {
  if (tensor.rank() != 1 && tensor.rank() != 2) {
    throw ShapeError("[save_csv] needs rank 1 or 2, the shape is " + to_string(tensor.shape()));
  }
  const int64_t columns = tensor.rank() == 2 ? tensor.size(1) : 1;
  if (!header.empty() && static_cast<int64_t>(header.size()) != columns) {
    throw ShapeError("[save_csv] " + std::to_string(header.size()) + " names for " + std::to_string(columns) +
                     " columns");
  }
  std::string text;
  for (size_t i = 0; i < header.size(); ++i) text += (i > 0 ? std::string(1, delimiter) : "") + header[i];
  if (!header.empty()) text += '\n';
  const auto append = [&](const auto& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      char digits[40];
      const auto end = std::to_chars(digits, digits + sizeof(digits), values[i]).ptr;
      text.append(digits, end);
      text += (static_cast<int64_t>(i) + 1) % columns == 0 ? '\n' : delimiter;
    }
  };
  if (tensor.dtype() == DType::F64)
    append(tensor.to_vector<double>());
  else if (is_floating(tensor.dtype()))
    append(tensor.to_vector<float>());
  else
    append(tensor.to_vector<int64_t>());
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace nngpu::io
