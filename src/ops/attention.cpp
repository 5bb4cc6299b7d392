#include "nngpu/attention.h"

#include <cmath>

#include "nngpu/normalization.h"
#include "ops/convert.h"

namespace nngpu {
namespace {

constexpr const char* kName = "scaled_dot_product_attention";

// Far below every score, and finite: a row of nothing else has no NaN in its softmax.
constexpr double kForbidden = -1e30;

void check_shapes(const Tensor& q, const Tensor& k, const Tensor& v) {
  const bool ranks = q.rank() >= 2 && k.rank() >= 2 && v.rank() >= 2;
  if (!ranks || q.size(-1) != k.size(-1) || k.size(-2) != v.size(-2)) {
    fail<ShapeError>(kName, "queries, keys and values do not fit: ", q.shape(), ", ", k.shape(), ", ", v.shape());
  }
}

// The mask must broadcast to the scores, not the other way round.
void check_mask(const Tensor& mask, const Tensor& scores) {
  if (!(broadcast_shapes(kName, mask.shape(), scores.shape()) == scores.shape())) {
    fail<ShapeError>(kName, "mask of shape ", mask.shape(), " for scores of shape ", scores.shape());
  }
  if (mask.dtype() != DType::Bool && !is_floating(mask.dtype())) {
    fail<DTypeError>(kName, "the mask must be bool or floating: ", mask.dtype());
  }
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  const std::vector<Tensor> operands = ops::promoted(kName, std::initializer_list<Tensor>{q, k, v});
  const DType dtype = float_dtype(operands[0].dtype());
  const Tensor query = ops::convert(kName, operands[0], dtype), key = ops::convert(kName, operands[1], dtype);
  const Tensor value = ops::convert(kName, operands[2], dtype);
  check_shapes(query, key, value);
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  // The queries are scaled first: products of half types might overflow.
  Tensor scores = ops::as_accumulator(kName, matmul(query * scale, transpose(key)));
  if (options.causal) {
    const Tensor allowed = tri(q.size(-2), k.size(-2), 0, DType::Bool, scores.device());
    scores = where(allowed, scores, kForbidden);
  }
  const bool choice = options.mask.defined() && options.mask.dtype() == DType::Bool;
  if (options.mask.defined()) {
    check_mask(options.mask, scores);
    scores = choice ? where(options.mask, scores, kForbidden)
                    : scores + ops::convert(kName, options.mask, scores.dtype());
  }
  Tensor weights = softmax(scores, -1);
  if (choice) weights = where(options.mask, weights, 0);
  if (options.dropout != 0) weights = dropout(weights, options.dropout, options.generator);
  return matmul(ops::convert(kName, weights, dtype), value);
}

}  // namespace nngpu
