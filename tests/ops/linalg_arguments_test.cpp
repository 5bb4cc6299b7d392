// Shapes of results of linear algebra, and what it says about arguments it cannot take.
#include "nngpu/linalg.h"
#include "ops/expect_error.h"

namespace nngpu::linalg {
namespace {

Tensor f32(const Shape& shape) { return zeros(shape); }

TEST(LinalgArguments, DTypes) {
  const Tensor whole = zeros({2, 2}, DType::I32), half = zeros({2, 2}, DType::F16);
  EXPECT_ERROR(DTypeError, inverse(whole), "[inverse] needs f32 or f64: i32");
  EXPECT_ERROR(DTypeError, svd(half), "[svd] needs f32 or f64: f16");
  EXPECT_ERROR(DTypeError, det(half), "[det] needs f32 or f64: f16");
  EXPECT_ERROR(DTypeError, solve(whole, f32({2})), "[solve] needs f32 or f64: i32");
  EXPECT_ERROR(DTypeError, matrix_norm(whole), "[matrix_norm] needs f32 or f64: i32");
  EXPECT_EQ(solve(f32({2, 2}), zeros({2}, DType::F64)).dtype(), DType::F64);
}

TEST(LinalgArguments, Shapes) {
  const Tensor wide = f32({3, 4}), square = f32({3, 3}), vector = f32({3});
  EXPECT_ERROR(ShapeError, inverse(wide), "[inverse] matrix must be square: (3, 4)");
  EXPECT_ERROR(ShapeError, cholesky(wide), "[cholesky] matrix must be square: (3, 4)");
  EXPECT_ERROR(ShapeError, eigh(wide), "[eigh] matrix must be square: (3, 4)");
  EXPECT_ERROR(ShapeError, det(wide), "[det] matrix must be square: (3, 4)");
  EXPECT_ERROR(ShapeError, slogdet(wide), "[slogdet] matrix must be square: (3, 4)");
  EXPECT_ERROR(ShapeError, matrix_power(wide, 2), "[matrix_power] matrix must be square: (3, 4)");
  EXPECT_ERROR(ShapeError, expm(wide), "[expm] matrix must be square: (3, 4)");
  EXPECT_ERROR(ShapeError, cond(wide, NormKind::One), "[cond] matrix must be square: (3, 4)");
  EXPECT_ERROR(ShapeError, solve(wide, vector), "[solve] matrix must be square: (3, 4)");
  EXPECT_ERROR(ShapeError, qr(vector), "[qr] needs a matrix: (3,)");
  EXPECT_ERROR(ShapeError, trace(vector), "[trace] needs a matrix: (3,)");
  EXPECT_ERROR(ShapeError, solve(square, f32({4, 2})), "[solve] row counts differ: (3, 3) and (4, 2)");
  EXPECT_ERROR(ShapeError, lstsq(wide, f32({4})), "[lstsq] row counts differ: (3, 4) and (4, 1)");
  EXPECT_ERROR(ShapeError, solve(square, f32({})), "[solve] right-hand side is a scalar");
  EXPECT_ERROR(ShapeError, solve(f32({2, 3, 3}), f32({5, 3, 1})),
               "[solve] shapes do not broadcast: (2,) and (5,)");
  EXPECT_ERROR(ValueError, inverse(Tensor()), "[inverse] tensor is undefined");
  EXPECT_ERROR(ValueError, solve(square, Tensor()), "[solve] tensor is undefined");
  EXPECT_ERROR(ValueError, pinv(square, -1), "[pinv] negative tolerance: -1");
}

TEST(LinalgShapes, Decompositions) {
  const Tensor a = f32({5, 3, 4});
  const Lu l = lu(a);
  EXPECT_EQ(l.p.shape(), (Shape{5, 3, 3}));
  EXPECT_EQ(l.l.shape(), (Shape{5, 3, 3}));
  EXPECT_EQ(l.u.shape(), (Shape{5, 3, 4}));
  EXPECT_EQ(lu_factor(a).pivots.shape(), (Shape{5, 3}));
  EXPECT_EQ(lu_factor(a).info.shape(), (Shape{5}));
  EXPECT_EQ(lu_factor(a).info.dtype(), DType::I32);
  EXPECT_EQ(qr(a).r.shape(), (Shape{5, 3, 4}));
  EXPECT_EQ(qr(transpose(a)).q.shape(), (Shape{5, 4, 3}));
  EXPECT_EQ(qr(transpose(a), QrMode::Complete).q.shape(), (Shape{5, 4, 4}));
  EXPECT_EQ(svd(a).u.shape(), (Shape{5, 3, 3}));
  EXPECT_EQ(svd(a).vt.shape(), (Shape{5, 3, 4}));
  EXPECT_EQ(svd(a, true).vt.shape(), (Shape{5, 4, 4}));
  EXPECT_EQ(svdvals(a).shape(), (Shape{5, 3}));
  EXPECT_EQ(eigvalsh(f32({2, 0, 0})).shape(), (Shape{2, 0}));
  EXPECT_EQ(eigh(f32({2, 3, 3})).v.shape(), (Shape{2, 3, 3}));
}

TEST(LinalgShapes, Systems) {
  const Tensor a = f32({3, 3});
  EXPECT_EQ(solve(a, f32({3})).shape(), (Shape{3}));
  EXPECT_EQ(solve(f32({2, 3, 3}), f32({3})).shape(), (Shape{2, 3}));
  EXPECT_EQ(solve(a, f32({4, 3, 2})).shape(), (Shape{4, 3, 2}));
  EXPECT_EQ(solve_ex(f32({2, 3, 3}), f32({3, 1})).info.shape(), (Shape{2}));
  EXPECT_EQ(triangular_solve(a, f32({3}), true).shape(), (Shape{3}));
  EXPECT_EQ(cholesky_solve(a, f32({3})).shape(), (Shape{3}));
  EXPECT_EQ(lu_solve(lu_factor(a), f32({2, 3, 5})).shape(), (Shape{2, 3, 5}));
  const Lstsq fit = lstsq(f32({6, 5, 3}), f32({5, 2}));
  EXPECT_EQ(fit.solution.shape(), (Shape{6, 3, 2}));
  EXPECT_EQ(fit.residuals.shape(), (Shape{6, 2}));
  EXPECT_EQ(fit.rank.shape(), (Shape{6}));
  EXPECT_EQ(fit.rank.dtype(), DType::I64);
  EXPECT_EQ(fit.singular_values.shape(), (Shape{6, 3}));
  EXPECT_EQ(lstsq(f32({5, 3}), f32({5})).solution.shape(), (Shape{3}));
}

TEST(LinalgShapes, Functions) {
  const Tensor a = f32({2, 3, 4}), b = f32({5, 6});
  EXPECT_EQ(kron(a, b).shape(), (Shape{2, 15, 24}));
  EXPECT_EQ(trace(a).shape(), (Shape{2}));
  EXPECT_EQ(pinv(a).shape(), (Shape{2, 4, 3}));
  EXPECT_EQ(matrix_rank(a).dtype(), DType::I64);
  EXPECT_EQ(cond(a).shape(), (Shape{2}));
  EXPECT_EQ(det(f32({2, 3, 3})).shape(), (Shape{2}));
  EXPECT_EQ(slogdet(f32({3, 3})).sign.shape(), Shape{});
  EXPECT_EQ(matrix_power(f32({2, 3, 3}), 0).shape(), (Shape{2, 3, 3}));
  for (NormKind kind : {NormKind::Frobenius, NormKind::Nuclear, NormKind::Spectral, NormKind::MinusSpectral,
                        NormKind::One, NormKind::MinusOne, NormKind::Inf, NormKind::MinusInf})
    EXPECT_EQ(matrix_norm(a, kind).shape(), (Shape{2}));
}

}  // namespace
}  // namespace nngpu::linalg
