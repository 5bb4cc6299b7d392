// The handwritten digits (Alpaydin and Kaynak, UCI repository, 1998): 8 x 8 images of 17 grey levels.
#ifndef NNGPU_TOOLS_QUICKSTART_DIGITS_H_
#define NNGPU_TOOLS_QUICKSTART_DIGITS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "nngpu/dense.h"

namespace nngpu::tool::quickstart {

inline constexpr int kClasses = 10;

struct Digits {
  GPUDense<float> pixels;   // (samples, 64), in [0, 1]
  std::vector<int> labels;  // 0 to 9
};

// Reads a .csv or .csv.gz file of rows of 64 pixels and a label. Throws IOError.
Digits load_digits(const std::string& path);

struct Split {
  std::vector<int64_t> train, test;
};

// One fifth of each class for testing, drawn by `seed`; the same on every machine.
Split stratified_split(const std::vector<int>& labels, uint64_t seed);

// The fraction of the test samples whose prediction is their label.
double accuracy(const Digits& digits, const Split& split, const std::vector<int>& predicted);

}  // namespace nngpu::tool::quickstart

#endif  // NNGPU_TOOLS_QUICKSTART_DIGITS_H_
