// Maxima of windows, a vector of neighbouring windows at a time.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_POOL_KERNELS_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_POOL_KERNELS_H_

#include <cstdint>

namespace nngpu::cpu {

// `count` windows beside one another, `stride` elements apart, of rows x columns elements that are `row_step` and
// `column_step` elements apart; every element exists.
template <class T>
struct MaxWindows {
  int64_t count, stride;
  int64_t rows, columns, row_step, column_step;
  const T* from;     // the first element of the first window
  int64_t readable;  // elements from there on that may be read
  int64_t place;     // its place
  T* values;
  int64_t* places;
};

// Writes each window's maximum and its place; NaN wins, and of equal elements the first. Places are below 2^31.
template <class T>
void max_windows(const MaxWindows<T>& windows);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_POOL_KERNELS_H_
