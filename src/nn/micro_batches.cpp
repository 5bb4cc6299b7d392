#include "nngpu/nn/micro_batches.h"

#include "core/fail.h"
#include "graph/node.h"
#include "nngpu/autograd.h"
#include "nngpu/ops.h"

namespace nngpu::nn {
namespace {

int64_t rows_of(int64_t count, const std::vector<Tensor>& batch) {
  if (count < 1) fail<ValueError>("micro_batches", "the number of parts must be positive: ", count);
  if (batch.empty()) fail<ValueError>("micro_batches", "there are no tensors");
  for (const Tensor& tensor : batch) {
    graph::require_defined("micro_batches", tensor);
    if (tensor.rank() == 0) fail<ShapeError>("micro_batches", "needs an axis of the batch: ", tensor.shape());
    if (tensor.shape()[0] == batch[0].shape()[0]) continue;
    fail<ShapeError>("micro_batches", "lengths differ: ", batch[0].shape(), " and ", tensor.shape());
  }
  const int64_t rows = batch[0].shape()[0];
  if (rows < count) fail<ShapeError>("micro_batches", rows, " rows cannot be cut into ", count, " parts");
  return rows;
}

// The tensors as they are, but not before the gradients are there.
std::vector<Tensor> after_gradients(std::vector<Tensor> tensors, const std::vector<Variable>& parameters) {
  const size_t count = tensors.size();
  for (const Variable& parameter : parameters) {
    const Tensor gradient = parameter.grad();
    if (gradient.defined() && gradient.device() == tensors[0].device()) tensors.push_back(gradient);
  }
  if (tensors.size() == count) return tensors;
  const Tensor first =
      graph::make_node(graph::OpKind::Tie, graph::TieParams{static_cast<int64_t>(count)}, tensors);
  std::vector<Tensor> tied;
  for (size_t i = 0; i < count; ++i) tied.push_back(graph::output(first, static_cast<uint32_t>(i)));
  return tied;
}

}  // namespace

Tensor micro_batches(int64_t count, const std::vector<Tensor>& batch, const std::vector<Variable>& parameters,
                     const PartLoss& loss) {
  const int64_t rows = rows_of(count, batch);
  if (!loss) fail<ValueError>("micro_batches", "there is no function");
  Tensor total;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = rows * i / count, end = rows * (i + 1) / count;
    std::vector<Tensor> part;
    for (const Tensor& tensor : batch) part.push_back(slice(tensor, 0, begin, end));
    const Tensor one = loss(after_gradients(std::move(part), parameters));
    graph::require_defined("micro_batches", one);
    if (one.numel() != 1) fail<ShapeError>("micro_batches", "the loss must be a scalar: ", one.shape());
    const Tensor share = one * (static_cast<double>(end - begin) / static_cast<double>(rows));
    backward(share);
    const Tensor value = stop_gradient(share);
    total = total.defined() ? total + value : value;
  }
  return total;
}

}  // namespace nngpu::nn
