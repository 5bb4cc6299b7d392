// Gradients of linear algebra against central differences in float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nngpu/autograd.h"
#include "nngpu/linalg.h"
#include "nngpu/random.h"

namespace nngpu {
namespace {

using In = std::vector<Tensor>;
using Out = std::vector<Tensor>;
using namespace linalg;  // NOLINT: what is tested

Tensor random(const Shape& shape, uint64_t seed = 1) { return uniform(shape, -1, 1, DType::F64, Generator(seed)); }
Tensor well_conditioned(const Shape& shape, uint64_t seed = 1) {
  return random(shape, seed) + eye(shape.back(), -1, 0, DType::F64) * 3;
}
Tensor sym(const Tensor& x) { return (x + transpose(x)) * 0.5; }
Tensor positive(const Tensor& x) { return matmul(x, transpose(x)) + eye(x.size(-2), -1, 0, DType::F64); }

void check(const std::function<Out(const In&)>& function, const In& inputs, bool second = true) {
  EXPECT_NO_THROW(check_gradients(function, inputs, {.rtol = 1e-5, .atol = 1e-6}));
  if (!second) return;
  const auto first = [&](const In& x) {
    const auto scalar = [&](const In& y) {
      Tensor total;
      for (const Tensor& output : function(y)) {
        const Tensor part = sum(square(output));
        total = total.defined() ? total + part : part;
      }
      return Out{total};
    };
    return value_and_gradients(scalar, x).gradients;
  };
  EXPECT_NO_THROW(check_gradients(first, inputs, {.rtol = 1e-4, .atol = 1e-4}));
}

TEST(LinalgGradient, InverseAndDeterminant) {
  const Tensor a = well_conditioned({2, 4, 4});
  check([](const In& x) { return Out{inverse(x[0])}; }, {a});
  check([](const In& x) { return Out{det(x[0])}; }, {a});
  check([](const In& x) { return Out{slogdet(x[0]).logabsdet}; }, {a});
  check([](const In& x) { return Out{trace(x[0], 1)}; }, {a});
  check([](const In& x) { return Out{kron(x[0], x[1])}; }, {random({2, 3}), random({2, 2}, 2)});
  check([](const In& x) { return Out{matrix_power(x[0], 3), matrix_power(x[0], -2)}; }, {a}, false);
  check([](const In& x) { return Out{expm(x[0])}; }, {random({3, 3})}, false);
}

// A matrix of the given rank, made of integers so that its pivots vanish exactly.
Tensor of_rank(int64_t rank, int64_t n, uint64_t seed) {
  const Tensor left = cast(randint(-2, 3, {n, rank}, DType::I64, Generator(seed)), DType::F64);
  const Tensor right = cast(randint(-2, 3, {rank, n}, DType::I64, Generator(seed + 1)), DType::F64);
  return matmul(left, right);
}

// The cofactors by their definition: determinants of minors.
std::vector<double> minors(const Tensor& a) {
  const int64_t n = a.size(-1);
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const Tensor rows = concatenate({slice(a, 0, 0, i), slice(a, 0, i + 1)}, 0);
      const Tensor minor = concatenate({slice(rows, 1, 0, j), slice(rows, 1, j + 1)}, 1);
      values.push_back(((i + j) % 2 == 0 ? 1 : -1) * det(minor).item<double>());
    }
  }
  return values;
}

TEST(LinalgGradient, DeterminantOfSingularMatrices) {
  const auto gradient = grad([](const Tensor& x) { return sum(det(x)); });
  std::vector<Tensor> cases = {zeros({1, 1}, DType::F64), zeros({4, 4}, DType::F64), random({5, 5}, 3)};
  for (uint64_t seed = 0; seed < 2; ++seed)
    for (const int64_t rank : {1, 3, 4}) cases.push_back(of_rank(rank, 5, 10 + seed));
  cases.push_back(eye(5, 5, 1, DType::F64));  // rank 4, with pivots that vanish before the last
  for (const Tensor& a : cases) {
    const std::vector<double> got = gradient(a).to_vector<double>(), exact = minors(a);
    const double scale = std::pow(1 + max(abs(a)).item<double>() * 3, static_cast<double>(a.size(-1) - 1));
    for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(got[i], exact[i], 1e-13 * scale) << a;
    // With gradients of its own the value is the same.
    if (&a == &cases[2]) check([](const In& x) { return Out{det(x[0])}; }, {a});
    const Tensor x = requires_grad(a);
    const Tensor recorded = gradients(sum(det(x)), {x}, {}, {.create_graph = true})[0];
    const std::vector<double> again = recorded.to_vector<double>();
    for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(again[i], exact[i], 1e-12 * scale) << a;
  }
}

TEST(LinalgGradient, DeterminantsOfABatchWithSingularMatrices) {
  const Tensor batch = stack({of_rank(4, 5, 1), random({5, 5}, 2), of_rank(3, 5, 3), eye(5, 5, 0, DType::F64)}, 0);
  const Tensor weights = uniform({4}, 0.5, 1.5, DType::F64, Generator(7));
  const Tensor got = grad([&](const Tensor& x) { return sum(det(x) * weights); })(batch);
  for (int64_t i = 0; i < 4; ++i) {
    const std::vector<double> exact = minors(index(batch, 0, i));
    const std::vector<double> one = index(got, 0, i).to_vector<double>();
    const double weight = index(weights, 0, i).item<double>();
    for (size_t k = 0; k < exact.size(); ++k) EXPECT_NEAR(one[k], weight * exact[k], 1e-9) << i;
  }
  EXPECT_EQ(grad([](const Tensor& x) { return sum(det(x)); })(zeros({2, 0, 0}, DType::F64)).numel(), 0);
  // In single precision, and where the gradient is one part of a larger one.
  const Tensor single = cast(of_rank(4, 5, 1), DType::F32);
  const std::vector<double> exact = minors(cast(single, DType::F64));
  const double largest = 32 * std::abs(*std::max_element(exact.begin(), exact.end(), [](double a, double b) {
                           return std::abs(a) < std::abs(b);
                         }));
  const std::vector<double> f32 =
      grad([](const Tensor& x) { return det(x * 2.0) + sum(x); })(single).to_vector<double>();
  for (size_t k = 0; k < exact.size(); ++k) EXPECT_NEAR(f32[k], 32 * exact[k] + 1, 5e-6 * largest) << k;
}

TEST(LinalgGradient, Systems) {
  const Tensor a = well_conditioned({2, 3, 3});
  check([](const In& x) { return Out{solve(x[0], x[1])}; }, {a, random({2, 3, 2}, 2)});
  check([](const In& x) { return Out{solve(x[0], x[1])}; }, {well_conditioned({3, 3}), random({3}, 2)});
  check([](const In& x) { return Out{lu_solve(lu_factor(x[0]), x[1])}; }, {a, random({2, 3, 2}, 2)});
  for (const bool upper : {false, true}) {
    for (const bool transposed : {false, true}) {
      for (const bool unit : {false, true}) {
        check([&](const In& x) { return Out{triangular_solve(x[0], x[1], upper, transposed, unit)}; },
              {a, random({2, 3, 2}, 2)});
      }
    }
  }
  check([](const In& x) { return Out{cholesky_solve(cholesky(positive(x[0])), x[1])}; }, {a, random({2, 3, 1}, 2)},
        false);
}

TEST(LinalgGradient, LeastSquares) {
  check([](const In& x) { return Out{lstsq(x[0], x[1]).solution}; }, {random({5, 3}), random({5, 2}, 2)}, false);
  check([](const In& x) { return Out{lstsq(x[0], x[1]).solution}; }, {random({3, 5}), random({3, 2}, 2)}, false);
  check([](const In& x) { return Out{pinv(x[0])}; }, {random({2, 4, 3})}, false);
}

TEST(LinalgGradient, Lu) {
  for (const Shape& shape : {Shape{4, 4}, Shape{2, 5, 3}, Shape{3, 5}}) {
    // The permutation must not change under the differences.
    check([](const In& x) { return Out{lu(x[0]).l, lu(x[0]).u}; }, {random(shape, 7)});
    check([](const In& x) { return Out{lu_factor(x[0]).lu}; }, {random(shape, 8)});
  }
}

TEST(LinalgGradient, Cholesky) {
  for (const bool upper : {false, true}) {
    check([&](const In& x) { return Out{cholesky(positive(x[0]), upper)}; }, {random({2, 3, 3})});
    check([&](const In& x) { return Out{cholesky(sym(x[0]), upper)}; }, {well_conditioned({3, 3})});
  }
}

TEST(LinalgGradient, Qr) {
  for (const Shape& shape : {Shape{4, 4}, Shape{2, 5, 3}, Shape{3, 5}})
    check([](const In& x) { return Out{qr(x[0]).q, qr(x[0]).r}; }, {random(shape)});
  const Tensor tall = random({4, 2});
  EXPECT_THROW(grad([](const Tensor& x) { return sum(qr(x, QrMode::Complete).q); })(tall), GradientError);
}

// Functions of what does not depend on the vectors' signs.
TEST(LinalgGradient, Eigh) {
  const Tensor a = random({2, 4, 4});
  check([](const In& x) { return Out{eigvalsh(sym(x[0]))}; }, {a});
  check([](const In& x) { return Out{eigh(sym(x[0])).w, square(eigh(sym(x[0])).v)}; }, {a}, false);
  check(
      [](const In& x) {
        const Eigh f = eigh(sym(x[0]));
        return Out{matmul(f.v * expand_dims(exp(f.w), -2), transpose(f.v))};
      },
      {a}, false);
}

TEST(LinalgGradient, Svd) {
  for (const Shape& shape : {Shape{4, 4}, Shape{2, 5, 3}, Shape{3, 5}}) {
    check([](const In& x) { return Out{svdvals(x[0])}; }, {random(shape)});
    check(
        [](const In& x) {
          const Svd f = svd(x[0]);
          return Out{f.s, square(f.u), square(f.vt), matmul(f.u * expand_dims(sqrt(f.s), -2), f.vt)};
        },
        {random(shape)}, false);
  }
  const Tensor tall = random({4, 2});
  EXPECT_THROW(grad([](const Tensor& x) { return sum(square(svd(x, true).u)); })(tall), GradientError);
  check([](const In& x) { return Out{svd(x[0], true).s}; }, {tall}, false);
}

// The projector on the space of a repeated eigenvalue depends on no choice of basis, and its derivative is known:
// for A = diag(1, 1, 3) + t E, d P / d t = sum over i in, j out of (E_ij / (w_i - w_j)) (e_i e_j^T + e_j e_i^T).
TEST(LinalgGradient, RepeatedEigenvalues) {
  const Tensor a = Tensor::from_vector<double>({1, 0, 0, 0, 1, 0, 0, 0, 3}, {3, 3});
  const Tensor weights = sym(random({3, 3}, 3));
  const auto projector = [&](const Tensor& x) {
    const Tensor v = slice(eigh(sym(x)).v, 1, 0, 2);
    return sum(matmul(v, transpose(v)) * weights);
  };
  const std::vector<double> g = grad(projector)(a).to_vector<double>(), b = weights.to_vector<double>();
  const std::vector<double> expected = {0, 0, -b[2] / 2, 0, 0, -b[5] / 2, -b[6] / 2, -b[7] / 2, 0};
  for (size_t i = 0; i < 9; ++i) EXPECT_NEAR(g[i], expected[i], 1e-12) << i;
  // A symmetric function of the values: the trace of the square.
  const std::vector<double> t =
      grad([](const Tensor& x) { return sum(square(eigh(sym(x)).w)); })(a).to_vector<double>();
  const std::vector<double> twice = {2, 0, 0, 0, 2, 0, 0, 0, 6};
  for (size_t i = 0; i < 9; ++i) EXPECT_NEAR(t[i], twice[i], 1e-12) << i;
}

// |A|_* and |A|_F^2 of a matrix with repeated singular values: the gradients are U V^T and 2 A.
TEST(LinalgGradient, RepeatedSingularValues) {
  const Tensor q = qr(random({4, 3}, 5)).q * 2;
  const auto nuclear = [](const Tensor& x) { return sum(svd(x).s); };
  const std::vector<double> g = grad(nuclear)(q).to_vector<double>(), values = q.to_vector<double>();
  for (size_t i = 0; i < g.size(); ++i) EXPECT_NEAR(g[i], values[i] / 2, 1e-12) << i;
  // The polar factor depends on no choice of basis: at 2 Q, its derivative in the direction of Q itself is zero.
  const auto polar = [&](const Tensor& x) {
    const Svd f = svd(x);
    return sum(matmul(f.u, f.vt) * random({4, 3}, 6));
  };
  const Tensor gradient = grad(polar)(q);
  EXPECT_TRUE(all(isfinite(gradient)).item<bool>());
  EXPECT_NEAR(sum(gradient * q).item<double>(), 0, 1e-12);
  const Tensor zero = zeros({3, 3}, DType::F64);
  EXPECT_TRUE(all(isfinite(grad(nuclear)(zero))).item<bool>());
}

}  // namespace
}  // namespace nngpu
