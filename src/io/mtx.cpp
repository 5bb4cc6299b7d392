// The Matrix Market exchange format (Boisvert, Pozo, Remington, NISTIR 5935, 1996).
#include <algorithm>
#include <charconv>
#include <cstring>

#include "backend/backend.h"
#include "core/buffer.h"
#include "graph/node.h"
#include "io/file.h"
#include "io/parse.h"

namespace nngpu::io {
namespace {

enum class Symmetry { General, Symmetric, Skew };

class MtxReader {
 public:
  MtxReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Tensor read() {
    read_banner();
    const std::vector<int64_t> sizes = read_sizes();
    rows_ = sizes[0];
    columns_ = sizes[1];
    if (symmetry_ != Symmetry::General && rows_ != columns_) fail("a symmetric matrix must be square");
    const int64_t entries = coordinate_ ? sizes[2] : stored_entries();
    // Every entry takes two bytes of the file at least.
    if (entries > static_cast<int64_t>(text_.size()) / 2 + 1)
      fail("truncated: " + std::to_string(entries) + " entries promised");
    if (rows_ > 0 && columns_ > kMaxDense / rows_) fail("too large to hold as a dense matrix");
    // From the library's pool, whose limits a small file with large promises meets.
    const auto bytes = static_cast<size_t>(rows_ * columns_) * sizeof(double);
    BufferPtr buffer = backend_for({}).pool().allocate(bytes);
    std::memset(buffer->data, 0, bytes);
    values_ = reinterpret_cast<double*>(buffer->data);
    if (coordinate_)
      read_coordinates(entries);
    else
      read_array();
    const Dims strides{1, std::max<int64_t>(1, rows_)};
    return graph::make_data({}, DType::F64, {rows_, columns_}, {std::move(buffer), 0, strides})
        .to(default_device());
  }

 private:
  static constexpr int64_t kMaxDense = int64_t{1} << 31;  // elements: 16 GiB

  [[noreturn]] void fail(const std::string& message) const {
    fail_read(name_, (line_ > 0 ? "line " + std::to_string(line_) + ": " : "") + message);
  }

  static std::vector<std::string> words(std::string_view line) {
    std::vector<std::string> result;
    for (size_t at = 0; (at = line.find_first_not_of(" \t", at)) != std::string_view::npos;) {
      const size_t end = std::min(line.find_first_of(" \t", at), line.size());
      result.emplace_back(line.substr(at, end - at));
      at = end;
    }
    return result;
  }

  bool next(std::string_view& line) {
    while (next_line(text_, line)) {
      ++line_;
      const size_t first = line.find_first_not_of(" \t");
      if (first != std::string_view::npos && line[first] != '%') return true;
    }
    return false;
  }

  void read_banner() {
    std::string_view line;
    if (!next_line(text_, line)) fail("is empty");
    ++line_;
    std::vector<std::string> banner = words(line);
    for (std::string& word : banner)
      std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
    if (banner.size() != 5 || banner[0] != "%%matrixmarket" || banner[1] != "matrix")
      fail("not a Matrix Market file");
    coordinate_ = banner[2] == "coordinate";
    if (!coordinate_ && banner[2] != "array") fail("format '" + banner[2] + "' is not supported");
    pattern_ = banner[3] == "pattern";
    if (!pattern_ && banner[3] != "real" && banner[3] != "integer" && banner[3] != "double") {
      fail("field '" + banner[3] + "' is not supported");
    }
    if (pattern_ && !coordinate_) fail("an array cannot be a pattern");
    if (banner[4] == "symmetric")
      symmetry_ = Symmetry::Symmetric;
    else if (banner[4] == "skew-symmetric")
      symmetry_ = Symmetry::Skew;
    else if (banner[4] != "general")
      fail("symmetry '" + banner[4] + "' is not supported");
  }

  int64_t integer(const std::string& word) const {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value < 0)
      fail("'" + word + "' is not a size or index");
    return value;
  }

  std::vector<int64_t> read_sizes() {
    std::string_view line;
    if (!next(line)) fail("truncated: no sizes");
    std::vector<int64_t> sizes;
    for (const std::string& word : words(line)) sizes.push_back(integer(word));
    if (sizes.size() != (coordinate_ ? 3u : 2u))
      fail("rows, columns" + std::string(coordinate_ ? ", entries" : "") + " expected");
    return sizes;
  }

  int64_t stored_entries() const {
    const auto large = int64_t{1} << 31;
    if (rows_ > large || columns_ > large) fail("too large to hold as a dense matrix");
    if (symmetry_ == Symmetry::General) return rows_ * columns_;
    return symmetry_ == Symmetry::Symmetric ? rows_ * (rows_ + 1) / 2 : rows_ * (rows_ - 1) / 2;
  }

  double number(const std::string& word) const {
    double value;
    if (!parse_number(word, value)) fail(std::string("'").append(word, 0, 40) + "' is not a number");
    return value;
  }

  // Entries that appear twice add up, as in a sparse matrix.
  void add(int64_t row, int64_t column, double value) {
    values_[row + column * rows_] += value;
    if (symmetry_ == Symmetry::General || row == column) return;
    values_[column + row * rows_] += symmetry_ == Symmetry::Skew ? -value : value;
  }

  void read_coordinates(int64_t entries) {
    std::string_view line;
    for (int64_t e = 0; e < entries; ++e) {
      if (!next(line)) fail("truncated: " + std::to_string(e) + " of " + std::to_string(entries) + " entries");
      const std::vector<std::string> fields = words(line);
      if (fields.size() != (pattern_ ? 2u : 3u))
        fail("row, column" + std::string(pattern_ ? "" : ", value") + " expected");
      const int64_t row = integer(fields[0]), column = integer(fields[1]);
      if (row < 1 || row > rows_ || column < 1 || column > columns_) fail("an index lies outside the matrix");
      add(row - 1, column - 1, pattern_ ? 1 : number(fields[2]));
    }
    if (next(line)) fail("more than the promised entries");
  }

  void read_array() {
    std::string_view line;
    for (int64_t column = 0; column < columns_; ++column) {
      const int64_t first = symmetry_ == Symmetry::General     ? 0
                            : symmetry_ == Symmetry::Symmetric ? column
                                                               : column + 1;
      for (int64_t row = first; row < rows_; ++row) {
        if (!next(line)) fail("truncated: the array ends early");
        const std::vector<std::string> fields = words(line);
        if (fields.size() != 1) fail("one number a line expected");
        add(row, column, number(fields[0]));
      }
    }
    if (next(line)) fail("more than the promised entries");
  }

  std::string_view text_;
  const std::string& name_;
  int64_t line_ = 0;
  bool coordinate_ = false, pattern_ = false;
  Symmetry symmetry_ = Symmetry::General;
  int64_t rows_ = 0, columns_ = 0;
  double* values_ = nullptr;  // column-major
};

}  // namespace

Tensor parse_mtx(std::string_view text, const std::string& name) { return MtxReader(text, name).read(); }

Tensor load_mtx(const std::string& path) { return parse_mtx(read_file(path, true), path); }

void save_mtx(const std::string& path, const Tensor& tensor) {
  if (tensor.rank() != 2) throw ShapeError("[save_mtx] needs rank 2, the shape is " + to_string(tensor.shape()));
  const int64_t rows = tensor.size(0), columns = tensor.size(1);
  const bool integers = !is_floating(tensor.dtype());
  std::string text = std::string("%%MatrixMarket matrix array ") + (integers ? "integer" : "real") + " general\n" +
                     std::to_string(rows) + " " + std::to_string(columns) + "\n";
  const auto append = [&](const auto& values) {  // column by column, as the format has it
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t r = 0; r < rows; ++r) {
        char digits[40];
        text.append(
            digits,
            std::to_chars(digits, digits + sizeof(digits), values[static_cast<size_t>(r * columns + c)]).ptr);
        text += '\n';
      }
    }
  };
  if (integers)
    append(tensor.to_vector<int64_t>());
  else if (tensor.dtype() == DType::F64)
    append(tensor.to_vector<double>());
  else
    append(tensor.to_vector<float>());
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace nngpu::io
