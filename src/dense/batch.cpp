#include "nngpu/batch.h"

#include <string>
#include <utility>

#include "nngpu/linalg.h"

namespace nngpu::batch {

namespace {

template <class T>
void check_counts(const char* operation, const Matrices<T>& a, const Matrices<T>& b) {
  if (a.size() != b.size())
    throw ShapeError("[batch::" + std::string(operation) + "] lists of " + std::to_string(a.size()) + " and " +
                     std::to_string(b.size()) + " matrices");
}

// Evaluates the tensors together and wraps those of each list as matrices.
template <class T, size_t N>
std::vector<Matrices<T>> evaluated(const std::vector<Tensor> (&lists)[N]) {
  std::vector<Tensor> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  eval(all);
  std::vector<Matrices<T>> result(N);
  for (size_t n = 0; n < N; ++n) {
    result[n].reserve(lists[n].size());
    for (const Tensor& tensor : lists[n]) result[n].emplace_back(tensor);
  }
  return result;
}

template <class T>
Matrices<T> evaluated(std::vector<Tensor> tensors) {
  const std::vector<Tensor> lists[1] = {std::move(tensors)};
  return std::move(evaluated<T>(lists)[0]);
}

template <class T, class F>
Matrices<T> map(const Matrices<T>& a, F f) {
  std::vector<Tensor> result;
  result.reserve(a.size());
  for (const auto& x : a) result.push_back(f(x.tensor()));
  return evaluated<T>(std::move(result));
}

// `f` of the matrices; it checks their shapes.
template <class T, class F>
Matrices<T> zip(const char* operation, const Matrices<T>& a, const Matrices<T>& b, F f) {
  check_counts(operation, a, b);
  std::vector<Tensor> result;
  result.reserve(a.size());
  for (size_t i = 0; i < a.size(); ++i) result.push_back(f(a[i], b[i]));
  return evaluated<T>(std::move(result));
}

}  // namespace

template <class T>
Matrices<T> matmul(const Matrices<T>& a, const Matrices<T>& b) {
  return zip("matmul", a, b, [](const auto& x, const auto& y) { return (x * y).tensor(); });
}

template <class T>
Matrices<T> add(const Matrices<T>& a, const Matrices<T>& b) {
  return zip("add", a, b, [](const auto& x, const auto& y) { return (x + y).tensor(); });
}

template <class T>
Matrices<T> sub(const Matrices<T>& a, const Matrices<T>& b) {
  return zip("sub", a, b, [](const auto& x, const auto& y) { return (x - y).tensor(); });
}

template <class T>
Matrices<T> inverse(const Matrices<T>& a) {
  return map(a, [](const Tensor& x) { return linalg::inverse(x); });
}

template <class T>
Matrices<T> solve(const Matrices<T>& a, const Matrices<T>& b) {
  return zip("solve", a, b, [](const auto& x, const auto& y) { return linalg::solve(x.tensor(), y.tensor()); });
}

template <class T>
std::vector<T> determinant(const Matrices<T>& a) {
  std::vector<Tensor> determinants;
  determinants.reserve(a.size());
  for (const auto& x : a) determinants.push_back(linalg::det(x.tensor()));
  eval(determinants);
  std::vector<T> result;
  result.reserve(a.size());
  for (const Tensor& d : determinants) result.push_back(d.item<T>());
  return result;
}

template <class T>
QrResult<T> qr(const Matrices<T>& a) {
  std::vector<Tensor> lists[2];
  for (const auto& x : a) {
    const linalg::Qr f = linalg::qr(x.tensor());
    lists[0].push_back(f.q);
    lists[1].push_back(f.r);
  }
  auto results = evaluated<T>(lists);
  return {std::move(results[0]), std::move(results[1])};
}

template <class T>
Matrices<T> cholesky(const Matrices<T>& a) {
  return map(a, [](const Tensor& x) { return linalg::cholesky(x); });
}

template <class T>
EighResult<T> eigh(const Matrices<T>& a) {
  std::vector<Tensor> lists[2];
  for (const auto& x : a) {
    const linalg::Eigh f = linalg::eigh(x.tensor());
    lists[0].push_back(f.w);
    lists[1].push_back(f.v);
  }
  auto results = evaluated<T>(lists);
  return {std::move(results[0]), std::move(results[1])};
}

template <class T>
SvdResult<T> svd(const Matrices<T>& a) {
  std::vector<Tensor> lists[3];
  for (const auto& x : a) {
    const linalg::Svd f = linalg::svd(x.tensor());
    lists[0].push_back(f.u);
    lists[1].push_back(f.s);
    lists[2].push_back(f.vt);
  }
  auto results = evaluated<T>(lists);
  return {std::move(results[0]), std::move(results[1]), std::move(results[2])};
}

template Matrices<float> matmul(const Matrices<float>&, const Matrices<float>&);
template Matrices<float> add(const Matrices<float>&, const Matrices<float>&);
template Matrices<float> sub(const Matrices<float>&, const Matrices<float>&);
template Matrices<float> solve(const Matrices<float>&, const Matrices<float>&);
template Matrices<float> inverse(const Matrices<float>&);
template Matrices<float> cholesky(const Matrices<float>&);
template std::vector<float> determinant(const Matrices<float>&);
template QrResult<float> qr(const Matrices<float>&);
template EighResult<float> eigh(const Matrices<float>&);
template SvdResult<float> svd(const Matrices<float>&);
template Matrices<double> matmul(const Matrices<double>&, const Matrices<double>&);
template Matrices<double> add(const Matrices<double>&, const Matrices<double>&);
template Matrices<double> sub(const Matrices<double>&, const Matrices<double>&);
template Matrices<double> solve(const Matrices<double>&, const Matrices<double>&);
template Matrices<double> inverse(const Matrices<double>&);
template Matrices<double> cholesky(const Matrices<double>&);
template std::vector<double> determinant(const Matrices<double>&);
template QrResult<double> qr(const Matrices<double>&);
template EighResult<double> eigh(const Matrices<double>&);
template SvdResult<double> svd(const Matrices<double>&);

}  // namespace nngpu::batch
