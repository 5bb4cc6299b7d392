// Neural networks: modules, layers, losses, initial values, files of parameters, models.
#ifndef NNGPU_NN_H_
#define NNGPU_NN_H_

#include "nngpu/nn/activations.h"
#include "nngpu/nn/containers.h"
#include "nngpu/nn/convolution.h"
#include "nngpu/nn/dropout.h"
#include "nngpu/nn/init.h"
#include "nngpu/nn/layers.h"
#include "nngpu/nn/losses.h"
#include "nngpu/nn/micro_batches.h"
#include "nngpu/nn/models.h"
#include "nngpu/nn/module.h"
#include "nngpu/nn/normalization.h"
#include "nngpu/nn/state.h"
#include "nngpu/nn/summary.h"
#include "nngpu/nn/transformer.h"

#endif  // NNGPU_NN_H_
