#include "io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "io/file.h"
#include "nngpu/error.h"

namespace nngpu::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the writer writes memory as it is");

using Json = nlohmann::json;

constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr const char* kMetadata = "__metadata__";

struct FormatType {
  const char* name;
  size_t size;
  DType dtype;     // what it is read as
  bool is_signed;  // of integers that are widened
};

// Every type that is read; those after F64 are integers that nngpu lacks, and are widened.
constexpr FormatType kTypes[] = {
    {"BOOL", 1, DType::Bool, false}, {"U8", 1, DType::U8, false},   {"I32", 4, DType::I32, true},
    {"I64", 8, DType::I64, true},    {"F16", 2, DType::F16, true},  {"BF16", 2, DType::BF16, true},
    {"F32", 4, DType::F32, true},    {"F64", 8, DType::F64, true},  {"I8", 1, DType::I32, true},
    {"I16", 2, DType::I32, true},    {"U16", 2, DType::I32, false}, {"U32", 4, DType::I64, false},
};

const char* type_name(DType dtype) {
  for (const FormatType& type : kTypes)
    if (type.dtype == dtype) return type.name;
  return "";
}

// One entry of the header.
struct Entry {
  std::string name;
  FormatType type;
  Shape shape;
  uint64_t begin = 0, end = 0;
};

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  Safetensors read() {
    const Json header = parse_header();
    Safetensors result;
    std::vector<Entry> entries;
    for (const auto& [key, value] : header.items()) {
      if (key == kMetadata)
        result.metadata = metadata(value);
      else
        entries.push_back(entry(key, value));
    }
    check_cover(entries);
    for (const Entry& entry : entries) result.tensors.emplace(entry.name, tensor(entry));
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    fail_read(name_, "not a valid .safetensors file: " + message);
  }

  Json parse_header() {
    if (bytes_.size() < 8) fail("it has fewer than 8 bytes");
    uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), 8);
    if (length > kMaxHeader) fail("a header of " + std::to_string(length) + " bytes is too long");
    if (length > bytes_.size() - 8) fail("truncated: the header ends early");
    const std::string_view text = bytes_.substr(8, length);
    data_ = bytes_.substr(8 + length);
    if (text.empty() || text[0] != '{') fail("the header does not start with '{'");
    std::string error;
    Json header = Json::parse(text, watch(error), false);
    if (!error.empty()) fail(error);
    if (!header.is_object()) fail("the header is no JSON object");
    return header;
  }

  // Stops at nesting that no header has, and at a key given twice, which the parser would take the last of.
  static Json::parser_callback_t watch(std::string& error) {
    auto keys = std::make_shared<std::vector<std::set<std::string>>>(3);
    return [&error, keys](int depth, Json::parse_event_t event, Json& value) {
      if (!error.empty()) return false;
      const auto level = static_cast<size_t>(depth);
      if (level >= keys->size() + 1) {
        error = "the header is nested too deep";
      } else if (event == Json::parse_event_t::object_start && level + 1 < keys->size()) {
        (*keys)[level + 1].clear();
      } else if (event == Json::parse_event_t::key && level < keys->size()) {
        if (!(*keys)[level].insert(value.get<std::string>()).second)
          error = "the key '" + value.get<std::string>() + "' is there twice";
      }
      return error.empty();
    };
  }

  std::map<std::string, std::string> metadata(const Json& value) const {
    std::map<std::string, std::string> result;
    if (!value.is_object()) fail(std::string(kMetadata) + " is no object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) fail("metadata '" + key + "' is no string");
      result.emplace(key, text.get<std::string>());
    }
    return result;
  }

  static uint64_t whole(const Json& value, bool& valid) {
    if (!value.is_number_unsigned()) valid = false;
    return valid ? value.get<uint64_t>() : 0;
  }

  Entry entry(const std::string& key, const Json& value) const {
    const bool complete = value.is_object() && value.size() == 3 && value.contains("dtype") &&
                          value.contains("shape") && value.contains("data_offsets");
    if (!complete || !value["dtype"].is_string() || !value["shape"].is_array() ||
        !value["data_offsets"].is_array()) {
      fail("tensor '" + key + "' needs dtype, shape and data_offsets");
    }
    Entry result{key, type(key, value["dtype"].get<std::string>()), {}, 0, 0};
    bool valid = value["data_offsets"].size() == 2;
    if (valid) {
      result.begin = whole(value["data_offsets"][0], valid);
      result.end = whole(value["data_offsets"][1], valid);
    }
    if (!valid || result.begin > result.end) fail("tensor '" + key + "' has no valid data_offsets");
    result.shape = shape(key, value["shape"]);
    const auto bytes = static_cast<uint64_t>(numel(result.shape)) * result.type.size;
    if (result.end - result.begin != bytes) {
      fail("tensor '" + key + "' of " + std::to_string(bytes) + " bytes takes " +
           std::to_string(result.end - result.begin));
    }
    return result;
  }

  FormatType type(const std::string& key, const std::string& dtype) const {
    for (const FormatType& type : kTypes)
      if (type.name == dtype) return type;
    fail("tensor '" + key + "': dtype '" + dtype + "' is not supported");
  }

  Shape shape(const std::string& key, const Json& value) const {
    if (value.size() > kMaxRank) fail("tensor '" + key + "' has more than " + std::to_string(kMaxRank) + " axes");
    Shape result;
    bool valid = true;
    for (const Json& size : value) {
      const uint64_t number = whole(size, valid);
      valid = valid && number <= uint64_t{1} << 48;
      result.push_back(valid ? static_cast<int64_t>(number) : 0);
    }
    try {
      numel(result);
    } catch (const ShapeError&) {
      valid = false;
    }
    if (!valid) fail("tensor '" + key + "' has no valid shape");
    return result;
  }

  // The tensors fill the data without gaps and without overlap.
  void check_cover(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t at = 0;
    for (const Entry& entry : entries) {
      if (entry.begin != at) fail("tensor '" + entry.name + "' leaves a gap or overlaps another");
      at = entry.end;
    }
    if (at > data_.size())
      fail("truncated: " + std::to_string(at) + " bytes of data are needed, " + std::to_string(data_.size()) +
           " are there");
    if (at < data_.size()) fail("bytes after the last tensor");
  }

  template <class From, class To>
  Tensor widened(const Entry& entry) const {
    std::vector<To> values(static_cast<size_t>(numel(entry.shape)));
    for (size_t i = 0; i < values.size(); ++i) {
      From value;
      std::memcpy(&value, data_.data() + entry.begin + i * sizeof(From), sizeof(From));
      values[i] = value;
    }
    return Tensor::from_vector(values, entry.shape);
  }

  Tensor tensor(const Entry& entry) const {
    const FormatType& type = entry.type;
    if (type.size < dtype_size(type.dtype)) {
      if (type.size == 1) return widened<int8_t, int32_t>(entry);
      if (type.size == 4) return widened<uint32_t, int64_t>(entry);
      return type.is_signed ? widened<int16_t, int32_t>(entry) : widened<uint16_t, int32_t>(entry);
    }
    std::string elements(data_.substr(entry.begin, entry.end - entry.begin));
    if (type.dtype == DType::Bool)
      for (char& byte : elements) byte = byte != 0;
    return Tensor::from_bytes(elements.data(), type.dtype, entry.shape, row_major_strides(entry.shape));
  }

  std::string_view bytes_, data_;
  const std::string& name_;
};

[[noreturn]] void fail_write(const std::string& name, const std::string& message) {
  throw IOError("[save] " + name + ": " + message);
}

}  // namespace

Safetensors parse_safetensors(std::string_view bytes, const std::string& name) {
  return Reader(bytes, name).read();
}

std::string format_safetensors(const std::map<std::string, Tensor>& tensors,
                               const std::map<std::string, std::string>& metadata, const std::string& name) {
  // Wide types first, so that every tensor is aligned; names in order among one type.
  std::vector<std::pair<std::string, Tensor>> order(tensors.begin(), tensors.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return dtype_size(a.second.dtype()) > dtype_size(b.second.dtype());
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  size_t at = 0;
  for (const auto& [key, tensor] : order) {
    if (key == kMetadata) fail_write(name, std::string("a tensor cannot be called ") + kMetadata);
    const size_t bytes = static_cast<size_t>(tensor.numel()) * dtype_size(tensor.dtype());
    const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
    header[key] = {{"dtype", type_name(tensor.dtype())}, {"shape", shape}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    fail_write(name, "names and metadata must be UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data starts at a multiple of 8
  if (text.size() > kMaxHeader) fail_write(name, "the header is too long");
  std::string bytes(8, '\0');
  const uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, 8);
  bytes += text;
  size_t start = bytes.size();
  bytes.resize(start + at);
  for (const auto& [key, tensor] : order) {
    tensor.copy_to(bytes.data() + start, row_major_strides(tensor.shape()));
    start += static_cast<size_t>(tensor.numel()) * dtype_size(tensor.dtype());
  }
  return bytes;
}

Safetensors read_safetensors(const std::string& path) { return parse_safetensors(read_file(path), path); }

void write_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  for (const auto& [name, tensor] : tensors)
    if (!tensor.defined()) fail_write(path, "tensor '" + name + "' is undefined");
  const std::string bytes = format_safetensors(tensors, metadata, path);
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace nngpu::io
