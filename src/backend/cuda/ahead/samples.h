// What most programs do, so that their kernels are found.
#ifndef NNGPU_BACKEND_CUDA_AHEAD_SAMPLES_H_
#define NNGPU_BACKEND_CUDA_AHEAD_SAMPLES_H_

namespace nngpu::cuda {

// Work on the default device, which computes nothing: single operations, decompositions, training steps.
void run_samples();
// `nngpu quickstart` on images of its data's number and shape.
void run_quickstart();

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_AHEAD_SAMPLES_H_
