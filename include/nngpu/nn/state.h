// Parameters and buffers of a model in a file of the safetensors format, under the names and with the shapes that
// PyTorch gives them.
#ifndef NNGPU_NN_STATE_H_
#define NNGPU_NN_STATE_H_

#include <map>
#include <string>
#include <vector>

#include "nngpu/nn/module.h"

namespace nngpu::nn {

// Writes everything of state(). IOError. The file appears under its name only when it is complete.
void save(const Module& model, const std::string& path, const std::map<std::string, std::string>& metadata = {});

struct LoadOptions {
  bool strict = true;  // a name missing in the file or in the model is an IOError
};
struct LoadResult {
  std::vector<std::string> missing, unexpected;  // names that the file lacks, and that the model lacks
  std::map<std::string, std::string> metadata;
};
// Assigns the file's values, converted to the dtypes of the model. IOError for a file that is broken and for
// shapes that differ; the model is unchanged then.
LoadResult load(const Module& model, const std::string& path, const LoadOptions& options = {});

}  // namespace nngpu::nn

#endif  // NNGPU_NN_STATE_H_
