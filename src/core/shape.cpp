#include "nngpu/shape.h"

#include <algorithm>

#include "core/fail.h"

namespace nngpu {
namespace {

void check_rank(int64_t rank) {
  if (rank > kMaxRank) fail<ShapeError>("shape", "more than ", kMaxRank, " dimensions: ", rank);
}

}  // namespace

void Dims::push_back(int64_t value) {
  check_rank(size_ + 1);
  values_[size_++] = value;
}

void Dims::insert(int position, int64_t value) {
  push_back(0);
  std::copy_backward(begin() + position, end() - 1, end());
  values_[position] = value;
}

void Dims::erase(int position) {
  std::copy(begin() + position + 1, end(), begin() + position);
  pop_back();
}

namespace {
// More than any memory holds, and few enough that sizes in bytes, and sums of them, do not overflow.
constexpr int64_t kMaxElements = int64_t{1} << 48;
}  // namespace

int64_t numel(const Shape& shape) {
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0) fail<ShapeError>("shape", "negative size: ", shape);
    empty |= size == 0;
  }
  if (empty) return 0;
  int64_t count = 1;
  for (int64_t size : shape)
    if (__builtin_mul_overflow(count, size, &count) || count > kMaxElements)
      fail<ShapeError>("shape", "too many elements: ", shape);
  return count;
}

std::string to_string(const Dims& dims) {
  std::string text = "(";
  for (int i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(dims[i]);
  }
  return text + (dims.size() == 1 ? ",)" : ")");
}

Dims row_major_strides(const Shape& shape) {
  Dims strides = Dims::filled(shape.size(), 1);
  // Sizes of an empty tensor may multiply to more than 64 bits; its strides are never used, so they may wrap.
  uint64_t stride = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    strides[i] = static_cast<int64_t>(stride);
    stride *= static_cast<uint64_t>(std::max<int64_t>(shape[i], 1));
  }
  return strides;
}

int normalize_axis(const char* operation, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    fail<IndexError>(operation, "axis out of range: ", axis, " of ", rank, " dimensions");
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const int shift = longer.size() - shorter.size();
  for (int i = 0; i < shorter.size(); ++i) {
    const int64_t p = longer[i + shift], q = shorter[i];
    if (p != q && p != 1 && q != 1) fail<ShapeError>(operation, "shapes do not broadcast: ", a, " and ", b);
    if (p == 1) result[i + shift] = q;
  }
  return result;
}

}  // namespace nngpu
