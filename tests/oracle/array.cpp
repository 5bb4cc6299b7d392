#include "oracle/array.h"

#include <algorithm>

namespace nngpu::oracle {

int64_t Array::size() const {
  int64_t count = 1;
  for (int64_t n : shape) count *= n;
  return count;
}

namespace {
size_t offset_of(const std::vector<int64_t>& shape, const std::vector<int64_t>& index) {
  const size_t lead = index.size() - shape.size();
  int64_t offset = 0;
  for (size_t i = 0; i < shape.size(); ++i) offset = offset * shape[i] + (shape[i] == 1 ? 0 : index[lead + i]);
  return static_cast<size_t>(offset);
}
}  // namespace

double Array::at(const std::vector<int64_t>& index) const { return data[offset_of(shape, index)]; }
double& Array::ref(const std::vector<int64_t>& index) { return data[offset_of(shape, index)]; }

Array filled(const std::vector<int64_t>& shape, double value) {
  Array a{shape, {}};
  a.data.assign(static_cast<size_t>(a.size()), value);
  return a;
}

void for_each_index(const std::vector<int64_t>& shape,
                    const std::function<void(const std::vector<int64_t>&)>& visit) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
  std::vector<int64_t> index(shape.size(), 0);
  while (true) {
    visit(index);
    size_t axis = shape.size();
    while (axis > 0 && ++index[axis - 1] == shape[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

Array from_tensor(const Tensor& tensor) {
  return {{tensor.shape().begin(), tensor.shape().end()}, tensor.to_vector<double>()};
}

Tensor to_tensor(const Array& array, DType dtype) {
  const Shape shape(array.shape);
  const auto as = [&]<class T>(T) {
    std::vector<T> values;
    for (double v : array.data) {
      if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
        values.push_back(T(static_cast<float>(v)));
      else
        values.push_back(static_cast<T>(v));
    }
    return Tensor::from_bytes(values.data(), dtype, shape, row_major_strides(shape));
  };
  switch (dtype) {
    case DType::Bool: {
      std::vector<uint8_t> values;
      for (double v : array.data) values.push_back(v != 0);
      return Tensor::from_bytes(values.data(), dtype, shape, row_major_strides(shape));
    }
    case DType::U8:
      return as(uint8_t{});
    case DType::I32:
      return as(int32_t{});
    case DType::I64:
      return as(int64_t{});
    case DType::F16:
      return as(Half());
    case DType::BF16:
      return as(BFloat16());
    case DType::F32:
      return as(float{});
    case DType::F64:
      return as(double{});
  }
  return {};
}

Array rounded(const Array& array, DType dtype) { return from_tensor(to_tensor(array, dtype)); }

namespace {
std::vector<int64_t> broadcast(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  std::vector<int64_t> result(std::max(a.size(), b.size()), 1);
  for (const auto* shape : {&a, &b}) {
    const size_t lead = result.size() - shape->size();
    for (size_t i = 0; i < shape->size(); ++i) {
      if ((*shape)[i] != 1) result[lead + i] = (*shape)[i];
    }
  }
  return result;
}
}  // namespace

Array map(const Array& a, const std::function<double(double)>& f) {
  Array result = a;
  for (double& v : result.data) v = f(v);
  return result;
}

Array map(const Array& a, const Array& b, const std::function<double(double, double)>& f) {
  Array result{broadcast(a.shape, b.shape), {}};
  for_each_index(result.shape, [&](const auto& index) { result.data.push_back(f(a.at(index), b.at(index))); });
  return result;
}

Array map(const Array& a, const Array& b, const Array& c, const std::function<double(double, double, double)>& f) {
  Array result{broadcast(broadcast(a.shape, b.shape), c.shape), {}};
  for_each_index(result.shape, [&](const auto& i) { result.data.push_back(f(a.at(i), b.at(i), c.at(i))); });
  return result;
}

Array reduce(const Array& a, const std::vector<int64_t>& axes, bool keepdims,
             const std::function<double(const std::vector<double>&)>& fold) {
  std::vector<int64_t> kept;  // the shape with reduced axes as 1
  std::vector<int64_t> result_shape;
  for (int64_t axis = 0; axis < a.rank(); ++axis) {
    const bool reduced = axes.empty() || std::find(axes.begin(), axes.end(), axis) != axes.end();
    kept.push_back(reduced ? 1 : a.shape[static_cast<size_t>(axis)]);
    if (!reduced || keepdims) result_shape.push_back(kept.back());
  }
  Array result{result_shape, {}};
  for_each_index(kept, [&](const std::vector<int64_t>& start) {
    std::vector<int64_t> extent;
    for (size_t i = 0; i < kept.size(); ++i) extent.push_back(kept[i] == 1 ? a.shape[i] : 1);
    std::vector<double> values;
    for_each_index(extent, [&](const std::vector<int64_t>& step) {
      std::vector<int64_t> index = start;
      for (size_t i = 0; i < index.size(); ++i) index[i] += step[i];
      values.push_back(a.at(index));
    });
    result.data.push_back(fold(values));
  });
  return result;
}

Array matmul(const Array& a, const Array& b) {
  const size_t ra = a.shape.size(), rb = b.shape.size();
  const int64_t m = a.shape[ra - 2], k = a.shape[ra - 1], n = b.shape[rb - 1];
  std::vector<int64_t> shape =
      broadcast({a.shape.begin(), a.shape.end() - 2}, {b.shape.begin(), b.shape.end() - 2});
  shape.push_back(m);
  shape.push_back(n);
  Array result{shape, {}};
  for_each_index(shape, [&](const std::vector<int64_t>& index) {
    std::vector<int64_t> left = index, right = index;
    double sum = 0;
    for (int64_t i = 0; i < k; ++i) {
      left.back() = i;
      right[right.size() - 2] = i;
      sum += a.at(left) * b.at(right);
    }
    result.data.push_back(sum);
  });
  return result;
}

Array permute(const Array& a, const std::vector<int64_t>& axes) {
  Array result;
  for (int64_t axis : axes) result.shape.push_back(a.shape[static_cast<size_t>(axis)]);
  for_each_index(result.shape, [&](const std::vector<int64_t>& index) {
    std::vector<int64_t> source(index.size());
    for (size_t i = 0; i < axes.size(); ++i) source[static_cast<size_t>(axes[i])] = index[i];
    result.data.push_back(a.at(source));
  });
  return result;
}

}  // namespace nngpu::oracle
