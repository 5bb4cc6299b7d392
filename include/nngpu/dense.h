// GPUDense<T>: a dense matrix with Eigen's interface whose operations run on the device.
//
// Code templated on the matrix type and written for Eigen::MatrixXf or MatrixXd compiles with GPUDense<float> or
// GPUDense<double> in its place; docs/eigen.md lists the interface and where the two differ. Functions that return
// a matrix are lazy (nngpu/tensor.h): shapes are checked at the call, values are computed when an element, a
// number or the printed text is read, and failures that depend on values are thrown there.
#ifndef NNGPU_DENSE_H_
#define NNGPU_DENSE_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>

#include "nngpu/dense/array.h"
#include "nngpu/dense/array_functions.h"
#include "nngpu/dense/array_operators.h"
#include "nngpu/dense/base.h"
#include "nngpu/dense/block.h"
#include "nngpu/dense/fwd.h"
#include "nngpu/dense/operators.h"
#include "nngpu/dense/vectorwise.h"
#include "nngpu/dense/writable.h"

namespace nngpu {

// A column-major matrix of float or double with value semantics: copies share the elements until one of them is
// modified. Element access, m(i, j) = x, goes to a copy on the host, which the next operation uploads; on devices
// that can address host memory neither direction copies. Threads may use one matrix as they may use a std::vector:
// reading concurrently, or reading and writing different elements.
template <class T>
class GPUDense : public dense::Writable<GPUDense<T>, T> {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "GPUDense holds float or double");
  using Base = dense::Base<GPUDense, T>;

 public:
  using typename Base::Index;

  // --- Construction -------------------------------------------------------------------------------------------
  GPUDense() : GPUDense(0, 0) {}
  // Zeros. Throws ShapeError for negative sizes.
  GPUDense(Index rows, Index cols, Device device = default_device())
      : storage_(Base::kDType, rows, cols, device) {}
  explicit GPUDense(Index size) : GPUDense(size, 1) {}  // a column
  // Rows of equal length: {{1, 2}, {3, 4}}. Throws ShapeError.
  GPUDense(std::initializer_list<std::initializer_list<T>> rows);
  // The value of a tensor of rank 2, or of rank 1 as a column. Throws ShapeError, DTypeError.
  explicit GPUDense(const Tensor& tensor) : storage_(Base::kDType, dense::store(tensor, Base::kDType)) {}
  // Blocks and arrays.
  template <dense::ExpressionOf<T> E>
  requires(!std::same_as<E, GPUDense>) GPUDense(const E& expression)  // NOLINT: implicit, as in Eigen
      : storage_(Base::kDType, expression.stored()) {}
  // Eigen's matrices and expressions, once nngpu/eigen.h is included: copies the elements.
  template <class E>
  requires dense::Foreign<E>::known && std::same_as<typename dense::Foreign<E>::Scalar, T> GPUDense(
      const E& foreign)  // NOLINT: implicit
      : storage_(Base::kDType, dense::Foreign<E>::copy(foreign)) {}
  GPUDense(const GPUDense&) = default;
  GPUDense(GPUDense&&) noexcept = default;

  // A copy of host elements at data[i + j * ld]; ld = rows if negative.
  static GPUDense from_data(const T* data, Index rows, Index cols, Index ld = -1,
                            Device device = default_device()) {
    return from_stored(dense::store(data, Base::kDType, rows, cols, 1, ld < 0 ? rows : ld, device));
  }
  // Host elements at data[i + j * ld] used in place, without a copy where the device can address them. They must
  // stay alive (`owner` keeps them) and unchanged as long as this matrix or anything computed from it is in use.
  // They are never written: the first modification of the matrix copies.
  static GPUDense borrow(const T* data, Index rows, Index cols, Index ld = -1,
                         std::shared_ptr<void> owner = nullptr, Device device = default_device()) {
    return borrow_strided(data, rows, cols, 1, ld < 0 ? rows : ld, std::move(owner), device);
  }
  // The memory of an Eigen::Map, Ref, Block or Matrix, of either storage order (nngpu/eigen.h).
  template <class E>
  requires dense::Foreign<E>::known static GPUDense borrow(const E& foreign) {
    const auto memory = dense::Foreign<E>::memory(foreign);
    return borrow_strided(memory.data, memory.rows, memory.cols, memory.row_step, memory.col_step);
  }

  static GPUDense Zero(Index rows, Index cols) { return GPUDense(rows, cols); }
  static GPUDense Zero(Index size) { return GPUDense(size); }
  static GPUDense Ones(Index rows, Index cols) { return Constant(rows, cols, T(1)); }
  static GPUDense Ones(Index size) { return Constant(size, T(1)); }
  static GPUDense Constant(Index rows, Index cols, T value) {
    return std::move(GPUDense(rows, cols).setConstant(value));
  }
  static GPUDense Constant(Index size, T value) { return Constant(size, 1, value); }
  static GPUDense Identity(Index rows, Index cols) { return std::move(GPUDense(rows, cols).setIdentity()); }
  static GPUDense Unit(Index size, Index i) {
    GPUDense result(size);
    result(i) = T(1);
    return result;
  }
  // Uniform in [-1, 1), from the default generator.
  static GPUDense Random(Index rows, Index cols) { return std::move(GPUDense(rows, cols).setRandom()); }
  static GPUDense Random(Index size) { return Random(size, 1); }
  static GPUDense LinSpaced(Index size, T low, T high) {
    return std::move(GPUDense(size).setLinSpaced(low, high));
  }
  // f(i, j) of every element, called on the host.
  template <class F>
  static GPUDense NullaryExpr(Index rows, Index cols, F f) {
    GPUDense result(rows, cols);
    T* data = result.data();
    for (Index j = 0; j < cols; ++j)
      for (Index i = 0; i < rows; ++i) *data++ = f(i, j);
    return result;
  }

  // --- Assignment ---------------------------------------------------------------------------------------------
  GPUDense& operator=(const GPUDense&) = default;
  GPUDense& operator=(GPUDense&&) noexcept = default;
  template <dense::ExpressionOf<T> E>
  requires(!std::same_as<E, GPUDense>) GPUDense& operator=(const E& expression) {
    storage_.assign(expression.stored());
    return *this;
  }
  template <class E>
  requires dense::Foreign<E>::known && std::same_as<typename dense::Foreign<E>::Scalar, T> GPUDense& operator=(
      const E& foreign) {
    storage_.assign(dense::Foreign<E>::copy(foreign));
    return *this;
  }
  using dense::Writable<GPUDense, T>::operator*=;
  template <class Other>
  GPUDense& operator*=(const dense::Base<Other, T>& other) {
    storage_.assign(dense::product(stored(), static_cast<const Other&>(other).stored()));
    return *this;
  }
  void swap(GPUDense& other) noexcept { std::swap(*this, other); }
  friend void swap(GPUDense& a, GPUDense& b) noexcept { std::swap(a.storage_, b.storage_); }

  // --- Shape --------------------------------------------------------------------------------------------------
  Index rows() const { return storage_.rows(); }
  Index cols() const { return storage_.cols(); }
  Device device() const { return storage_.device(); }
  // Zeros of the new shape; nothing happens if the shape is the same.
  void resize(Index rows, Index cols) {
    if (rows != this->rows() || cols != this->cols()) storage_.set_zero(rows, cols);
  }
  void resize(Index size) { this->rows() == 1 && cols() != 1 ? resize(1, size) : resize(size, 1); }
  // Keeps the elements that are in both shapes; others are zero.
  void conservativeResize(Index rows, Index cols) {
    if (rows != this->rows() || cols != this->cols()) storage_.assign(dense::resized(stored(), rows, cols));
  }
  void conservativeResize(Index size) {
    this->rows() == 1 && cols() != 1 ? conservativeResize(1, size) : conservativeResize(size, 1);
  }
  void transposeInPlace() { *this = this->transpose(); }
  void adjointInPlace() { transposeInPlace(); }
  // The functions of Writable, with resizing.
  using dense::Writable<GPUDense, T>::setZero;
  using dense::Writable<GPUDense, T>::setOnes;
  using dense::Writable<GPUDense, T>::setConstant;
  using dense::Writable<GPUDense, T>::setIdentity;
  using dense::Writable<GPUDense, T>::setRandom;
  GPUDense& setZero(Index rows, Index cols) { return *this = Zero(rows, cols); }
  GPUDense& setOnes(Index rows, Index cols) { return *this = Ones(rows, cols); }
  GPUDense& setConstant(Index rows, Index cols, T value) { return *this = Constant(rows, cols, value); }
  GPUDense& setIdentity(Index rows, Index cols) { return *this = Identity(rows, cols); }
  GPUDense& setRandom(Index rows, Index cols) { return *this = Random(rows, cols); }

  // --- Elements -----------------------------------------------------------------------------------------------
  // An index outside the matrix throws IndexError. With one index: of vectors; of matrices in column-major order.
  T operator()(Index i, Index j) const { return get(offset("operator()", i, j)); }
  T operator()(Index i) const { return get(offset("operator()", i)); }
  T operator[](Index i) const { return get(offset("operator[]", i)); }
  T coeff(Index i, Index j) const { return get(offset("coeff", i, j)); }
  T coeff(Index i) const { return get(offset("coeff", i)); }
  dense::Coefficient<T> operator()(Index i, Index j) { return {storage_, offset("operator()", i, j)}; }
  dense::Coefficient<T> operator()(Index i) { return {storage_, offset("operator()", i)}; }
  dense::Coefficient<T> operator[](Index i) { return {storage_, offset("operator[]", i)}; }
  dense::Coefficient<T> coeffRef(Index i, Index j) { return {storage_, offset("coeffRef", i, j)}; }
  dense::Coefficient<T> coeffRef(Index i) { return {storage_, offset("coeffRef", i)}; }
  // The elements in column-major order, valid until the matrix is next modified or, writable, next used as a
  // whole.
  const T* data() const { return static_cast<const T*>(storage_.read()); }
  T* data() { return static_cast<T*>(storage_.write()); }
  Index outerStride() const { return rows(); }
  Index innerStride() const { return 1; }

  // --- Views that modify --------------------------------------------------------------------------------------
  using Base::array;
  using Base::colwise;
  using Base::rowwise;
  dense::Array<GPUBlock<T>> array() & { return dense::Array<GPUBlock<T>>(whole()); }
  dense::Vectorwise<GPUBlock<T>, false> colwise() & { return {whole(), true}; }
  dense::Vectorwise<GPUBlock<T>, false> rowwise() & { return {whole(), false}; }

  // For the library's own use.
  static GPUDense from_stored(Tensor stored) { return GPUDense(dense::Storage(Base::kDType, std::move(stored))); }
  Tensor stored() const { return storage_.stored(); }
  void assign_stored(Tensor stored) { storage_.assign(std::move(stored)); }
  dense::View view() const { return {0, 0, rows(), cols(), false}; }
  GPUDense part(const dense::View& view) const { return from_stored(dense::part(stored(), view)); }
  GPUBlock<T> part(const dense::View& view) { return {storage_, view}; }
  GPUBlock<T> whole() { return {storage_, view()}; }

 private:
  explicit GPUDense(dense::Storage storage) : storage_(std::move(storage)) {}
  static GPUDense borrow_strided(const T* data, Index rows, Index cols, Index row_step, Index col_step,
                                 std::shared_ptr<void> owner = nullptr, Device device = default_device()) {
    return from_stored(Tensor::borrow(const_cast<T*>(data), Base::kDType, {cols, rows}, {col_step, row_step},
                                      std::move(owner), device));
  }
  T get(Index offset) const { return static_cast<const T*>(storage_.read())[offset]; }
  Index offset(const char* operation, Index i, Index j) const {
    if (static_cast<size_t>(i) >= static_cast<size_t>(rows()) ||
        static_cast<size_t>(j) >= static_cast<size_t>(cols()))
      dense::throw_index(operation, i, j, rows(), cols());
    return i + j * rows();
  }
  Index offset(const char* operation, Index i) const {
    if (static_cast<size_t>(i) >= static_cast<size_t>(rows() * cols()))
      dense::throw_linear_index(operation, i, rows() * cols());
    return i;
  }

  dense::Storage storage_;
};

template <class T>
GPUDense<T>::GPUDense(std::initializer_list<std::initializer_list<T>> rows)
    : GPUDense(static_cast<Index>(rows.size()), rows.size() == 0 ? 0 : static_cast<Index>(rows.begin()->size())) {
  T* elements = data();
  Index i = 0;
  for (const auto& row : rows) {
    if (static_cast<Index>(row.size()) != cols())
      throw ShapeError("[GPUDense] row " + std::to_string(i) + " has " + std::to_string(row.size()) +
                       " elements, the first one " + std::to_string(cols()));
    T* target = elements + i++;
    for (const T& value : row) {
      *target = value;
      target += this->rows();
    }
  }
}

template <dense::Expression E>
GPUDense(const E&) -> GPUDense<typename E::Scalar>;
template <class E>
requires dense::Foreign<E>::known GPUDense(const E&)
->GPUDense<typename dense::Foreign<E>::Scalar>;

}  // namespace nngpu

#include "nngpu/dense/solvers.h"     // IWYU pragma: export
#include "nngpu/dense/triangular.h"  // IWYU pragma: export

namespace nngpu {

// Compiled once, in the library.
extern template class GPUDense<float>;
extern template class GPUDense<double>;
extern template class GPUBlock<float>;
extern template class GPUBlock<double>;

}  // namespace nngpu

#endif  // NNGPU_DENSE_H_
