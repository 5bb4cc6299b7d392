// The quickstart's computation, once with nngpu and once with Eigen.
#ifndef NNGPU_TOOLS_QUICKSTART_PIPELINE_H_
#define NNGPU_TOOLS_QUICKSTART_PIPELINE_H_

#include <string>
#include <vector>

#include "quickstart/digits.h"

namespace nngpu::tool::quickstart {

inline constexpr float kRidge = 1e-1f;  // the regularisation, on features in [0, 1]

struct Timing {
  std::string step;
  double seconds;
};

struct Outcome {
  std::vector<float> singular_values;
  std::vector<float> scores;                // two per sample: the first two principal components
  std::vector<std::vector<int>> predicted;  // of each split's test samples
  std::vector<Timing> timings;              // medians over the repetitions
};

Outcome run_with_nngpu(const Digits& digits, const std::vector<Split>& splits);
Outcome run_with_eigen(const Digits& digits, const std::vector<Split>& splits);

}  // namespace nngpu::tool::quickstart

#endif  // NNGPU_TOOLS_QUICKSTART_PIPELINE_H_
