// The training steps that are timed; torch_models.py defines the same ones in PyTorch.
#ifndef NNGPU_BENCH_TRAINING_STEPS_H_
#define NNGPU_BENCH_TRAINING_STEPS_H_

#include <functional>
#include <string>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::bench {

struct Step {
  std::function<Tensor(const Tensor& x, const Tensor& y)> run;  // one step; the loss before it
  int64_t parameters = 0;
};

std::vector<std::string> step_names();
// A fresh model and its optimizer, compiled as one step. Throws std::invalid_argument for other names.
Step make_step(const std::string& name);

}  // namespace nngpu::bench

#endif  // NNGPU_BENCH_TRAINING_STEPS_H_
