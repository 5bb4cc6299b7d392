// The row kernels of softmax, for the instruction set found at run time.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_SOFTMAX_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_SOFTMAX_H_

#include <cstdint>

namespace nngpu::cpu {

// Softmax (or its logarithm) of `rows` rows of n contiguous elements; a row may be computed in place.
template <class T>
void softmax_rows(int64_t rows, int64_t n, bool log, const T* x, int64_t x_step, T* y, int64_t y_step);

// The same along the other axis: columns of n elements that lie `x_step` apart, neighbouring columns side by side.
// Does as many of them as fill vectors, and returns how many.
template <class T>
int64_t softmax_columns(int64_t columns, int64_t n, bool log, const T* x, int64_t x_step, T* y, int64_t y_step);

// The next n elements of a row of which `max` is the largest so far and `sum` the sum of exponentials relative to
// it (Milakov and Gimelshein, 2018): they become their exponentials relative to the new maximum. Returns what was
// made relative to the old one is to be multiplied with. Both start as minus infinity and 0.
template <class T>
T softmax_part(int64_t n, T* x, T& max, double& sum);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_SOFTMAX_H_
