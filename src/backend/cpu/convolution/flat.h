// Convolutions of few channels, without columns: in a padded plane a window's elements lie at fixed distances from
// its first one. So a plane is walked as one long row, of which the results at the ends of its rows are left out.
#ifndef NNGPU_BACKEND_CPU_CONVOLUTION_FLAT_H_
#define NNGPU_BACKEND_CPU_CONVOLUTION_FLAT_H_

#include "backend/cpu/convolution/problem.h"
#include "backend/cpu/convolution/product.h"

namespace nngpu::cpu {

// Results at `rows` neighbouring places: out[j * out_step + i] = sum over terms of source[offsets[t] + i] *
// weights[t * outputs + j]. What is read behind the wanted places must exist; so must room for it in `out`.
template <class T>
struct FlatTile {
  const T* source;
  const int64_t* offsets;
  int64_t terms, outputs;
  const T* weights;
  T* out;
  int64_t out_step;
};

// sums[(t * sum_step + j) * lanes + l] += source[offsets[t] + i] * gradients[j * gradient_step + i] over the i
// below `count` that are l modulo lanes and have mask[i] set; for the table's number of terms and `outputs`
// outputs.
template <class T>
struct FlatGradient {
  const T* source;
  const int64_t* offsets;
  const T* gradients;
  int64_t gradient_step;
  const T* mask;
  int64_t count, outputs;
  T* sums;
  int64_t sum_step;
};

inline constexpr int kFlatOutputs = 8;          // at most, of a tile
inline constexpr int kFlatGradientOutputs = 6;  // at most

template <class T>
struct FlatKernels {
  int64_t lanes;
  int64_t rows;   // places of a tile
  int64_t terms;  // at once, of a gradient
  void (*tile[kFlatOutputs])(const FlatTile<T>&);
  void (*gradient[kFlatGradientOutputs])(const FlatGradient<T>&);
};
template <class T>
const FlatKernels<T>& flat_kernels();

// Whether a gather from a padded source with that many outputs is better walked than gathered.
bool is_flat(const Gather& gather, int64_t outputs);
bool is_flat_gradient(const Gather& gather, int64_t outputs);  // by the weights

// The same as run_gather_product, for a target whose rows are contiguous.
template <class T>
void run_flat_product(const GatherProduct<T>& product);

// The gradient of a group's weights from its windows in a padded source.
template <class T>
void flat_weight_gradient(const ConvolutionProblem& problem, const Gather& windows, const T* source, const T* g,
                          T* dw);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_CONVOLUTION_FLAT_H_
