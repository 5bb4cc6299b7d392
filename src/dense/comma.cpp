#include "nngpu/dense/comma.h"

#include <string>

#include "nngpu/dense.h"

namespace nngpu::dense {

View CommaCursor::place(Index height, Index width) {
  if (col_ == cols_ && (width != 0 || height != height_)) {
    row_ += height_;
    col_ = 0;
    height_ = height;
  } else if (row_ == 0 && col_ == 0) {
    height_ = height;
  }
  if (height != height_)
    throw ShapeError("[operator<<] a piece of " + std::to_string(height) + " rows beside one of " +
                     std::to_string(height_));
  if (row_ + height > rows_ || col_ + width > cols_)
    throw ShapeError("[operator<<] too many elements for a matrix of shape " + to_string(Dims{rows_, cols_}));
  View result;
  result.row = row_;
  result.col = col_;
  result.rows = height;
  result.cols = width;
  col_ += width;
  return result;
}

void CommaCursor::finish() const {
  if ((row_ + height_ != rows_ && cols_ != 0) || col_ != cols_)
    throw ShapeError("[operator<<] too few elements for a matrix of shape " + to_string(Dims{rows_, cols_}));
}

}  // namespace nngpu::dense
