#include "ops/attention.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "graph/gradient_record.h"
#include "nngpu/attention.h"
#include "nngpu/normalization.h"
#include "ops/autocast.h"
#include "ops/batch.h"
#include "ops/convert.h"

namespace nngpu {
namespace {

using graph::AttentionMask;
using graph::AttentionParams;

constexpr const char* kName = "scaled_dot_product_attention";

// Far below every score, and finite: a row of nothing else has no NaN in its softmax.
constexpr double kForbidden = -1e30;
// What no query sees, whatever is added to it: each sees at least one key.
constexpr double kUnseen = -std::numeric_limits<double>::infinity();
// Of queries, keys and values: a block's part of a wider one does not stay in registers.
constexpr int64_t kWidestHead = 128;
// That are stored where products may be in tf32: those of the composition are, at the vendor's, and ours are not.
constexpr int64_t kStoredScores = int64_t{1} << 28;

void check_shapes(const Tensor& q, const Tensor& k, const Tensor& v) {
  const bool ranks = q.rank() >= 2 && k.rank() >= 2 && v.rank() >= 2;
  if (!ranks || q.size(-1) != k.size(-1) || k.size(-2) != v.size(-2)) {
    fail<ShapeError>(kName, "queries, keys and values do not fit: ", q.shape(), ", ", k.shape(), ", ", v.shape());
  }
}

Shape scores_shape(const Tensor& q, const Tensor& k) {
  const Shape batch = broadcast_shapes(kName, ops::batch_of(q), ops::batch_of(k));
  return ops::stacked(batch, q.size(-2), k.size(-2));
}

// The mask must broadcast to the scores, not the other way round.
void check_mask(const Tensor& mask, const Shape& scores) {
  if (!(broadcast_shapes(kName, mask.shape(), scores) == scores)) {
    fail<ShapeError>(kName, "mask of shape ", mask.shape(), " for scores of shape ", scores);
  }
  if (mask.dtype() != DType::Bool && !is_floating(mask.dtype())) {
    fail<DTypeError>(kName, "the mask must be bool or floating: ", mask.dtype());
  }
}

Tensor hide_later_keys(const Tensor& scores) {
  const Tensor allowed = tri(scores.size(-2), scores.size(-1), 0, DType::Bool, scores.device());
  return where(allowed, scores, kUnseen);
}

// In products and a softmax, which stores the scores.
Tensor composite(const Tensor& query, const Tensor& key, const Tensor& value, double scale,
                 const AttentionOptions& options) {
  // The queries are scaled first: products of half types might overflow.
  Tensor scores = ops::as_accumulator(kName, matmul(query * scale, transpose(key)));
  if (options.causal) scores = hide_later_keys(scores);
  const bool choice = options.mask.defined() && options.mask.dtype() == DType::Bool;
  if (options.mask.defined()) {
    scores = choice ? where(options.mask, scores, kForbidden)
                    : scores + ops::convert(kName, options.mask, scores.dtype());
  }
  Tensor weights = softmax(scores, -1);
  if (choice) weights = where(options.mask, weights, 0);
  if (options.dropout != 0) weights = dropout(weights, options.dropout, options.generator);
  return matmul(ops::convert(kName, weights, query.dtype()), value);
}

bool prefers_tf32(const Tensor& q, const Tensor& k) {
  if (q.device().type != DeviceType::CUDA || !tf32()) return false;
  return q.dtype() == DType::F32 && !autocast_dtype() && numel(scores_shape(q, k)) <= kStoredScores;
}

// Whether attention is one operation, that stores no scores: else it is composed of others.
bool is_one_operation(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  if (options.dropout != 0) return false;
  if (options.mask.defined() && graph::gradients_enabled() && graph::is_tracked(options.mask)) return false;
  if (q.numel() == 0 || k.numel() == 0 || v.numel() == 0) return false;
  return std::max(q.size(-1), v.size(-1)) <= kWidestHead && !prefers_tf32(q, k);
}

Tensor one_operation(const Tensor& query, const Tensor& key, const Tensor& value, double scale,
                     const AttentionOptions& options) {
  const std::vector<Tensor> in =
      ops::promoted_for_product(kName, std::initializer_list<Tensor>{query, key, value});
  const Shape batch = broadcast_shapes(kName, broadcast_shapes(kName, ops::batch_of(in[0]), ops::batch_of(in[1])),
                                       ops::batch_of(in[2]));
  std::vector<Tensor> inputs;
  for (const Tensor& x : in) inputs.push_back(ops::with_batch(x, batch));
  AttentionParams params{AttentionMask::None, options.causal, std::bit_cast<int64_t>(scale)};
  if (options.mask.defined()) {
    const bool choice = options.mask.dtype() == DType::Bool;
    params.mask = choice ? AttentionMask::Allowed : AttentionMask::Added;
    const Tensor mask = choice ? options.mask : ops::convert(kName, options.mask, compute_dtype(in[0].dtype()));
    inputs.push_back(broadcast_to(mask, ops::stacked(batch, query.size(-2), key.size(-2))));
  }
  return ops::make_node(ops::OpKind::Attention, params, inputs);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  const std::vector<Tensor> operands = ops::promoted(kName, std::initializer_list<Tensor>{q, k, v});
  const DType dtype = float_dtype(operands[0].dtype());
  const Tensor query = ops::convert(kName, operands[0], dtype), key = ops::convert(kName, operands[1], dtype);
  const Tensor value = ops::convert(kName, operands[2], dtype);
  check_shapes(query, key, value);
  if (options.mask.defined()) check_mask(options.mask, scores_shape(query, key));
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  return is_one_operation(query, key, value, options) ? one_operation(query, key, value, scale, options)
                                                      : composite(query, key, value, scale, options);
}

namespace ops {

AttentionGradients attention_gradient(const AttentionOperands& x, const AttentionParams& params) {
  std::vector<Tensor> inputs = {x.q, x.k, x.v, x.g, x.lse, x.delta};
  if (x.mask.defined()) inputs.push_back(x.mask);
  const Tensor first = make_node(OpKind::AttentionGradient, params, inputs);
  return {first, graph::output(first, 1), graph::output(first, 2)};
}

AttentionGradients attention_gradient_composite(const AttentionOperands& x, const AttentionParams& params) {
  const DType dtype = x.q.dtype();
  const auto wide = [](const Tensor& t) { return convert(kName, t, compute_dtype(t.dtype())); };
  const Tensor q = wide(x.q), k = wide(x.k), v = wide(x.v), g = wide(x.g);
  const auto scale = std::bit_cast<double>(params.scale);
  Tensor scores = matmul(q * scale, transpose(k));
  if (params.causal != 0) scores = hide_later_keys(scores);
  if (params.mask == AttentionMask::Added) scores = scores + x.mask;
  if (params.mask == AttentionMask::Allowed) scores = where(x.mask, scores, kUnseen);
  const Tensor weights = exp(scores - expand_dims(x.lse, -1));
  const Tensor slope = weights * (matmul(g, transpose(v)) - expand_dims(x.delta, -1)) * scale;
  return {convert(kName, matmul(slope, k), dtype), convert(kName, matmul(transpose(slope), q), dtype),
          convert(kName, matmul(transpose(weights), g), dtype)};
}

}  // namespace ops
}  // namespace nngpu
