// Windows of maps as columns of a matrix: what a convolution multiplies its weights with. Only as many columns
// exist at a time as a cache holds.
#ifndef NNGPU_BACKEND_CPU_CONVOLUTION_COLUMNS_H_
#define NNGPU_BACKEND_CPU_CONVOLUTION_COLUMNS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backend/cpu/launches/scratch_frame.h"

namespace nngpu::cpu {

// Position (row, column) of the grid reads source element (row * step + down, column * step + right).
struct Tap {
  int64_t down, right;
  int64_t index;  // in the kernel
};

// What is gathered: positions, numbered through all images and the grid of each in row-major order, and terms,
// numbered tap by tap and in each of them channel by channel. A term of a position is one element of the source,
// or zero beside it.
struct Gather {
  int64_t height, width;             // of a source plane
  int64_t channel_step, image_step;  // elements between planes
  int64_t channels;
  int64_t rows, columns;  // the grid
  int64_t step[2];
  std::vector<Tap> taps;
  bool inside = false;  // no tap leaves the source, and four vectors behind its end can be read (padded_source)

  int64_t grid() const { return rows * columns; }
  int64_t terms() const { return static_cast<int64_t>(taps.size()) * channels; }

  // Neighbouring rows are one row where nothing tells them apart.
  void merge_rows() {
    const bool plain = taps.size() == 1 && taps[0].down == 0 && taps[0].right == 0 && step[0] == 1 && step[1] == 1;
    if (!plain || rows != height || columns != width) return;
    width = columns = grid();
    height = rows = 1;
  }
};

// Neighbouring positions in one row of the grid.
struct Piece {
  int64_t image;        // where the image starts in the source
  int64_t row, column;  // of the source, before a tap's shift
  int64_t count;        // at most a vector
  int64_t at;           // among the positions asked for
  int64_t place;        // in the source: image + row * width + column
};

template <class T>
struct ColumnKernels {
  int64_t lanes;
  // out[(t - begin) * width + i] = term t of position i, for terms [begin, end). A row may be overwritten by up to
  // `lanes` elements behind its positions: width is at least that much more than their number.
  void (*gather)(const Gather& gather, const Piece* pieces, int64_t count, const T* source, int64_t begin,
                 int64_t end, T* out, int64_t width);
  // The convolution of one plane, whose result is row-major.
  void (*plane)(const Gather& gather, const T* source, const T* weights, T* out);
};

template <class T>
const ColumnKernels<T>& column_kernels();

// The pieces of positions [first, first + count).
inline void cut_pieces(const Gather& g, int64_t first, int64_t count, int64_t lanes, std::vector<Piece>& pieces) {
  pieces.clear();
  int64_t image = first / g.grid(), row = first % g.grid() / g.columns, column = first % g.columns;
  for (int64_t at = 0; at < count;) {
    const int64_t size = std::min({lanes, g.columns - column, count - at});
    const int64_t start = image * g.image_step, down = row * g.step[0], right = column * g.step[1];
    pieces.push_back({start, down, right, size, at, start + down * g.width + right});
    at += size;
    column += size;
    if (column < g.columns) continue;
    column = 0;
    if (++row == g.rows) row = 0, ++image;
  }
}

// Few channels spend their time on what lies beside the source. Then a copy of the source with its zeros around it
// pays: `gather` reads from it afterwards.
template <class T>
const T* padded_source(Gather& gather, int64_t images, const T* source, ScratchFrame& scratch);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_CONVOLUTION_COLUMNS_H_
