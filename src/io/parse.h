// The formats on bytes in memory; `name` is the file's, for errors. They accept any bytes: fuzz/ feeds them such.
#ifndef NNGPU_IO_PARSE_H_
#define NNGPU_IO_PARSE_H_

#include <string>
#include <string_view>

#include "nngpu/io.h"

namespace nngpu::io {

Tensor parse_npy(std::string_view bytes, const std::string& name);
std::string format_npy(const Tensor& tensor);
std::map<std::string, Tensor> parse_npz(std::string_view bytes, const std::string& name);
CsvTable parse_csv(std::string_view text, const std::string& name, const CsvOptions& options);
Tensor parse_mtx(std::string_view text, const std::string& name);

// Cuts the next line, without its end, from the front of `text`; false at the end.
bool next_line(std::string_view& text, std::string_view& line);
// The whole of `field`, spaces around it aside, as a number; false if it is none.
bool parse_number(std::string_view field, double& value);

}  // namespace nngpu::io

#endif  // NNGPU_IO_PARSE_H_
