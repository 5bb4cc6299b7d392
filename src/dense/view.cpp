// Parts of matrices: their bounds, reading and replacing them.
#include <string>

#include "nngpu/dense/functions.h"
#include "nngpu/dense/storage.h"

namespace nngpu::dense {

void throw_index(const char* operation, Index i, Index j, Index rows, Index cols) {
  throw IndexError("[" + std::string(operation) + "] element " + to_string(Dims{i, j}) +
                   " is outside a matrix of shape " + to_string(Dims{rows, cols}));
}

void throw_linear_index(const char* operation, Index i, Index size) {
  throw IndexError("[" + std::string(operation) + "] element " + std::to_string(i) +
                   " is outside a vector of size " + std::to_string(size));
}

View View::block(const char* operation, Index i, Index j, Index r, Index c) const {
  if (i < 0 || j < 0 || r < 0 || c < 0 || i > rows - r || j > cols - c)
    throw IndexError("[" + std::string(operation) + "] a block of shape " + to_string(Dims{r, c}) + " at " +
                     to_string(Dims{i, j}) + " is not inside a matrix of shape " + to_string(Dims{rows, cols}));
  View result = *this;
  result.row = row + i;
  result.col = diagonal ? col + i : col + j;
  result.rows = r;
  result.cols = c;
  return result;
}

View View::row_at(Index i) const {
  if (i < 0 || i >= rows)
    throw IndexError("[row] row " + std::to_string(i) + " of a matrix of shape " + to_string(Dims{rows, cols}));
  return block("row", i, 0, 1, cols);
}

View View::col_at(Index j) const {
  if (j < 0 || j >= cols)
    throw IndexError("[col] column " + std::to_string(j) + " of a matrix of shape " + to_string(Dims{rows, cols}));
  return block("col", 0, j, rows, 1);
}

View View::segment(const char* operation, Index start, Index count) const {
  if (!is_vector())
    throw ShapeError("[" + std::string(operation) + "] expected a vector, got shape " +
                     to_string(Dims{rows, cols}));
  const Index size = rows * cols;
  if (start < 0 || count < 0 || start > size - count)
    throw IndexError("[" + std::string(operation) + "] elements " + std::to_string(start) + " to " +
                     std::to_string(start + count) + " of a vector of size " + std::to_string(size));
  return cols == 1 ? block(operation, start, 0, count, 1) : block(operation, 0, start, 1, count);
}

View View::diagonal_at(Index offset) const {
  const Index i = offset < 0 ? -offset : 0, j = offset > 0 ? offset : 0;
  if (i > rows || j > cols)
    throw IndexError("[diagonal] diagonal " + std::to_string(offset) + " of a matrix of shape " +
                     to_string(Dims{rows, cols}));
  View result;
  result.row = row + i;
  result.col = diagonal ? col + i : col + j;
  result.rows = rows - i < cols - j ? rows - i : cols - j;
  result.cols = 1;
  result.diagonal = true;
  return result;
}

Tensor part(const Tensor& stored, const View& view) {
  Tensor x = stored;
  const Index height = view.rows, width = view.diagonal ? view.rows : view.cols;
  if (view.col != 0 || width != x.shape()[0]) x = slice(x, 0, view.col, view.col + width);
  if (view.row != 0 || height != x.shape()[1]) x = slice(x, 1, view.row, view.row + height);
  return view.diagonal ? expand_dims(diagonal(x), 0) : x;
}

namespace {

Tensor replace_slice(const Tensor& x, int64_t axis, Index start, const Tensor& middle) {
  const Index stop = start + middle.shape()[static_cast<int>(axis)];
  std::vector<Tensor> pieces;
  if (start > 0) pieces.push_back(slice(x, axis, 0, start));
  pieces.push_back(middle);
  if (stop < x.shape()[static_cast<int>(axis)]) pieces.push_back(slice(x, axis, stop));
  return pieces.size() == 1 ? middle : concatenate(pieces, axis);
}

}  // namespace

Tensor replace_part(const Tensor& stored, const View& view, const Tensor& value) {
  if (view.size() == 0) return stored;
  if (view.diagonal) {
    View square = view;
    square.diagonal = false;
    square.cols = view.rows;
    const Tensor mask = eye(view.rows, view.rows, 0, DType::Bool, stored.device());
    return replace_part(stored, square, where(mask, value, part(stored, square)));
  }
  const Tensor columns = slice(stored, 0, view.col, view.col + view.cols);
  return replace_slice(stored, 0, view.col, replace_slice(columns, 1, view.row, value));
}

Tensor fit(const char* operation, const Tensor& value, Index rows, Index cols) {
  const Shape& shape = value.shape();
  if (shape[1] == rows && shape[0] == cols) return value;
  if (shape[0] == rows && shape[1] == cols && (rows == 1 || cols == 1)) return transpose(value);
  throw ShapeError("[" + std::string(operation) + "] a value of shape " + shape_text(value) +
                   " does not fit a part of shape " + to_string(Dims{rows, cols}));
}

}  // namespace nngpu::dense
