#include "nngpu/kernel.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "graph/custom.h"
#include "graph/node.h"
#include "nngpu/autograd.h"
#include "nngpu/error.h"
#include "nngpu/ops.h"

namespace nngpu {
namespace {

bool is_identifier(const std::string& name) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), plain);
}

void require_count(const std::string& kernel, const char* what, size_t given, size_t wanted) {
  if (given == wanted) return;
  throw ValueError("[" + kernel + "] takes " + std::to_string(wanted) + " " + what + ", not " +
                   std::to_string(given));
}

void require_grid(const std::string& kernel, const Kernel::Call& call) {
  const Kernel::Grid &blocks = call.blocks, &threads = call.threads;
  const auto within = [](int64_t count, int64_t most) { return count >= 1 && count <= most; };
  if (!within(blocks.x, INT32_MAX) || !within(blocks.y, 65535) || !within(blocks.z, 65535))
    throw ValueError("[" + kernel + "] blocks must be from 1 to 2^31 - 1, 65535 and 65535");
  const bool fits = within(threads.x, 1024) && within(threads.y, 1024) && within(threads.z, 64);
  if (!fits || threads.x * threads.y * threads.z > 1024)
    throw ValueError("[" + kernel + "] a block has from 1 to 1024 threads, at most 64 of them along z");
}

// A plain number takes the kernel's own types, whatever tensors it meets.
Tensor number_of(const std::string& kernel, const Tensor& number) {
  graph::require_defined(kernel.c_str(), number);
  if (number.rank() != 0)
    throw ShapeError("[" + kernel + "] a number has rank 0, not shape " + to_string(number.shape()));
  return number;
}

}  // namespace

Kernel::Kernel(Definition definition, Gradient gradient) : gradient_(std::move(gradient)) {
  if (!is_identifier(definition.name)) throw ValueError("[Kernel] '" + definition.name + "' is no identifier");
  std::set<std::string> names{definition.name};
  for (const auto* list : {&definition.inputs, &definition.numbers, &definition.outputs}) {
    for (const std::string& name : *list) {
      if (!is_identifier(name))
        throw ValueError("[" + definition.name + "] the argument '" + name + "' is no identifier");
      if (!names.insert(name).second)
        throw ValueError("[" + definition.name + "] the name '" + name + "' is used twice");
    }
  }
  if (definition.outputs.empty()) throw ValueError("[" + definition.name + "] has no outputs");
  id_ = graph::register_kernel(std::move(definition));
}

std::vector<Tensor> Kernel::operator()(const std::vector<Tensor>& inputs, const std::vector<Tensor>& numbers,
                                       const Call& call) const {
  if (!gradient_) return run(inputs, numbers, call);
  const auto forward = [*this, numbers, call](const std::vector<Tensor>& in) { return run(in, numbers, call); };
  const auto backward = [gradient = gradient_, numbers](const std::vector<Tensor>& in,
                                                        const std::vector<Tensor>& out,
                                                        const std::vector<Tensor>& gradients) {
    return gradient(in, numbers, out, gradients);
  };
  return custom_gradient(forward, backward)(inputs);
}

std::vector<Tensor> Kernel::run(const std::vector<Tensor>& inputs, const std::vector<Tensor>& numbers,
                                const Call& call) const {
  const Definition& definition = graph::kernel_definition(id_);
  const std::string& name = definition.name;
  require_count(name, "inputs", inputs.size(), definition.inputs.size());
  require_count(name, "numbers", numbers.size(), definition.numbers.size());
  require_count(name, "output shapes", call.shapes.size(), definition.outputs.size());
  require_count(name, "output dtypes", call.dtypes.size(), definition.outputs.size());
  for (const Shape& shape : call.shapes) numel(shape);  // throws for a negative size
  require_grid(name, call);
  std::vector<Tensor> arguments;
  for (const Tensor& input : inputs) {
    graph::require_defined(name.c_str(), input);
    arguments.push_back(contiguous(input));
  }
  for (const Tensor& number : numbers) arguments.push_back(number_of(name, number));
  const Tensor first =
      graph::make_node(graph::OpKind::Custom, graph::CustomParams{id_, graph::register_call(call)}, arguments);
  if (first.device().type == DeviceType::CPU)
    throw DeviceError("[" + name +
                      "] runs on cuda, metal and sim, and its inputs are on the cpu: copy them with to(device)");
  std::vector<Tensor> outputs;
  for (uint32_t i = 0; i < definition.outputs.size(); ++i) outputs.push_back(graph::output(first, i));
  return outputs;
}

}  // namespace nngpu
