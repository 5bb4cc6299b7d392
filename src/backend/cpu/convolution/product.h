// The product of gathered columns with weights, written into maps: forward convolutions, and gradients by the
// input.
#ifndef NNGPU_BACKEND_CPU_CONVOLUTION_PRODUCT_H_
#define NNGPU_BACKEND_CPU_CONVOLUTION_PRODUCT_H_

#include "backend/cpu/convolution/columns.h"

namespace nngpu::cpu {

// Where output j of position (row, column) of an image goes.
struct Target {
  int64_t image_step, output_step, row_step, column_step;
};

// Where weight (output, channel, tap) lies: output * output_step + channel * channel_step + the tap's index.
struct WeightLayout {
  int64_t output_step, channel_step;
};

// One group: target[output j of position i] = sum over terms of column(i, term) * weight(j, term).
template <class T>
struct GatherProduct {
  Gather gather;
  int64_t images, outputs;
  const T* source;
  const T* weights;
  WeightLayout layout;
  T* target;
  Target to;
  const T* packed = nullptr;  // the weights as pack_weights leaves them, if they are packed already
};

// Brings the weights to the order in which they are multiplied: gather.terms() * outputs elements.
template <class T>
void pack_weights(const GatherProduct<T>& product, T* packed);

template <class T>
void run_gather_product(const GatherProduct<T>& product);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_CONVOLUTION_PRODUCT_H_
