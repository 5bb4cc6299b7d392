#include "quickstart/digits.h"

#include <algorithm>
#include <random>

#include "nngpu/io.h"
#include "nngpu/ops.h"

namespace nngpu::tool::quickstart {

Digits load_digits(const std::string& path) {
  io::CsvOptions options;
  options.dtype = DType::F32;
  const Tensor table = io::load_csv(path, options).data;
  if (table.size(1) != 65) {
    throw IOError("[load] " + path + ": 64 pixels and a label expected, a row has " +
                  std::to_string(table.size(1)));
  }
  Digits digits;
  for (float label : index(table, 1, 64).to_vector<float>()) {
    if (!(label >= 0 && label < kClasses)) throw IOError("[load] " + path + ": a label is not a digit");
    digits.labels.push_back(static_cast<int>(label));
  }
  digits.pixels = GPUDense<float>(slice(table, 1, 0, 64) / 16);
  return digits;
}

Split stratified_split(const std::vector<int>& labels, uint64_t seed) {
  std::mt19937_64 generator(seed);  // its numbers are fixed by the C++ standard, those of std::shuffle are not
  Split split;
  for (int digit = 0; digit < kClasses; ++digit) {
    std::vector<int64_t> members;
    for (size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] == digit) members.push_back(static_cast<int64_t>(i));
    }
    for (size_t i = members.size(); i > 1; --i) std::swap(members[i - 1], members[generator() % i]);
    const size_t held_out = (members.size() + 2) / 5;
    split.test.insert(split.test.end(), members.begin(), members.begin() + static_cast<int64_t>(held_out));
    split.train.insert(split.train.end(), members.begin() + static_cast<int64_t>(held_out), members.end());
  }
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.test.begin(), split.test.end());
  return split;
}

double accuracy(const Digits& digits, const Split& split, const std::vector<int>& predicted) {
  int64_t right = 0;
  for (size_t i = 0; i < split.test.size(); ++i) {
    right += digits.labels[static_cast<size_t>(split.test[i])] == predicted[i];
  }
  return static_cast<double>(right) / static_cast<double>(split.test.size());
}

}  // namespace nngpu::tool::quickstart
