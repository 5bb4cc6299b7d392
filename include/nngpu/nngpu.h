// Everything of nngpu but its Eigen interface (nngpu/eigen.h).
#ifndef NNGPU_NNGPU_H_
#define NNGPU_NNGPU_H_

#include "nngpu/activations.h"
#include "nngpu/amp.h"
#include "nngpu/attention.h"
#include "nngpu/autograd.h"
#include "nngpu/batch.h"
#include "nngpu/compile.h"
#include "nngpu/convolution.h"
#include "nngpu/dense.h"
#include "nngpu/device.h"
#include "nngpu/dtype.h"
#include "nngpu/error.h"
#include "nngpu/io.h"
#include "nngpu/kernel.h"
#include "nngpu/linalg.h"
#include "nngpu/nn.h"
#include "nngpu/normalization.h"
#include "nngpu/ops.h"
#include "nngpu/optim.h"
#include "nngpu/random.h"
#include "nngpu/scheduler.h"
#include "nngpu/shape.h"
#include "nngpu/special.h"
#include "nngpu/tensor.h"

#endif  // NNGPU_NNGPU_H_
