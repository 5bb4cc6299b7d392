// Maps of one or two axes, single or many, as the kinds of convolution and pooling take them.
#ifndef NNGPU_OPS_MAPS_H_
#define NNGPU_OPS_MAPS_H_

#include "nngpu/convolution.h"
#include "ops/convert.h"

namespace nngpu::ops {

// x as (n, c, h, w): of one axis the height is 1, of a single map n is.
struct Maps {
  Tensor x;
  int axes;
  bool single;

  // A result (n, c, h, w) in the form of x.
  Tensor restored(const Tensor& y) const;
};

// ShapeError unless x has `axes` axes behind its channels, and at most one before them.
Maps as_maps(const char* operation, const Tensor& x, int axes);

}  // namespace nngpu::ops

#endif  // NNGPU_OPS_MAPS_H_
