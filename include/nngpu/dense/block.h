// GPUBlock: a reference to a part of a GPUDense.
#ifndef NNGPU_DENSE_BLOCK_H_
#define NNGPU_DENSE_BLOCK_H_

#include <utility>

#include "nngpu/dense/array.h"
#include "nngpu/dense/vectorwise.h"
#include "nngpu/dense/writable.h"

namespace nngpu {

// Reading it reads the owner, assigning to it modifies the owner. It must not outlive its owner, nor be used after
// the owner was resized, moved from, or assigned a matrix of another shape.
template <class T>
class GPUBlock : public dense::Writable<GPUBlock<T>, T> {
 public:
  using typename dense::Base<GPUBlock, T>::Index;

  GPUBlock(dense::Storage& owner, const dense::View& view) : owner_(&owner), view_(view) {}
  GPUBlock(const GPUBlock&) = default;  // refers to the same part

  // Assignment copies the value. A vector may be assigned to one of the other orientation; else shapes that differ
  // are a ShapeError.
  GPUBlock& operator=(const GPUBlock& other) {
    assign_stored(other.stored());
    return *this;
  }
  template <dense::ExpressionOf<T> E>
  GPUBlock& operator=(const E& other) {
    assign_stored(other.stored());
    return *this;
  }
  template <class E>
  requires dense::Foreign<E>::known GPUBlock& operator=(const E& other) {
    assign_stored(GPUDense<T>(other).stored());
    return *this;
  }
  using dense::Writable<GPUBlock, T>::operator*=;
  template <class Other>
  GPUBlock& operator*=(const dense::Base<Other, T>& other) {
    assign_stored(dense::product(stored(), static_cast<const Other&>(other).stored()));
    return *this;
  }

  Index rows() const { return view_.rows; }
  Index cols() const { return view_.cols; }
  Device device() const { return owner_->device(); }

  dense::Coefficient<T> operator()(Index i, Index j) const { return {*owner_, offset("operator()", i, j)}; }
  dense::Coefficient<T> coeffRef(Index i, Index j) const { return {*owner_, offset("coeffRef", i, j)}; }
  T coeff(Index i, Index j) const { return dense::Coefficient<T>(*owner_, offset("coeff", i, j)); }
  // Of vectors; of other blocks, in column-major order.
  dense::Coefficient<T> operator()(Index i) const { return {*owner_, offset("operator()", i)}; }
  dense::Coefficient<T> operator[](Index i) const { return {*owner_, offset("operator[]", i)}; }
  dense::Coefficient<T> coeffRef(Index i) const { return {*owner_, offset("coeffRef", i)}; }
  T coeff(Index i) const { return dense::Coefficient<T>(*owner_, offset("coeff", i)); }

  dense::Array<GPUBlock> array() const { return dense::Array<GPUBlock>(*this); }
  dense::Vectorwise<GPUBlock, false> colwise() const { return {*this, true}; }
  dense::Vectorwise<GPUBlock, false> rowwise() const { return {*this, false}; }

  // Exchanges the values; throws ShapeError if the shapes differ.
  void swap(GPUBlock other) {
    const Tensor mine = stored(), theirs = other.stored();
    dense::check_same_shape("swap", mine, theirs);
    assign_stored(theirs);
    other.assign_stored(mine);
  }

  // For the library's own use.
  Tensor stored() const { return dense::part(owner_->stored(), view_); }
  void assign_stored(const Tensor& value) const {
    owner_->write_part(view_, dense::fit("assign", value, view_.rows, view_.cols));
  }
  const dense::View& view() const { return view_; }
  GPUBlock part(const dense::View& view) const { return {*owner_, view}; }
  GPUBlock whole() const { return *this; }

 private:
  Index offset(const char* operation, Index i, Index j) const {
    if (i < 0 || j < 0 || i >= view_.rows || j >= view_.cols)
      dense::throw_index(operation, i, j, view_.rows, view_.cols);
    return view_.offset(i, j, owner_->rows());
  }
  Index offset(const char* operation, Index i) const {
    if (i < 0 || i >= view_.size()) dense::throw_linear_index(operation, i, view_.size());
    return view_.rows == 1 ? offset(operation, 0, i) : offset(operation, i % view_.rows, i / view_.rows);
  }
  dense::Storage* owner_;
  dense::View view_;
};

}  // namespace nngpu

#endif  // NNGPU_DENSE_BLOCK_H_
