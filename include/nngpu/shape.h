// Shapes: up to 8 dimensions of 64-bit sizes, held inline.
#ifndef NNGPU_SHAPE_H_
#define NNGPU_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace nngpu {

inline constexpr int kMaxRank = 8;

// A short list of 64-bit integers: a shape, strides, axes, a permutation. More than kMaxRank entries throw
// ShapeError. Unused entries are zero, so that equal lists are equal bytes.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values) { assign(values.begin(), values.end()); }
  Dims(const std::vector<int64_t>& values) { assign(values.begin(), values.end()); }
  template <class Iterator>
  Dims(Iterator first, Iterator last) {
    assign(first, last);
  }
  static Dims filled(int count, int64_t value) {
    Dims dims;
    for (int i = 0; i < count; ++i) dims.push_back(value);
    return dims;
  }

  int size() const { return static_cast<int>(size_); }
  bool empty() const { return size_ == 0; }
  int64_t operator[](int i) const { return values_[i]; }
  int64_t& operator[](int i) { return values_[i]; }
  int64_t back() const { return values_[size_ - 1]; }
  int64_t& back() { return values_[size_ - 1]; }
  const int64_t* begin() const { return values_; }
  const int64_t* end() const { return values_ + size_; }
  int64_t* begin() { return values_; }
  int64_t* end() { return values_ + size_; }
  const int64_t* data() const { return values_; }

  void push_back(int64_t value);
  void pop_back() { values_[--size_] = 0; }
  void insert(int position, int64_t value);
  void erase(int position);

  bool operator==(const Dims& other) const {
    if (size_ != other.size_) return false;
    for (int i = 0; i < size_; ++i)
      if (values_[i] != other.values_[i]) return false;
    return true;
  }

 private:
  template <class Iterator>
  void assign(Iterator first, Iterator last) {
    for (; first != last; ++first) push_back(static_cast<int64_t>(*first));
  }
  int64_t values_[kMaxRank] = {};
  int64_t size_ = 0;
};

using Shape = Dims;

// The number of elements; 1 for rank 0. Throws ShapeError if it exceeds 2^48 or a size is negative.
int64_t numel(const Shape& shape);

// "(3, 4)", "(5,)", "()".
std::string to_string(const Dims& dims);

// Row-major strides, in elements.
Dims row_major_strides(const Shape& shape);

// The axis as 0 <= axis < rank; negative axes count from the end. Throws IndexError naming `operation`.
int normalize_axis(const char* operation, int64_t axis, int rank);

// The NumPy broadcast of two shapes. Throws ShapeError naming `operation`.
Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b);

}  // namespace nngpu

#endif  // NNGPU_SHAPE_H_
