// Choosing a format by name, and what the text formats share.
#include <fast_float/fast_float.h>

#include "io/file.h"
#include "io/parse.h"
#include "nngpu/error.h"

namespace nngpu::io {

bool next_line(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  const size_t end = text.find('\n');
  line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return true;
}

bool parse_number(std::string_view field, double& value) {
  const size_t first = field.find_first_not_of(" \t");
  if (first == std::string_view::npos) return false;
  field = field.substr(first, field.find_last_not_of(" \t") - first + 1);
  if (field.front() == '+' && field.size() > 1 && field[1] != '-') field.remove_prefix(1);
  const auto [end, error] = fast_float::from_chars(field.data(), field.data() + field.size(), value);
  return (error == std::errc() || error == std::errc::result_out_of_range) && end == field.data() + field.size();
}

Tensor load(const std::string& path) {
  if (path.ends_with(".npy")) return load_npy(path);
  if (path.ends_with(".csv") || path.ends_with(".csv.gz")) return load_csv(path).data;
  if (path.ends_with(".mtx") || path.ends_with(".mtx.gz")) return load_mtx(path);
  if (path.ends_with(".npz")) {
    auto tensors = load_npz(path);
    if (tensors.size() != 1) fail_read(path, "holds " + std::to_string(tensors.size()) + " arrays, one is needed");
    return tensors.begin()->second;
  }
  fail_read(path, "unknown kind of file: write .npy, .npz, .csv or .mtx");
}

void save(const std::string& path, const Tensor& tensor) {
  if (path.ends_with(".npy")) return save_npy(path, tensor);
  if (path.ends_with(".csv")) return save_csv(path, tensor);
  if (path.ends_with(".mtx")) return save_mtx(path, tensor);
  if (path.ends_with(".npz")) return save_npz(path, {{"arr_0", tensor}});
  throw IOError("[save] " + path + ": unknown kind of file: write .npy, .npz, .csv or .mtx");
}

}  // namespace nngpu::io
