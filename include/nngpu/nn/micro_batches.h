// A batch in parts, whose gradients add up: a step on a batch that would not fit the memory as a whole.
#ifndef NNGPU_NN_MICRO_BATCHES_H_
#define NNGPU_NN_MICRO_BATCHES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::nn {

// Of the tensors of one part of a batch: their loss, a scalar.
using PartLoss = std::function<Tensor(const std::vector<Tensor>& part)>;

// Cuts every tensor of `batch` along axis 0 into `count` parts, which differ by one row at most, and adds the
// gradients of their losses to those of the parameters: each weighted by its share of the rows, so that a loss
// that is a mean over rows gives the gradients of the whole batch (but for batch normalization, which then sees
// one part at a time). Returns the weighted sum of the losses.
//
//   const auto step = compile([&](const Tensor& x, const Tensor& y) {
//     const Tensor loss = nn::micro_batches(8, {x, y}, model.parameters(), [&](const std::vector<Tensor>& part) {
//       return nn::cross_entropy(model(part[0]), part[1]);
//     });
//     optimizer.step();
//     optimizer.zero_grad();
//     return loss;
//   });
//
// A part is not computed before the gradients of the one before it are there: where they are read together, as in
// a compiled function, the memory of intermediates is that of one part. Errors: ValueError for a count below 1 and
// without tensors or a function; ShapeError for tensors of different lengths or of fewer rows than parts, and for
// a loss that is no scalar.
Tensor micro_batches(int64_t count, const std::vector<Tensor>& batch, const std::vector<Variable>& parameters,
                     const PartLoss& loss);

}  // namespace nngpu::nn

#endif  // NNGPU_NN_MICRO_BATCHES_H_
