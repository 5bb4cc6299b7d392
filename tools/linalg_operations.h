// The operations of `nngpu linalg`.
#ifndef NNGPU_TOOLS_LINALG_OPERATIONS_H_
#define NNGPU_TOOLS_LINALG_OPERATIONS_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::tool {

struct LinalgResult {
  std::vector<std::pair<std::string, Tensor>> outputs;
  std::string residual_name;       // such as "|A - QR| / |A|"
  std::optional<Tensor> residual;  // rank 0, or one a batch item
};

struct LinalgOperation {
  const char* name;
  int inputs;
  const char* help;
  std::function<LinalgResult(const std::vector<Tensor>&)> run;
};

const std::vector<LinalgOperation>& linalg_operations();

}  // namespace nngpu::tool

#endif  // NNGPU_TOOLS_LINALG_OPERATIONS_H_
