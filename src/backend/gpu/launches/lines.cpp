#include "backend/gpu/launches/lines.h"

#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches/index_words.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

// Few texts are compiled: sizes that are powers of two.
int64_t power_above(int64_t n) {
  int64_t power = 1;
  while (power < n) power *= 2;
  return power;
}

}  // namespace

Lines::Lines(const Shape& shape, int axis, DType dtype, const std::vector<Place>& places)
    : dtype_(dtype), n_(shape[axis]) {
  for (const Place& place : places) {
    steps_.push_back(n_ == 1 ? 1 : place.strides[axis]);
    data_.push_back(place.data);
    Dims strides;
    for (int k = 0; k < shape.size(); ++k)
      if (k != axis) strides.push_back(place.strides[k]);
    strides_.push_back(strides);
    wide_ = wide_ || reach(shape, place.strides) >= kWideReach;
  }
  for (int k = 0; k < shape.size(); ++k)
    if (k != axis) size_.push_back(shape[k]);
  count_ = numel(size_);
  wide_ = wide_ || count_ * n_ >= kWideReach;
  std::vector<Dims*> lists;
  for (Dims& strides : strides_) lists.push_back(&strides);
  Dims classes = Dims::filled(size_.size(), 0);
  graph::collapse(size_, lists, classes);
  if (size_.size() > 0) return;
  size_.push_back(1);
  for (Dims& strides : strides_) strides.push_back(0);
}

bool Lines::are_columns() const {
  const int last = size_.size() - 1;
  return size_[last] >= 8 && std::abs(strides_[0][last]) < std::abs(steps_[0]);
}

// Neighbours that fit 16 bytes, where the lines of every operand start at multiples of that.
int Lines::pack() const {
  const auto width = static_cast<int64_t>(std::min<size_t>(8, 16 / dtype_size(dtype_)));
  if (n_ % width != 0) return 1;
  for (size_t o = 0; o < steps_.size(); ++o) {
    if (steps_[o] != 1 || reinterpret_cast<uintptr_t>(data_[o]) % (dtype_size(dtype_) * width) != 0) return 1;
    for (int k = 0; k < size_.size(); ++k)
      if (size_[k] > 1 && strides_[o][k] % width != 0) return 1;
  }
  return static_cast<int>(width);
}

Lines::Form Lines::form(int arrays) const {
  Form form;
  form.pack = pack();
  const int64_t words = (dtype_ == DType::F64 ? 2 : 1) * arrays;  // registers an item takes
  if (n_ <= 1024 / words) {
    form.group = static_cast<int>(std::min<int64_t>(32, power_above(ceil_div(n_, form.pack))));
    form.items = static_cast<int>(power_above(ceil_div(n_, form.group * form.pack)) * form.pack);
    return form;
  }
  // About 16 registers of elements a thread.
  const int64_t items = std::max<int64_t>(form.pack, 16 / words);
  form.threads = static_cast<uint32_t>(std::clamp<int64_t>(power_above(ceil_div(n_, items)), 64, 1024));
  form.items = static_cast<int>(power_above(ceil_div(n_, form.threads * form.pack)) * form.pack);
  form.fits = form.items * words <= (form.threads == 1024 ? 16 : 32);
  if (!form.fits) form.items = form.pack;
  return form;
}

std::string Lines::definitions(const Form& form) const {
  std::string text;
  const auto define = [&](const char* name, const std::string& value) {
    text += std::string("#define ") + name + " " + value + "\n";
  };
  define("ELEMENT", storage_type(dtype_));
  define("VALUE", value_type(dtype_));
  define("OPERANDS", std::to_string(steps_.size()));
  define("GROUP", std::to_string(form.group));
  define("THREADS", std::to_string(form.threads));
  define("MAX_THREADS", std::to_string(form.threads));
  define("ITEMS", std::to_string(form.items));
  define("PACK", std::to_string(form.pack));
  return text + index_definitions(size_.size(), wide_);
}

uint32_t Lines::blocks(const Form& form) const {
  const int64_t lines = form.group > 0 ? form.threads / form.group : 1;
  return static_cast<uint32_t>(std::clamp<int64_t>(ceil_div(count_, lines), 1, int64_t{1} << 20));
}

void Lines::add_to(Arguments& arguments) const {
  IndexWords words(wide_);
  words.add(size_);
  for (const Dims& strides : strides_) words.add(strides);
  for (const int64_t step : steps_) words.add(step);
  words.add(count_).add(n_).to(arguments);
}

void Lines::run(GpuBackend& gpu, KernelHandle kernel, const Form& form, const Arguments& arguments) const {
  gpu.launch(kernel, {blocks(form), 1, 1}, {form.threads, 1, 1}, arguments);
}

}  // namespace nngpu::gpu
