// m << 1, 2, 3, 4;
#ifndef NNGPU_DENSE_COMMA_H_
#define NNGPU_DENSE_COMMA_H_

#include <exception>

#include "nngpu/dense/fwd.h"

namespace nngpu::dense {

// Where the next piece goes. Each function throws ShapeError if a piece does not fit.
class CommaCursor {
 public:
  CommaCursor(Index rows, Index cols) : rows_(rows), cols_(cols) {}
  View place(Index height, Index width);
  void finish() const;

 private:
  Index rows_, cols_;
  Index row_ = 0, col_ = 0, height_ = 0;
};

// Fills a matrix or a block row by row from numbers and matrices. Too many elements throw ShapeError at the one
// that is too many, too few at finished() or at the end of the statement.
template <class T>
class CommaInitializer {
 public:
  CommaInitializer(GPUBlock<T> target, T value) : target_(target), cursor_(target.rows(), target.cols()) {
    put(value);
  }
  CommaInitializer(GPUBlock<T> target, const Tensor& stored)
      : target_(target), cursor_(target.rows(), target.cols()) {
    put(stored);
  }
  CommaInitializer(const CommaInitializer&) = delete;
  CommaInitializer& operator=(const CommaInitializer&) = delete;
  ~CommaInitializer() noexcept(false) {
    if (!finished_ && std::uncaught_exceptions() == exceptions_) cursor_.finish();
  }

  CommaInitializer& operator,(T value) {
    put(value);
    return *this;
  }
  template <class Other>
  CommaInitializer& operator,(const Base<Other, T>& other) {
    put(static_cast<const Other&>(other).stored());
    return *this;
  }
  GPUBlock<T> finished() {
    cursor_.finish();
    finished_ = true;
    return target_;
  }

 private:
  void put(T value) {
    const View place = cursor_.place(1, 1);
    target_(place.row, place.col) = value;
  }
  void put(const Tensor& stored) {
    const View place = cursor_.place(stored.shape()[1], stored.shape()[0]);
    target_.block(place.row, place.col, place.rows, place.cols).assign_stored(stored);
  }
  GPUBlock<T> target_;
  CommaCursor cursor_;
  int exceptions_ = std::uncaught_exceptions();
  bool finished_ = false;
};

}  // namespace nngpu::dense

#endif  // NNGPU_DENSE_COMMA_H_
