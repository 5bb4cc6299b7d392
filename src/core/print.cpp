// Printing tensors.
#include <ostream>
#include <sstream>

#include "nngpu/ops.h"
#include "nngpu/tensor.h"

namespace nngpu {
namespace {

constexpr int64_t kEdge = 3;         // entries shown at each end of a long axis
constexpr int64_t kFullUpTo = 1000;  // elements

class Printer {
 public:
  Printer(std::ostream& out, const Tensor& tensor)
      : out_(out), shape_(tensor.shape()), dtype_(tensor.dtype()), shorten_(tensor.numel() > kFullUpTo) {
    if (is_floating(dtype_))
      reals_ = tensor.to_vector<double>();
    else
      integers_ = tensor.to_vector<int64_t>();
  }

  void print(int axis = 0, int64_t at = 0) {
    if (axis == shape_.size()) return element(at);
    int64_t stride = 1;
    for (int i = axis + 1; i < shape_.size(); ++i) stride *= shape_[i];
    out_ << '[';
    for (int64_t i = 0; i < shape_[axis]; ++i) {
      if (i > 0) separator(axis);
      if (shorten_ && shape_[axis] > 2 * kEdge && i == kEdge) {
        out_ << "...";
        i = shape_[axis] - kEdge - 1;
        continue;
      }
      print(axis + 1, at + i * stride);
    }
    out_ << ']';
  }

 private:
  void element(int64_t at) {
    if (dtype_ == DType::Bool)
      out_ << (integers_[at] != 0 ? "true" : "false");
    else if (is_floating(dtype_))
      out_ << reals_[at];
    else
      out_ << integers_[at];
  }
  void separator(int axis) {
    if (axis + 1 == shape_.size())
      out_ << ", ";
    else
      out_ << ",\n" << std::string(static_cast<size_t>(axis) + 1, ' ');
  }

  std::ostream& out_;
  Shape shape_;
  DType dtype_;
  bool shorten_;
  std::vector<double> reals_;
  std::vector<int64_t> integers_;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  if (!tensor.defined()) return out << "tensor(undefined)";
  std::ostringstream text;  // the caller's stream flags do not reach the elements
  text.precision(tensor.dtype() == DType::F64 ? 10 : 6);
  Printer(text, tensor).print();
  return out << text.str() << "\n(" << dtype_name(tensor.dtype()) << ", " << to_string(tensor.shape()) << ", "
             << to_string(tensor.device()) << ')';
}

std::string to_string(const Tensor& tensor) {
  std::ostringstream out;
  out << tensor;
  return out.str();
}

}  // namespace nngpu
