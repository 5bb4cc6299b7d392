// Attention against its definition in double precision; the layers made of it.
#include <array>
#include <cmath>
#include <limits>

#include "nngpu/attention.h"
#include "nngpu/nn.h"
#include "nngpu/ops.h"
#include "ops/expect_error.h"
#include "oracle/compare.h"
#include "oracle/random_array.h"

namespace nngpu::nn {
namespace {

using oracle::Accuracy;
using oracle::Array;

// softmax(q k^T scale + added) v of one head; `added` of -infinity forbids.
Array attention_of(const Array& q, const Array& k, const Array& v, const Array& added, double scale) {
  const int64_t l = q.shape[0], s = k.shape[0], e = q.shape[1], d = v.shape[1];
  Array result = oracle::filled({l, d}, 0);
  for (int64_t i = 0; i < l; ++i) {
    std::vector<double> weight(static_cast<size_t>(s));
    double total = 0;
    for (int64_t j = 0; j < s; ++j) {
      double score = 0;
      for (int64_t c = 0; c < e; ++c) score += q.at({i, c}) * k.at({j, c});
      total += weight[static_cast<size_t>(j)] = std::exp(score * scale + added.at({i, j}));
    }
    if (total == 0) continue;
    for (int64_t j = 0; j < s; ++j)
      for (int64_t c = 0; c < d; ++c) result.ref({i, c}) += weight[static_cast<size_t>(j)] / total * v.at({j, c});
  }
  return result;
}

struct Operands {
  Array q, k, v;
};
Operands random_operands(int64_t l, int64_t s, int64_t e, int64_t d, DType dtype) {
  return {oracle::random_array({l, e}, dtype, -2, 2), oracle::random_array({s, e}, dtype, -2, 2),
          oracle::random_array({s, d}, dtype, -2, 2)};
}

Tensor run(const Operands& o, DType dtype, const AttentionOptions& options) {
  return scaled_dot_product_attention(oracle::to_tensor(o.q, dtype), oracle::to_tensor(o.k, dtype),
                                      oracle::to_tensor(o.v, dtype), options);
}

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(Attention, Definition) {
  for (DType dtype : {DType::F16, DType::BF16, DType::F32, DType::F64}) {
    for (const auto& [l, s, e, d] : {std::array<int64_t, 4>{1, 1, 1, 1}, {7, 13, 5, 3}, {33, 17, 16, 16}}) {
      const Operands o = random_operands(l, s, e, d, dtype);
      const double scale = 1 / std::sqrt(static_cast<double>(e));
      // Scores and weights of half types are rounded on their way.
      const double size = dtype == DType::F16 || dtype == DType::BF16 ? 30 : 10;
      EXPECT_TRUE(oracle::matches(run(o, dtype, {}), attention_of(o.q, o.k, o.v, oracle::filled({l, s}, 0), scale),
                                  dtype, Accuracy::Accumulated, size));
      Array causal = oracle::filled({l, s}, 0);
      for (int64_t i = 0; i < l; ++i)
        for (int64_t j = i + 1; j < s; ++j) causal.ref({i, j}) = -kInf;
      EXPECT_TRUE(oracle::matches(run(o, dtype, {.causal = true, .scale = 0.3}),
                                  attention_of(o.q, o.k, o.v, causal, 0.3), dtype, Accuracy::Accumulated, size));
    }
  }
}

TEST(Attention, Masks) {
  const Operands o = random_operands(4, 6, 5, 3, DType::F64);
  const double scale = 1 / std::sqrt(5.0);
  const Array added = oracle::random_array({4, 6}, DType::F64, -2, 2);
  EXPECT_TRUE(oracle::matches(run(o, DType::F64, {.mask = oracle::to_tensor(added, DType::F64)}),
                              attention_of(o.q, o.k, o.v, added, scale), DType::F64, Accuracy::Accumulated, 10));
  Array allowed = oracle::random_array({4, 6}, DType::Bool, 0, 2);
  for (int64_t j = 0; j < 6; ++j) allowed.ref({2, j}) = 0;  // one query sees nothing
  const Array forbidden = oracle::map(allowed, [](double v) { return v != 0 ? 0 : -kInf; });
  EXPECT_TRUE(oracle::matches(run(o, DType::F64, {.mask = oracle::to_tensor(allowed, DType::Bool)}),
                              attention_of(o.q, o.k, o.v, forbidden, scale), DType::F64, Accuracy::Accumulated,
                              10));
}

TEST(Attention, BatchesAndDropout) {
  const Tensor q = randn({2, 3, 4, 8}), k = randn({3, 5, 8}), v = randn({2, 1, 5, 6});
  const Tensor y = scaled_dot_product_attention(q, k, v);
  EXPECT_EQ(y.shape(), (Shape{2, 3, 4, 6}));
  const Tensor one =
      scaled_dot_product_attention(index(index(q, 0, 1), 0, 2), index(k, 0, 2), index(index(v, 0, 1), 0, 0));
  const std::vector<float> all = index(index(y, 0, 1), 0, 2).to_vector<float>(), single = one.to_vector<float>();
  for (size_t i = 0; i < all.size(); ++i) EXPECT_NEAR(all[i], single[i], 1e-5);
  // Of equal values every sum of weights is 1; dropout leaves a binomial share of it.
  const Tensor dropped = scaled_dot_product_attention(zeros({1, 8}), zeros({1000, 8}), ones({1000, 1}),
                                                      {.dropout = 0.25, .generator = Generator(1)});
  EXPECT_NEAR(dropped.item<double>(), 1, 0.1);
  EXPECT_NE(dropped.item<double>(), 1);
}

TEST(Attention, Arguments) {
  const Tensor q = ones({2, 4, 8});
  EXPECT_ERROR(
      ShapeError, scaled_dot_product_attention(q, ones({2, 5, 7}), ones({2, 5, 8})),
      "[scaled_dot_product_attention] queries, keys and values do not fit: (2, 4, 8), (2, 5, 7), (2, 5, 8)");
  EXPECT_THROW(scaled_dot_product_attention(q, ones({2, 5, 8}), ones({2, 4, 8})), ShapeError);
  EXPECT_ERROR(ShapeError, scaled_dot_product_attention(q, q, q, {.mask = ones({3, 1, 1}, DType::Bool)}),
               "[scaled_dot_product_attention] shapes do not broadcast: (3, 1, 1) and (2, 4, 4)");
  EXPECT_ERROR(ShapeError, scaled_dot_product_attention(q, q, q, {.mask = ones({5, 2, 4, 4}, DType::Bool)}),
               "[scaled_dot_product_attention] mask of shape (5, 2, 4, 4) for scores of shape (2, 4, 4)");
  EXPECT_ERROR(DTypeError, scaled_dot_product_attention(q, q, q, {.mask = ones({4, 4}, DType::I32)}),
               "[scaled_dot_product_attention] the mask must be bool or floating: i32");
  EXPECT_THROW(scaled_dot_product_attention(q, q, q, {.dropout = 2}), ValueError);
}

TEST(MultiHeadAttentionLayer, IsAttentionOfProjections) {
  const MultiHeadAttention layer(6, 2);
  EXPECT_EQ(layer.in_proj_weight.shape(), (Shape{18, 6}));
  std::vector<std::string> names;
  for (const auto& [name, variable] : layer.named_parameters()) names.push_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"}));
  Variable(layer.in_proj_bias).assign(randn({18}));
  const Tensor x = randn({3, 5, 6});
  const std::vector<float> self = layer(x).to_vector<float>(), cross = layer(x, x, x).to_vector<float>();
  ASSERT_EQ(self.size(), cross.size());
  for (size_t i = 0; i < self.size(); ++i) EXPECT_NEAR(self[i], cross[i], 1e-5);
  // By hand: one sequence, head by head.
  const Array w = oracle::from_tensor(layer.in_proj_weight), b = oracle::from_tensor(layer.in_proj_bias);
  const Array in = oracle::from_tensor(index(x, 0, 1));
  const auto head_of = [&](int64_t part, int64_t head) {
    Array result = oracle::filled({5, 3}, 0);
    oracle::for_each_index({5, 3}, [&](const std::vector<int64_t>& at) {
      const int64_t row = part * 6 + head * 3 + at[1];
      result.ref(at) = b.at({row});
      for (int64_t c = 0; c < 6; ++c) result.ref(at) += in.at({at[0], c}) * w.at({row, c});
    });
    return result;
  };
  Array joined = oracle::filled({5, 6}, 0);
  for (int64_t head = 0; head < 2; ++head) {
    const Array y = attention_of(head_of(0, head), head_of(1, head), head_of(2, head), oracle::filled({5, 5}, 0),
                                 1 / std::sqrt(3.0));
    oracle::for_each_index({5, 3}, [&](const std::vector<int64_t>& at) {
      joined.ref({at[0], head * 3 + at[1]}) = y.at(at);
    });
  }
  const Array expected = oracle::matmul(
      joined, oracle::permute(oracle::from_tensor(layer.out_proj.weight), {1, 0}));  // its bias is 0
  EXPECT_TRUE(oracle::matches(index(layer(x), 0, 1), expected, DType::F32, Accuracy::Accumulated, 100));
  EXPECT_ERROR(ValueError, MultiHeadAttention(6, 4), "[MultiHeadAttention] size 6 cannot be divided into 4 heads");
  EXPECT_THROW(layer(ones({3, 6})), ShapeError);
}

TEST(TransformerEncoder, NormalizesAndIsCausal) {
  for (const bool norm_first : {false, true}) {
    const TransformerEncoderLayer layer(8, 2, {.feed_forward = 16, .norm_first = norm_first, .causal = true});
    layer.eval();
    const Tensor x = randn({2, 5, 8});
    const Tensor y = layer(x);
    EXPECT_EQ(y.shape(), x.shape());
    // What comes later does not change what came before.
    const Tensor changed = concatenate({slice(x, 1, 0, 3), randn({2, 2, 8})}, 1);
    const std::vector<float> a = slice(y, 1, 0, 3).to_vector<float>();
    const std::vector<float> b = slice(layer(changed), 1, 0, 3).to_vector<float>();
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
    EXPECT_NE(slice(y, 1, 3).to_vector<float>(), slice(layer(changed), 1, 3).to_vector<float>());
    if (!norm_first) {
      for (double v : mean(y, -1).to_vector<double>()) EXPECT_NEAR(v, 0, 1e-5);
    }
    EXPECT_EQ(layer.variable("self_attn.out_proj.weight").shape(), (Shape{8, 8}));
    EXPECT_EQ(layer.variable("linear2.weight").shape(), (Shape{8, 16}));
  }
}

}  // namespace
}  // namespace nngpu::nn
