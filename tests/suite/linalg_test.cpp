// Public linear algebra in both types, alone and in batches: residuals and orthogonality by the oracle.
#include "nngpu/linalg.h"

#include <cmath>

#include "nngpu/ops.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Array;

double epsilon(DType dtype) { return dtype == DType::F32 ? 0x1p-23 : 0x1p-52; }

double norm_of(const Array& a) {
  double s = 0;
  for (double v : a.data) s += v * v;
  return std::sqrt(s);
}

Array transposed(const Array& a) {
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < a.rank(); ++i) axes.push_back(i);
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return oracle::permute(a, axes);
}

Array minus(const Array& a, const Array& b) {
  return oracle::map(a, b, [](double x, double y) { return x - y; });
}

// A matrix with w on its diagonal, for each vector of the batch.
Array diagonal_of(const Array& w) {
  Array d{w.shape, {}};
  d.shape.push_back(w.shape.back());
  oracle::for_each_index(d.shape, [&](const std::vector<int64_t>& i) {
    const std::vector<int64_t> at(i.begin(), i.end() - 1);
    d.data.push_back(i[i.size() - 1] == i[i.size() - 2] ? w.at(at) : 0);
  });
  return d;
}

Array identity_like(const Array& square) {
  return oracle::map(oracle::filled(square.shape, 0), diagonal_of(oracle::filled({square.shape.back()}, 1)),
                     [](double, double e) { return e; });
}

class LinalgSuite : public ::testing::TestWithParam<DType> {
 protected:
  void check(const Array& a, const Array& product, const char* what) {
    const double bound =
        30.0 * double(std::max(a.shape.back(), a.shape[a.shape.size() - 2])) * epsilon(GetParam());
    EXPECT_LE(norm_of(minus(a, product)), bound * norm_of(a)) << what << " " << to_string(Shape(a.shape));
  }
  void check_orthogonal(const Array& q, const char* what) {
    const Array gram = oracle::matmul(transposed(q), q);
    check(identity_like(gram), gram, what);
  }
};

const std::vector<Dimensions>& matrix_shapes() {
  static const std::vector<Dimensions> list = {{1, 1},         {5, 5},  {33, 33}, {64, 64},    {3, 7, 7},
                                               {2, 2, 12, 12}, {20, 6}, {6, 20},  {2, 40, 35}, {2, 35, 40}};
  return list;
}

TEST_P(LinalgSuite, FactorsMultiplyBack) {
  for (const Dimensions& shape : matrix_shapes()) {
    const Array a = oracle::random_array(shape, GetParam(), -1, 1);
    const Tensor x = oracle::with_layout(a, GetParam(), oracle::kLayouts[oracle::generator()() % 4]);
    const auto [p, l, u] = linalg::lu(x);
    check(a,
          oracle::matmul(oracle::from_tensor(p), oracle::matmul(oracle::from_tensor(l), oracle::from_tensor(u))),
          "lu");
    for (const auto mode : {linalg::QrMode::Reduced, linalg::QrMode::Complete}) {
      const auto [q, r] = linalg::qr(x, mode);
      check(a, oracle::matmul(oracle::from_tensor(q), oracle::from_tensor(r)), "qr");
      check_orthogonal(oracle::from_tensor(q), "q");
    }
    const auto [su, s, vt] = linalg::svd(x);
    const Array left = oracle::from_tensor(su), values = oracle::from_tensor(s), right = oracle::from_tensor(vt);
    check(a, oracle::matmul(left, oracle::matmul(diagonal_of(values), right)), "svd");
    check_orthogonal(left, "u");
    check_orthogonal(transposed(right), "v");
    EXPECT_TRUE(oracle::matches(linalg::svdvals(x), values, GetParam(), oracle::Accuracy::Accumulated,
                                10.0 * double(shape.back()) * values.data[0]));
    const linalg::Svd full = linalg::svd(x, true);
    check_orthogonal(oracle::from_tensor(full.u), "full u");
    check_orthogonal(transposed(oracle::from_tensor(full.vt)), "full v");
  }
}

TEST_P(LinalgSuite, SquareMatrices) {
  for (const Dimensions& shape : matrix_shapes()) {
    if (shape[shape.size() - 1] != shape[shape.size() - 2]) continue;
    const Array a = oracle::random_array(shape, GetParam(), -1, 1);
    const Tensor x = oracle::to_tensor(a, GetParam());
    const Tensor symmetric = (x + transpose(x)).eval();
    const Array sym = oracle::from_tensor(symmetric);
    const auto [w, v] = linalg::eigh(symmetric);
    const Array values = oracle::from_tensor(w), vectors = oracle::from_tensor(v);
    check(sym, oracle::matmul(vectors, oracle::matmul(diagonal_of(values), transposed(vectors))), "eigh");
    check_orthogonal(vectors, "v");
    EXPECT_TRUE(oracle::matches(linalg::eigvalsh(symmetric), values, GetParam(), oracle::Accuracy::Accumulated,
                                10.0 * double(shape.back()) * norm_of(sym)));
    const Tensor spd = (matmul(x, transpose(x)) + eye(shape.back(), -1, 0, GetParam())).eval();
    const Array positive = oracle::from_tensor(spd);
    const Array l = oracle::from_tensor(linalg::cholesky(spd)),
                u = oracle::from_tensor(linalg::cholesky(spd, true));
    check(positive, oracle::matmul(l, transposed(l)), "cholesky");
    check(positive, oracle::matmul(transposed(u), u), "upper cholesky");
    const Array inverse = oracle::from_tensor(linalg::inverse(spd));
    const Array product = oracle::matmul(positive, inverse);
    EXPECT_LE(norm_of(minus(identity_like(product), product)),
              30 * double(shape.back()) * epsilon(GetParam()) * norm_of(positive) * norm_of(inverse));
    const Tensor b = oracle::to_tensor(oracle::random_array(shape, GetParam(), -1, 1), GetParam());
    const Array solution = oracle::from_tensor(linalg::solve(spd, b));
    const Array residual = minus(oracle::matmul(positive, solution), oracle::from_tensor(b));
    EXPECT_LE(norm_of(residual),
              30 * double(shape.back()) * epsilon(GetParam()) * norm_of(positive) * norm_of(solution));
  }
}

TEST_P(LinalgSuite, NonFiniteInputsAreErrorsOfEveryDecomposition) {
  Array a = oracle::random_array({3, 6, 6}, GetParam(), -1, 1);
  a.ref({1, 4, 2}) = NAN;
  const Tensor x = oracle::to_tensor(a, GetParam());
  const Tensor results[] = {linalg::lu(x).u,     linalg::qr(x).q,
                            linalg::cholesky(x), linalg::eigh(x).w,
                            linalg::eigvalsh(x), linalg::svd(x).s,
                            linalg::svdvals(x),  linalg::inverse(x),
                            linalg::det(x),      linalg::solve(x, ones({6, 1}, GetParam()))};
  for (const Tensor& result : results) {
    try {
      result.eval();
      ADD_FAILURE() << "no error";
    } catch (const NonFiniteError& error) {
      EXPECT_EQ(error.item(), 1) << error.what();
    }
  }
  EXPECT_EQ(linalg::eigh_ex(x).info.to_vector<int32_t>()[0], 0);
  EXPECT_GT(linalg::eigh_ex(x).info.to_vector<int32_t>()[1], 0);
  EXPECT_GT(linalg::svd_ex(x).info.to_vector<int32_t>()[1], 0);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, LinalgSuite, ::testing::Values(DType::F32, DType::F64),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

}  // namespace
}  // namespace nngpu::suite
