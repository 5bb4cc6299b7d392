// Small batched decompositions: bitwise independence of the batch, hopeless matrices, and empty ones.
#ifdef NNGPU_HAVE_EIGEN
#include <cstring>

#include "backend/cpu/parallel.h"
#include "kernels/small_lapack_fixture.h"

namespace nngpu::cpu::small_lapack_tests {
namespace {

template <class Setting>
class SmallBatch : public SmallLapack<Setting> {};
TYPED_TEST_SUITE(SmallBatch, Types);

// Everything the functions give for items [first, first + count) of the inputs, as bytes of one item after the
// other.
template <class T>
std::vector<std::vector<T>> everything(const Items<T>& general_items, const Items<T>& symmetric_items, int m,
                                       int n, int64_t first, int64_t count) {
  std::vector<std::vector<T>> out(count);
  const auto take = [&](const auto& data, int64_t step) {
    for (int64_t b = 0; b < count; ++b) {
      for (int64_t k = 0; k < step; ++k) out[b].push_back(static_cast<T>(data[b * step + k]));
    }
  };
  const auto part = [&](const Items<T>& items) {
    Items<T> copy(count, items.rows, items.columns, 0);
    std::copy_n(items.data.begin() + first * items.step, count * items.step, copy.data.begin());
    return copy;
  };
  const int k = std::min(m, n);
  std::vector<int32_t> info(count), pivots(count * k);
  Items<T> a = part(general_items), u(count, m, m, 0), vt(count, n, n, 0), r(count, m, n, 0), b = a;
  std::vector<T> s(count * std::max(m, n));
  small::lu<T>(count, m, n, a.batch(), pivots.data(), info.data());
  take(a.data, a.step), take(info, 1), take(pivots, k);
  a = part(general_items);
  small::qr<T>(count, m, n, true, a.batch(), u.batch(), r.batch());
  take(u.data, u.step), take(r.data, r.step);
  a = part(general_items);
  small::svd<T>(count, m, n, true, a.batch(), u.batch(), s.data(), k, vt.batch(), info.data());
  take(u.data, u.step), take(vt.data, vt.step), take(s, k), take(info, 1);
  Items<T> c = part(symmetric_items), v(count, n, n, 0);
  small::eigh<T>(count, n, c.batch(), s.data(), n, v.batch(), info.data());
  take(v.data, v.step), take(s, n), take(info, 1);
  c = part(symmetric_items);
  small::cholesky<T>(count, n, c.batch(), info.data());
  take(c.data, c.step), take(info, 1);
  c = part(symmetric_items);
  small::inverse<T>(count, n, c.batch(), info.data());
  take(c.data, c.step), take(info, 1);
  if (m == n) {
    c = part(symmetric_items);
    small::solve<T>(count, n, n, c.batch(), b.batch(), info.data());
    take(b.data, b.step), take(info, 1);
  }
  return out;
}

TYPED_TEST(SmallBatch, ItemsDoNotDependOnTheBatch) {
  using T = typename TypeParam::Value;
  const int threads = num_threads();
  for (const auto [m, n] : std::vector<Shape>{{1, 1}, {2, 2}, {5, 3}, {8, 8}, {13, 13}, {17, 20}, {32, 32}}) {
    const int64_t count = n <= 8 ? 1000 : 200;
    Random rng(7);
    Items<T> a(count, m, n, 0), c(count, n, n, 0);
    for (int64_t i = 0; i < count; ++i) {
      const std::string& family = kFamilies[rng() % kFamilies.size()];
      Exact x = general<T>(family, m, n, rng), y = symmetric<T>(family, n, rng);
      // Hopeless items among the others.
      if (i % 11 == 5) x(m / 2, n / 2) = std::numeric_limits<T>::quiet_NaN();
      if (i % 13 == 6) y(n - 1, 0) = std::numeric_limits<T>::infinity();
      a.set(i, x);
      c.set(i, y);
    }
    set_num_threads(2);
    const auto whole = everything(a, c, m, n, 0, count);
    for (const int team : {1, 2}) {
      set_num_threads(team);
      for (const int64_t part : {1, 3, 15, 16, 17, 100}) {
        for (const int64_t first : {int64_t{0}, int64_t{1}, int64_t{29}, count - part}) {
          const auto some = everything(a, c, m, n, first, part);
          for (int64_t b = 0; b < part; ++b) {
            ASSERT_EQ(some[b].size(), whole[first + b].size());
            ASSERT_EQ(0, std::memcmp(some[b].data(), whole[first + b].data(), sizeof(T) * some[b].size()))
                << label("item", m, n) << ' ' << first + b << " in a batch of " << part;
          }
        }
      }
    }
  }
  set_num_threads(threads);
}

TYPED_TEST(SmallBatch, HopelessMatricesEndAndSaySo) {
  using T = typename TypeParam::Value;
  for (int n : kSides) {
    for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
      Items<T> a(1, n, n, 0), u(1, n, n, 0), vt(1, n, n, 0);
      Exact x = Exact::Identity(n, n);
      x(n - 1, 0) = bad;
      a.set(0, x);
      Items<T> b = a;
      std::vector<T> w(n);
      int32_t info = 0;
      small::eigh<T>(1, n, a.batch(), w.data(), n, u.batch(), &info);
      EXPECT_EQ(info, n);
      for (T value : w) EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(u.data[0]));
      small::svd<T>(1, n, n, true, b.batch(), u.batch(), w.data(), n, vt.batch(), &info);
      EXPECT_EQ(info, n);
      for (T value : w) EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(u.data[0]) && std::isnan(vt.data[0]));
    }
  }
}

TYPED_TEST(SmallBatch, EmptySides) {
  using T = typename TypeParam::Value;
  Items<T> a(2, 3, 0, 0), q(2, 3, 3, 0), vt(2, 3, 3, 0);
  std::vector<int32_t> info(2, -1);
  small::qr<T>(2, 3, 0, true, {a.data.data(), 3, 0}, q.batch(), {a.data.data(), 3, 0});
  EXPECT_EQ(q.get(1), Exact::Identity(3, 3));
  small::svd<T>(2, 3, 0, true, {a.data.data(), 3, 0}, q.batch(), a.data.data(), 0, {a.data.data(), 1, 0},
                info.data());
  EXPECT_EQ(q.get(1), Exact::Identity(3, 3));
  small::svd<T>(2, 0, 3, true, {a.data.data(), 1, 0}, {a.data.data(), 1, 0}, a.data.data(), 0, vt.batch(),
                info.data());
  EXPECT_EQ(vt.get(1), Exact::Identity(3, 3));
  EXPECT_EQ(info, (std::vector<int32_t>{0, 0}));
  info = {-1, -1};
  small::eigh<T>(2, 0, {a.data.data(), 1, 0}, a.data.data(), 0, {a.data.data(), 1, 0}, info.data());
  EXPECT_EQ(info, (std::vector<int32_t>{0, 0}));
  small::lu<T>(0, 3, 3, q.batch(), info.data(), info.data());  // no items
}

}  // namespace
}  // namespace nngpu::cpu::small_lapack_tests
#endif  // NNGPU_HAVE_EIGEN
