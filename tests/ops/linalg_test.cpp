// Linear algebra made of other operations: that the pieces are put together right, on small matrices.
#include "nngpu/linalg.h"

#include <cmath>
#include <limits>
#include <vector>

#include "nngpu/random.h"
#include "ops/expect_error.h"

namespace nngpu::linalg {
namespace {

using Values = std::vector<double>;
constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor matrix(const Values& values, int64_t rows) {
  return Tensor::from_vector(values, {rows, static_cast<int64_t>(values.size()) / rows});
}
Tensor random(const Shape& shape) { return randn(shape, DType::F64, Generator(7)); }

void expect_near(const Tensor& a, const Tensor& b, double tolerance = 1e-10) {
  ASSERT_EQ(a.shape(), b.shape());
  if (a.numel() > 0) {
    EXPECT_LE(max(abs(a - b)).item<double>(), tolerance);
  }
}

TEST(Linalg, Lu) {
  for (const Shape& shape : {Shape{4, 4}, Shape{2, 3, 5}, Shape{2, 5, 3}}) {
    const Tensor a = random(shape);
    const Lu f = lu(a);
    expect_near(matmul(f.p, matmul(f.l, f.u)), a);
  }
  expect_near(matmul(lu(zeros({2, 2}, DType::F64)).l, zeros({2, 2}, DType::F64)), zeros({2, 2}, DType::F64));
}

TEST(Linalg, Determinants) {
  EXPECT_EQ(det(matrix({0, 1, 1, 0}, 2)).item<double>(), -1);
  EXPECT_NEAR(det(matrix({1, 2, 3, 4}, 2)).item<double>(), -2, 1e-12);
  EXPECT_EQ(det(matrix({1, 2, 2, 4}, 2)).item<double>(), 0);
  EXPECT_EQ(det(zeros({0, 0}, DType::F64)).item<double>(), 1);
  const SlogDet s = slogdet(matrix({1, 2, 3, 4}, 2));
  EXPECT_EQ(s.sign.item<double>(), -1);
  EXPECT_NEAR(s.logabsdet.item<double>(), std::log(2), 1e-12);
  const SlogDet singular = slogdet(zeros({2, 2}, DType::F64));
  EXPECT_EQ(singular.sign.item<double>(), 0);
  EXPECT_EQ(singular.logabsdet.item<double>(), -kInf);
  EXPECT_THROW(det(matrix({1, NAN, 3, 4}, 2)).item<double>(), NonFiniteError);
  EXPECT_NEAR(det(random({9, 9})).item<double>(), det(transpose(random({9, 9}))).item<double>(), 1e-8);
}

TEST(Linalg, Systems) {
  const Tensor a = random({3, 4, 4}), b = random({4}), many = random({2, 1, 4, 5});
  expect_near(matmul(a, expand_dims(solve(a, b), -1)), broadcast_to(expand_dims(b, -1), {3, 4, 1}));
  expect_near(matmul(a, solve(a, many)), broadcast_to(many, {2, 3, 4, 5}));
  expect_near(lu_solve(lu_factor(a), many), solve(a, many));
  const Tensor one = index(a, 0, 0);  // a single matrix with many right-hand sides
  expect_near(matmul(one, solve(one, many)), many);
  expect_near(lu_solve(lu_factor(one), many), solve(one, many));
  EXPECT_EQ(solve_ex(one, many).info.shape(), (Shape{2, 1}));
  EXPECT_EQ(solve(one, zeros({0, 4, 5}, DType::F64)).shape(), (Shape{0, 4, 5}));
  expect_near(matmul(a, inverse(a)), broadcast_to(eye(4, 4, 0, DType::F64), {3, 4, 4}));
  const Tensor spd = matmul(a, transpose(a)) + eye(4, 4, 0, DType::F64);
  expect_near(cholesky_solve(cholesky(spd), b), solve(spd, b));
  expect_near(cholesky_solve(cholesky(spd, true), b, true), solve(spd, b));
  expect_near(triangular_solve(a, b, true), solve(triu(a), b), 1e-6);
  expect_near(triangular_solve(a, b, false, true), solve(transpose(tril(a)), b), 1e-6);
  expect_near(triangular_solve(a, b, false, false, true), solve(tril(a, -1) + eye(4, 4, 0, DType::F64), b), 1e-6);
}

TEST(Linalg, SingularMatrices) {
  const Tensor a = stack({eye(2, 2, 0, DType::F64), ones({2, 2}, DType::F64)});
  try {
    inverse(a).eval();
    ADD_FAILURE() << "nothing thrown";
  } catch (const SingularMatrixError& error) {
    EXPECT_EQ(error.item(), 1);
    EXPECT_EQ(error.pivot(), 1);
  }
  EXPECT_EQ(inverse_ex(a).info.to_vector<int>(), (std::vector<int>{0, 2}));
  EXPECT_EQ(solve_ex(a, ones({2}, DType::F64)).info.to_vector<int>(), (std::vector<int>{0, 2}));
  EXPECT_THROW(cholesky(-a).eval(), NotPositiveDefiniteError);
  EXPECT_EQ(cholesky_ex(a).info.to_vector<int>()[1], 2);
}

TEST(Linalg, LeastSquares) {
  const Tensor a = random({6, 3}), b = random({6, 2});
  const Lstsq fit = lstsq(a, b);
  expect_near(matmul(transpose(a), matmul(a, fit.solution) - b), zeros({3, 2}, DType::F64));
  expect_near(fit.residuals, sum(square(matmul(a, fit.solution) - b), 0));
  EXPECT_EQ(fit.rank.item<int>(), 3);
  expect_near(lstsq(a, index(b, 1, 0)).solution, index(fit.solution, 1, 0));
  expect_near(fit.solution, matmul(pinv(a), b));
  // Rank 1: the solution of least norm.
  const Tensor r = matrix({1, 1, 1, 1}, 2);
  expect_near(lstsq(r, Tensor::from_vector(Values{2, 2}, {2})).solution, ones({2}, DType::F64));
  EXPECT_EQ(matrix_rank(r).item<int>(), 1);
  EXPECT_EQ(matrix_rank(random({2, 4, 3}), 100).to_vector<int>(), (std::vector<int>{0, 0}));
  EXPECT_EQ(matrix_rank(zeros({3, 3})).item<int>(), 0);
}

TEST(Linalg, NormsAndConditions) {
  const Tensor a = matrix({3, 0, 0, -4}, 2);
  const auto of = [&](NormKind kind) { return matrix_norm(a, kind).item<double>(); };
  EXPECT_EQ(of(NormKind::Frobenius), 5);
  EXPECT_NEAR(of(NormKind::Nuclear), 7, 1e-12);
  EXPECT_NEAR(of(NormKind::Spectral), 4, 1e-12);
  EXPECT_NEAR(of(NormKind::MinusSpectral), 3, 1e-12);
  EXPECT_EQ(matrix_norm(matrix({1, -2, 3, 4}, 2), NormKind::One).item<double>(), 6);
  EXPECT_EQ(matrix_norm(matrix({1, -2, 3, 4}, 2), NormKind::MinusOne).item<double>(), 4);
  EXPECT_EQ(matrix_norm(matrix({1, -2, 3, 4}, 2), NormKind::Inf).item<double>(), 7);
  EXPECT_EQ(matrix_norm(matrix({1, -2, 3, 4}, 2), NormKind::MinusInf).item<double>(), 3);
  EXPECT_NEAR(cond(a).item<double>(), 4.0 / 3, 1e-12);
  EXPECT_NEAR(cond(a, NormKind::MinusSpectral).item<double>(), 0.75, 1e-12);
  EXPECT_NEAR(cond(a, NormKind::One).item<double>(), 4.0 / 3, 1e-12);
  for (NormKind kind : {NormKind::Spectral, NormKind::Frobenius, NormKind::One})
    EXPECT_EQ(cond(zeros({2, 2}, DType::F64), kind).item<double>(), kInf);
}

TEST(Linalg, Powers) {
  const Tensor a = matrix({1, 1, 0, 1}, 2);
  EXPECT_EQ(matrix_power(a, 5).to_vector<double>(), (Values{1, 5, 0, 1}));
  EXPECT_EQ(matrix_power(a, 0).to_vector<double>(), (Values{1, 0, 0, 1}));
  EXPECT_EQ(matrix_power(a, -3).to_vector<double>(), (Values{1, -3, 0, 1}));
  EXPECT_EQ(kron(a, matrix({1, 2}, 1)).to_vector<double>(), (Values{1, 2, 1, 2, 0, 0, 1, 2}));
  EXPECT_EQ(trace(matrix({1, 2, 3, 4}, 2)).item<double>(), 5);
  EXPECT_EQ(trace(matrix({1, 2, 3, 4}, 2), 1).item<double>(), 2);
}

TEST(Linalg, Expm) {
  // exp of a rotation's generator, small and large, and of a diagonal matrix: each as if it were alone.
  const Tensor a = stack({matrix({0, -1, 1, 0}, 2), matrix({0, -30, 30, 0}, 2), matrix({1, 0, 0, -20}, 2)});
  const Values e = expm(a).to_vector<double>();
  EXPECT_NEAR(e[0], std::cos(1), 1e-14);
  EXPECT_NEAR(e[2], std::sin(1), 1e-14);
  EXPECT_NEAR(e[4], std::cos(30), 1e-12);
  EXPECT_NEAR(e[8], std::exp(1), 1e-14);
  EXPECT_NEAR(e[11], std::exp(-20), 1e-20);
  EXPECT_EQ(expm(index(a, 0, 0)).to_vector<double>(), Values(e.begin(), e.begin() + 4));
  EXPECT_NEAR(expm(full({1, 1}, 3)).item<float>(), std::exp(3.0f), 5e-5);
  EXPECT_THROW(expm(full({1, 1}, NAN)), NonFiniteError);
}

}  // namespace
}  // namespace nngpu::linalg
