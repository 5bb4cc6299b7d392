// Small batched QR, eigh and SVD: residuals in long double over families of difficult matrices, values against
// Eigen in long double.
#ifdef NNGPU_HAVE_EIGEN
#include "kernels/small_lapack_fixture.h"

namespace nngpu::cpu::small_lapack_tests {
namespace {

template <class Setting>
class SmallSpectral : public SmallLapack<Setting> {};
TYPED_TEST_SUITE(SmallSpectral, Types);

TYPED_TEST(SmallSpectral, QrReproducesTheMatrix) {
  using T = typename TypeParam::Value;
  for (const auto [m, n] : all_shapes()) {
    for (const bool complete : {false, true}) {
      const int k = complete ? m : std::min(m, n), count = kFamilies.size();
      Items<T> a = this->general_batch(m, n, (m + n) % 3), q(count, m, k, m % 2), r(count, k, n, n % 2);
      const Items<T> original = a;
      Items<T> again = a, r_alone = r;
      small::qr<T>(count, m, n, complete, a.batch(), q.batch(), r.batch());
      EXPECT_TRUE(a.untouched() && q.untouched() && r.untouched());
      for (int f = 0; f < count; ++f) {
        const std::string where = label(kFamilies[f], m, n);
        const Exact x = original.get(f), qf = q.get(f), rf = r.get(f);
        expect_within(relative(x - qf * rf, x), this->limit(m, n), this->name("qr residual"), where);
        expect_within(departure(qf), this->limit(m, n), this->name("qr orthogonality"), where);
        for (int j = 0; j < n; ++j) {
          for (int i = j + 1; i < k; ++i) EXPECT_EQ(rf(i, j), 0);
        }
      }
      small::qr<T>(count, m, n, complete, again.batch(), {nullptr, 0, 0}, r_alone.batch());
      EXPECT_EQ(0, std::memcmp(r.data.data(), r_alone.data.data(), sizeof(T) * r.data.size()));
    }
  }
}

TYPED_TEST(SmallSpectral, EighDiagonalises) {
  using T = typename TypeParam::Value;
  for (int n : kSides) {
    const int count = kFamilies.size();
    Items<T> a = this->symmetric_batch(n, n % 3), v(count, n, n, n % 2);
    const Items<T> original = a;
    for (int f = 0; f < count; ++f) {  // what lies above the diagonal is not read
      for (int j = 0; j < n; ++j) {
        for (int i = 0; i < j; ++i) a.data[f * a.step + j * a.ld + i] = T(777);
      }
    }
    Items<T> again = a;
    const int64_t w_step = n + 1;
    std::vector<T> w(count * w_step), w_alone(count * w_step);
    std::vector<int32_t> info(count, -1);
    small::eigh<T>(count, n, a.batch(), w.data(), w_step, v.batch(), info.data());
    EXPECT_TRUE(a.untouched() && v.untouched());
    for (int f = 0; f < count; ++f) {
      const std::string where = label(kFamilies[f], n, n);
      EXPECT_EQ(info[f], 0) << where;
      const Exact x = original.get(f), vf = v.get(f);
      const Exact wf =
          Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>>(&w[f * w_step], n).template cast<long double>();
      expect_within(relative(x * vf - vf * wf.col(0).asDiagonal(), x), this->limit(n, n),
                    this->name("eigh residual"), where);
      expect_within(departure(vf), this->limit(n, n), this->name("eigh orthogonality"), where);
      const long double size = norm1(x);
      const Exact scaled = size > 0 ? Exact(x / size) : x;
      const Exact expected =
          Eigen::SelfAdjointEigenSolver<Exact>(scaled, Eigen::EigenvaluesOnly).eigenvalues() * size;
      expect_within((wf - expected).cwiseAbs().maxCoeff(), 10 * n * this->kEps * size, this->name("eigh values"),
                    where);
      for (int i = 1; i < n; ++i) EXPECT_LE(wf(i - 1), wf(i)) << where;
    }
    small::eigh<T>(count, n, again.batch(), w_alone.data(), w_step, {nullptr, 0, 0}, info.data());
    EXPECT_EQ(w, w_alone);
  }
}

TYPED_TEST(SmallSpectral, SvdDecomposes) {
  using T = typename TypeParam::Value;
  for (const auto [m, n] : all_shapes()) {
    for (const bool full : {false, true}) {
      const int count = kFamilies.size(), least = std::min(m, n), ku = full ? m : least, kv = full ? n : least;
      Items<T> a = this->general_batch(m, n, (m + n) % 3), u(count, m, ku, m % 2), vt(count, kv, n, n % 2);
      const Items<T> original = a;
      Items<T> again = a;
      const int64_t s_step = least + 2;
      std::vector<T> s(count * s_step), s_alone(count * s_step);
      std::vector<int32_t> info(count, -1);
      small::svd<T>(count, m, n, full, a.batch(), u.batch(), s.data(), s_step, vt.batch(), info.data());
      EXPECT_TRUE(a.untouched() && u.untouched() && vt.untouched());
      for (int f = 0; f < count; ++f) {
        const std::string where = label(kFamilies[f], m, n);
        EXPECT_EQ(info[f], 0) << where;
        const Exact x = original.get(f), uf = u.get(f), vf = vt.get(f).transpose();
        const Exact sf =
            Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>>(&s[f * s_step], least).template cast<long double>();
        const Exact product = uf.leftCols(least) * sf.col(0).asDiagonal() * vf.leftCols(least).transpose();
        expect_within(relative(x - product, x), this->limit(m, n), this->name("svd residual"), where);
        expect_within(departure(uf), this->limit(m, n), this->name("svd orthogonality of u"), where);
        expect_within(departure(vf), this->limit(m, n), this->name("svd orthogonality of v"), where);
        for (int i = 1; i < least; ++i) EXPECT_GE(sf(i - 1), sf(i)) << where;
        EXPECT_GE(sf(least - 1), 0) << where;
        if (full) continue;
        const long double size = norm1(x);
        const Exact scaled = size > 0 ? Exact(x / size) : x;
        const Exact expected = Eigen::JacobiSVD<Exact>(scaled).singularValues() * size;
        expect_within((sf - expected).cwiseAbs().maxCoeff(), 10 * std::max(m, n) * this->kEps * size,
                      this->name("svd values"), where);
      }
      small::svd<T>(count, m, n, full, again.batch(), {nullptr, 0, 0}, s_alone.data(), s_step, {nullptr, 0, 0},
                    info.data());
      EXPECT_EQ(s, s_alone);
    }
  }
}

}  // namespace
}  // namespace nngpu::cpu::small_lapack_tests
#endif  // NNGPU_HAVE_EIGEN
