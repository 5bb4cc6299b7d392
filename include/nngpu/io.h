// Files: .npy, .npz, .csv, .mtx and .safetensors, read and written. A file being written appears under its name
// only when it is complete. All errors are IOError and name the file and, where there is one, the line.
#ifndef NNGPU_IO_H_
#define NNGPU_IO_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::io {

// NumPy's format, versions 1 to 3, either byte order, C or Fortran order. dtypes f2, f4, f8, i1 to i8, u1, u2, u4,
// b1; those that nngpu lacks are widened (i1, i2, u2 to i32, u4 to i64).
Tensor load_npy(const std::string& path);
void save_npy(const std::string& path, const Tensor& tensor);  // bf16 is written as f4

// A zip archive of .npy members; names are without ".npy".
std::map<std::string, Tensor> load_npz(const std::string& path);
void save_npz(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
              bool compress = false);

// Numbers separated by `delimiter`, one row a line, as a (rows, columns) tensor. Gzip-compressed files are read as
// they are. Empty lines and lines that start with '#' are skipped.
struct CsvOptions {
  char delimiter = ',';
  std::optional<bool> header;  // whether the first line holds names; by default, if a field of it is no number
  DType dtype = DType::F64;    // f32 or f64
};
struct CsvTable {
  Tensor data;
  std::vector<std::string> header;  // empty where there is none
};
CsvTable load_csv(const std::string& path, const CsvOptions& options = {});
// Rank 1 (one column) or 2. Numbers are written with the digits that read back to the same value.
void save_csv(const std::string& path, const Tensor& tensor, const std::vector<std::string>& header = {},
              char delimiter = ',');

// Matrix Market: dense arrays, and coordinate files as dense matrices; real, integer or pattern; general,
// symmetric or skew-symmetric. Gives f64.
Tensor load_mtx(const std::string& path);
void save_mtx(const std::string& path, const Tensor& tensor);  // a dense array

// The safetensors format: named tensors, and text about them. Types that nngpu lacks are widened (I8, I16, U16 to
// i32, U32 to i64); U64 and 8-bit floats are not read. Files are checked: sizes, gaps, overlaps, names given
// twice.
struct Safetensors {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};
Safetensors read_safetensors(const std::string& path);
void write_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

// By the file's extension (.npy, .csv, .csv.gz, .mtx; .npz with one member).
Tensor load(const std::string& path);
void save(const std::string& path, const Tensor& tensor);  // .npy, .csv, .mtx, .npz (member "arr_0")

}  // namespace nngpu::io

#endif  // NNGPU_IO_H_
