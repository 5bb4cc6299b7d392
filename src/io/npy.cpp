// The .npy format (NumPy Enhancement Proposal 1 and numpy/lib/format.py's description).
#include <algorithm>
#include <bit>
#include <cstring>

#include "io/file.h"
#include "io/parse.h"
#include "nngpu/ops.h"

namespace nngpu::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the writer writes memory as it is");

constexpr std::string_view kMagic = "\x93NUMPY";

struct Header {
  char order = '|';  // byte order
  char kind = 0;
  int size = 0;  // bytes an element
  bool fortran = false;
  Shape shape;
};

// A reader of the header's Python literal: a dict of strings, booleans and a tuple of integers.
class Literal {
 public:
  Literal(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Header header() {
    Header header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (peek() != '}') {
      const std::string key = string();
      expect(':');
      if (key == "descr")
        parse_descr(string(), header), descr = true;
      else if (key == "fortran_order")
        header.fortran = boolean(), order = true;
      else if (key == "shape")
        header.shape = tuple(), shape = true;
      else
        fail("unknown key '" + key + "' in the header");
      if (peek() == ',') ++at_;
    }
    if (!descr || !order || !shape) fail("the header lacks descr, fortran_order or shape");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    fail_read(name_, "not a valid .npy file: " + message);
  }

  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  void expect(char c) {
    if (peek() != c) fail(std::string("'") + c + "' expected in the header");
    ++at_;
  }

  std::string string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') {
      fail(quote == '[' ? "structured dtypes are not supported" : "a string expected in the header");
    }
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("unterminated string in the header");
    std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }

  bool boolean() {
    peek();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return value;
    }
    fail("True or False expected in the header");
  }

  Shape tuple() {
    Shape shape;
    expect('(');
    while (peek() != ')') {
      if (shape.size() == kMaxRank) fail("more than " + std::to_string(kMaxRank) + " axes");
      shape.push_back(integer());
      if (peek() == ',')
        ++at_;
      else if (peek() != ')')
        fail("',' expected in the shape");
    }
    ++at_;
    return shape;
  }

  int64_t integer() {
    int64_t value = 0;
    const size_t start = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      if (value > (INT64_MAX - 9) / 10) fail("a size in the shape is too large");
      value = value * 10 + (text_[at_++] - '0');
    }
    if (at_ == start) fail("a size expected in the shape");
    return value;
  }

  void parse_descr(const std::string& descr, Header& header) const {
    const bool valid =
        descr.size() == 3 && std::strchr("<>|=", descr[0]) != nullptr && descr[2] >= '1' && descr[2] <= '8';
    if (!valid) fail("dtype '" + descr + "' is not supported");
    header.order = descr[0];
    header.kind = descr[1];
    header.size = descr[2] - '0';
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
};

template <class From, class To>
std::string widened(std::string_view bytes) {
  const size_t count = bytes.size() / sizeof(From);
  std::string result(count * sizeof(To), '\0');
  for (size_t i = 0; i < count; ++i) {
    From from;
    std::memcpy(&from, bytes.data() + i * sizeof(From), sizeof(From));
    const To to = from;
    std::memcpy(result.data() + i * sizeof(To), &to, sizeof(To));
  }
  return result;
}

// The dtype nngpu reads this one as; integers it lacks are widened in `data`.
DType convert(const Header& header, std::string& data, const std::string& name) {
  const std::string type = std::string(1, header.kind).append(std::to_string(header.size));
  if (type == "b1") {
    for (char& byte : data) byte = byte != 0;
    return DType::Bool;
  }
  if (type == "u1") return DType::U8;
  if (type == "i4") return DType::I32;
  if (type == "i8") return DType::I64;
  if (type == "f2") return DType::F16;
  if (type == "f4") return DType::F32;
  if (type == "f8") return DType::F64;
  if (type == "i1") return data = widened<int8_t, int32_t>(data), DType::I32;
  if (type == "i2") return data = widened<int16_t, int32_t>(data), DType::I32;
  if (type == "u2") return data = widened<uint16_t, int32_t>(data), DType::I32;
  if (type == "u4") return data = widened<uint32_t, int64_t>(data), DType::I64;
  fail_read(name, "dtype '" + type + "' is not supported");
}

void swap_bytes(std::string& data, size_t size) {
  for (size_t i = 0; i + size <= data.size(); i += size) std::reverse(data.begin() + i, data.begin() + i + size);
}

Dims column_major_strides(const Shape& shape) {
  Dims strides;
  int64_t stride = 1;
  for (int64_t size : shape) {
    strides.push_back(stride);
    stride *= std::max<int64_t>(1, size);
  }
  return strides;
}

struct Preamble {
  Header header;
  std::string_view data;
};

Preamble read_preamble(std::string_view bytes, const std::string& name) {
  if (bytes.substr(0, kMagic.size()) != kMagic || bytes.size() < 10) fail_read(name, "not a .npy file");
  const int version = static_cast<uint8_t>(bytes[6]);
  if (version < 1 || version > 3) fail_read(name, "unknown .npy version " + std::to_string(version));
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) fail_read(name, "truncated: the header ends early");
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i)
    length |= static_cast<size_t>(static_cast<uint8_t>(bytes[8 + i])) << (8 * i);
  const size_t start = 8 + length_bytes;
  if (length > bytes.size() - start) fail_read(name, "truncated: the header ends early");
  return {Literal(bytes.substr(start, length), name).header(), bytes.substr(start + length)};
}

}  // namespace

Tensor parse_npy(std::string_view bytes, const std::string& name) {
  const auto [header, data] = read_preamble(bytes, name);
  int64_t count = 0;
  try {
    count = numel(header.shape);
  } catch (const ShapeError&) {
    fail_read(name, "the shape is too large");
  }
  const auto available = static_cast<int64_t>(data.size()) / header.size;
  if (count > available) {
    fail_read(name, "truncated: shape " + to_string(header.shape) + " needs " + std::to_string(count) +
                        " elements, the file holds " + std::to_string(available));
  }
  std::string elements(data.substr(0, static_cast<size_t>(count * header.size)));
  if (header.order == '>' && header.size > 1) swap_bytes(elements, static_cast<size_t>(header.size));
  const DType dtype = convert(header, elements, name);
  const Dims strides = header.fortran ? column_major_strides(header.shape) : row_major_strides(header.shape);
  return Tensor::from_bytes(elements.data(), dtype, header.shape, strides);
}

std::string format_npy(const Tensor& tensor) {
  const Tensor x = tensor.dtype() == DType::BF16 ? cast(tensor, DType::F32) : tensor;
  static constexpr const char* kDescr[] = {"|b1", "|u1", "<i4", "<i8", "<f2", "", "<f4", "<f8"};
  std::string shape;
  for (int64_t size : x.shape()) shape += std::to_string(size) + (x.rank() == 1 ? "," : ", ");
  std::string header = std::string("{'descr': '") + kDescr[static_cast<int>(x.dtype())] +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
  const size_t total = (10 + header.size() + 1 + 63) / 64 * 64;  // data starts at a multiple of 64
  header.resize(total - 11, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += std::string("\x01\x00", 2);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  const size_t start = bytes.size();
  bytes.resize(start + static_cast<size_t>(x.numel()) * dtype_size(x.dtype()));
  x.copy_to(bytes.data() + start, row_major_strides(x.shape()));
  return bytes;
}

Tensor load_npy(const std::string& path) { return parse_npy(read_file(path), path); }

void save_npy(const std::string& path, const Tensor& tensor) {
  const std::string bytes = format_npy(tensor);
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace nngpu::io
