// The parts of a matrix by Eigen's names.
#ifndef NNGPU_DENSE_PARTS_H_
#define NNGPU_DENSE_PARTS_H_

#include "nngpu/dense/fwd.h"

namespace nngpu::dense {

// Of a GPUDense that can be modified, a part is a GPUBlock: a reference, through which the matrix is read and
// assigned to. Of a const or temporary GPUDense it is a GPUDense: a value of its own. A part of a GPUBlock is a
// GPUBlock of the same owner. A part that is not inside the matrix is an IndexError at the call.
template <class Derived>
class Parts {
 public:
  // The r x c elements at (i, j); the second form has Eigen's compile-time sizes.
  auto block(Index i, Index j, Index r, Index c) const& {
    return self().part(self().view().block("block", i, j, r, c));
  }
  auto block(Index i, Index j, Index r, Index c) & {
    return self().part(self().view().block("block", i, j, r, c));
  }
  template <int R, int C>
  auto block(Index i, Index j) const& {
    return self().part(self().view().block("block", i, j, R, C));
  }
  template <int R, int C>
  auto block(Index i, Index j) & {
    return self().part(self().view().block("block", i, j, R, C));
  }
  auto topLeftCorner(Index r, Index c) const& {
    return self().part(self().view().block("topLeftCorner", 0, 0, r, c));
  }
  auto topLeftCorner(Index r, Index c) & { return self().part(self().view().block("topLeftCorner", 0, 0, r, c)); }
  auto topRightCorner(Index r, Index c) const& {
    return self().part(self().view().block("topRightCorner", 0, self().cols() - c, r, c));
  }
  auto topRightCorner(Index r, Index c) & {
    return self().part(self().view().block("topRightCorner", 0, self().cols() - c, r, c));
  }
  auto bottomLeftCorner(Index r, Index c) const& {
    return self().part(self().view().block("bottomLeftCorner", self().rows() - r, 0, r, c));
  }
  auto bottomLeftCorner(Index r, Index c) & {
    return self().part(self().view().block("bottomLeftCorner", self().rows() - r, 0, r, c));
  }
  auto bottomRightCorner(Index r, Index c) const& {
    return self().part(self().view().block("bottomRightCorner", self().rows() - r, self().cols() - c, r, c));
  }
  auto bottomRightCorner(Index r, Index c) & {
    return self().part(self().view().block("bottomRightCorner", self().rows() - r, self().cols() - c, r, c));
  }
  auto topRows(Index n) const& { return self().part(self().view().block("topRows", 0, 0, n, self().cols())); }
  auto topRows(Index n) & { return self().part(self().view().block("topRows", 0, 0, n, self().cols())); }
  auto bottomRows(Index n) const& {
    return self().part(self().view().block("bottomRows", self().rows() - n, 0, n, self().cols()));
  }
  auto bottomRows(Index n) & {
    return self().part(self().view().block("bottomRows", self().rows() - n, 0, n, self().cols()));
  }
  auto middleRows(Index start, Index n) const& {
    return self().part(self().view().block("middleRows", start, 0, n, self().cols()));
  }
  auto middleRows(Index start, Index n) & {
    return self().part(self().view().block("middleRows", start, 0, n, self().cols()));
  }
  auto leftCols(Index n) const& { return self().part(self().view().block("leftCols", 0, 0, self().rows(), n)); }
  auto leftCols(Index n) & { return self().part(self().view().block("leftCols", 0, 0, self().rows(), n)); }
  auto rightCols(Index n) const& {
    return self().part(self().view().block("rightCols", 0, self().cols() - n, self().rows(), n));
  }
  auto rightCols(Index n) & {
    return self().part(self().view().block("rightCols", 0, self().cols() - n, self().rows(), n));
  }
  auto middleCols(Index start, Index n) const& {
    return self().part(self().view().block("middleCols", 0, start, self().rows(), n));
  }
  auto middleCols(Index start, Index n) & {
    return self().part(self().view().block("middleCols", 0, start, self().rows(), n));
  }
  auto row(Index i) const& { return self().part(self().view().row_at(i)); }
  auto row(Index i) & { return self().part(self().view().row_at(i)); }
  auto col(Index j) const& { return self().part(self().view().col_at(j)); }
  auto col(Index j) & { return self().part(self().view().col_at(j)); }
  // Of vectors (one row or one column); others: ShapeError.
  auto head(Index n) const& { return self().part(self().view().segment("head", 0, n)); }
  auto head(Index n) & { return self().part(self().view().segment("head", 0, n)); }
  template <int N>
  auto head() const& {
    return self().part(self().view().segment("head", 0, N));
  }
  template <int N>
  auto head() & {
    return self().part(self().view().segment("head", 0, N));
  }
  auto tail(Index n) const& {
    return self().part(self().view().segment("tail", self().rows() * self().cols() - n, n));
  }
  auto tail(Index n) & { return self().part(self().view().segment("tail", self().rows() * self().cols() - n, n)); }
  template <int N>
  auto tail() const& {
    return self().part(self().view().segment("tail", self().rows() * self().cols() - N, N));
  }
  template <int N>
  auto tail() & {
    return self().part(self().view().segment("tail", self().rows() * self().cols() - N, N));
  }
  auto segment(Index start, Index n) const& { return self().part(self().view().segment("segment", start, n)); }
  auto segment(Index start, Index n) & { return self().part(self().view().segment("segment", start, n)); }
  template <int N>
  auto segment(Index start) const& {
    return self().part(self().view().segment("segment", start, N));
  }
  template <int N>
  auto segment(Index start) & {
    return self().part(self().view().segment("segment", start, N));
  }
  // Diagonal `offset` as a column: above the main one if positive, below it if negative.
  auto diagonal(Index offset = 0) const& { return self().part(self().view().diagonal_at(offset)); }
  auto diagonal(Index offset = 0) & { return self().part(self().view().diagonal_at(offset)); }
  // More of Eigen's compile-time sizes.
  template <int R, int C>
  auto topLeftCorner() const& {
    return topLeftCorner(R, C);
  }
  template <int R, int C>
  auto topLeftCorner() & {
    return topLeftCorner(R, C);
  }
  template <int R, int C>
  auto topRightCorner() const& {
    return topRightCorner(R, C);
  }
  template <int R, int C>
  auto topRightCorner() & {
    return topRightCorner(R, C);
  }
  template <int R, int C>
  auto bottomLeftCorner() const& {
    return bottomLeftCorner(R, C);
  }
  template <int R, int C>
  auto bottomLeftCorner() & {
    return bottomLeftCorner(R, C);
  }
  template <int R, int C>
  auto bottomRightCorner() const& {
    return bottomRightCorner(R, C);
  }
  template <int R, int C>
  auto bottomRightCorner() & {
    return bottomRightCorner(R, C);
  }
  template <int N>
  auto topRows() const& {
    return topRows(N);
  }
  template <int N>
  auto topRows() & {
    return topRows(N);
  }
  template <int N>
  auto bottomRows() const& {
    return bottomRows(N);
  }
  template <int N>
  auto bottomRows() & {
    return bottomRows(N);
  }
  template <int N>
  auto leftCols() const& {
    return leftCols(N);
  }
  template <int N>
  auto leftCols() & {
    return leftCols(N);
  }
  template <int N>
  auto rightCols() const& {
    return rightCols(N);
  }
  template <int N>
  auto rightCols() & {
    return rightCols(N);
  }

 private:
  const Derived& self() const { return static_cast<const Derived&>(*this); }
  Derived& self() { return static_cast<Derived&>(*this); }
};

}  // namespace nngpu::dense

#endif  // NNGPU_DENSE_PARTS_H_
