// The oracle: a naive n-dimensional array in double precision (integers exact below 2^53) and the operations on
// it, written for clarity, sharing nothing with the library's kernels.
#ifndef NNGPU_TESTS_ORACLE_ARRAY_H_
#define NNGPU_TESTS_ORACLE_ARRAY_H_

#include <functional>
#include <random>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::oracle {

struct Array {
  std::vector<int64_t> shape;
  std::vector<double> data;  // row-major

  int64_t size() const;
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  // The element at a full index; axes where the array has size 1 accept any index (broadcasting), and leading
  // indices that the array lacks are ignored.
  double at(const std::vector<int64_t>& index) const;
  double& ref(const std::vector<int64_t>& index);
};

Array filled(const std::vector<int64_t>& shape, double value);
// Calls visit(index) for every index of the shape, in row-major order.
void for_each_index(const std::vector<int64_t>& shape,
                    const std::function<void(const std::vector<int64_t>&)>& visit);

Array from_tensor(const Tensor& tensor);
// Rounded to `dtype` on the way in.
Tensor to_tensor(const Array& array, DType dtype);
// What the array is after a round trip through `dtype`.
Array rounded(const Array& array, DType dtype);

Array map(const Array& a, const std::function<double(double)>& f);
Array map(const Array& a, const Array& b, const std::function<double(double, double)>& f);
Array map(const Array& a, const Array& b, const Array& c, const std::function<double(double, double, double)>& f);
// Folds the values along `axes` (all where empty), given in order, to one.
Array reduce(const Array& a, const std::vector<int64_t>& axes, bool keepdims,
             const std::function<double(const std::vector<double>&)>& fold);
Array matmul(const Array& a, const Array& b);  // broadcast batches; rank >= 2
Array permute(const Array& a, const std::vector<int64_t>& axes);

}  // namespace nngpu::oracle

#endif  // NNGPU_TESTS_ORACLE_ARRAY_H_
