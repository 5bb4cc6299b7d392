#include <map>
#include <set>

#include "core/fail.h"
#include "nngpu/io.h"
#include "nngpu/nn/state.h"
#include "nngpu/ops.h"

namespace nngpu::nn {
namespace {

void check_shape(const std::string& path, const std::string& name, const Variable& variable, const Tensor& value) {
  if (value.shape() == variable.shape()) return;
  throw IOError("[load] " + path + ": '" + name + "' has shape " + to_string(value.shape()) + ", the model's is " +
                to_string(variable.shape()));
}

// "'a', 'b' and 3 more".
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i ? ", '" : "'") + names[i] + "'";
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

}  // namespace

void save(const Module& model, const std::string& path, const std::map<std::string, std::string>& metadata) {
  std::map<std::string, Tensor> tensors;
  std::vector<Tensor> values;
  for (const auto& [name, variable] : model.state()) {
    values.push_back(variable.value());
    tensors.emplace(name, values.back());
  }
  eval(values);  // in one plan
  io::write_safetensors(path, tensors, metadata);
}

LoadResult load(const Module& model, const std::string& path, const LoadOptions& options) {
  io::Safetensors file = io::read_safetensors(path);
  LoadResult result{{}, {}, std::move(file.metadata)};
  std::vector<std::pair<Variable, Tensor>> values;
  std::set<std::string> known;
  for (const auto& [name, variable] : model.state()) {
    known.insert(name);
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end()) {
      result.missing.push_back(name);
      continue;
    }
    check_shape(path, name, variable, found->second);
    values.emplace_back(variable, cast(found->second, variable.dtype()));
  }
  for (const auto& [name, tensor] : file.tensors)
    if (!known.count(name)) result.unexpected.push_back(name);
  if (options.strict && !result.missing.empty()) {
    throw IOError("[load] " + path + ": the file lacks " + listed(result.missing));
  }
  if (options.strict && !result.unexpected.empty()) {
    throw IOError("[load] " + path + ": the model has no " + listed(result.unexpected));
  }
  // Nothing was changed so far: a file that does not fit leaves the model as it is.
  for (auto& [variable, value] : values) variable.assign(value.to(variable.value().device()));
  return result;
}

}  // namespace nngpu::nn
