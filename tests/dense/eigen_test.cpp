// Conversion from and to Eigen; borrowed memory; printing.
#ifdef NNGPU_HAVE_EIGEN
#include <sstream>
#include <vector>

#include "dense_support.h"

namespace dense_test {
namespace {

template <class T>
class Conversion : public DenseTest<T> {};
TYPED_TEST_SUITE(Conversion, Scalars);

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

TYPED_TEST(Conversion, Copies) {
  using T = TypeParam;
  const EigenMatrix<T> e = this->random(6, 4);
  const RowMajor<T> r = e;
  const ng::GPUDense a(e), b(r);
  static_assert(std::is_same_v<decltype(a), const ng::GPUDense<T>>);
  EXPECT_TRUE(near<T>(a, e, 0));
  EXPECT_TRUE(near<T>(b, e, 0));
  EXPECT_EQ(EigenMatrix<T>(b.to_eigen()), e);
  EXPECT_TRUE(near<T>(ng::GPUDense(e.block(1, 1, 3, 2)), e.block(1, 1, 3, 2), 0));
  EXPECT_TRUE(near<T>(ng::GPUDense(r.block(1, 1, 3, 2)), e.block(1, 1, 3, 2), 0));
  EXPECT_TRUE(near<T>(ng::GPUDense(e.row(2)), e.row(2), 0));
  EXPECT_TRUE(near<T>(ng::GPUDense(r.col(2)), e.col(2), 0));
  EXPECT_TRUE(near<T>(ng::GPUDense(e.transpose()), e.transpose(), 0));
  EXPECT_TRUE(near<T>(ng::GPUDense(e * T(2) + e), e * T(2) + e, 0));
  EXPECT_TRUE(near<T>(ng::GPUDense(e * e.transpose()), e * e.transpose(), 0));
  EXPECT_TRUE(near<T>(ng::GPUDense(e.diagonal()), e.diagonal(), 0));
  EXPECT_TRUE(near<T>(ng::GPUDense(e.array().exp()), e.array().exp(), 0));
  EXPECT_TRUE(near<T>(ng::from_eigen(Eigen::Array<T, 2, 2>::Ones()), Eigen::Array<T, 2, 2>::Ones(), 0));
  const Eigen::Matrix<T, 3, 3> fixed = Eigen::Matrix<T, 3, 3>::Random();
  EXPECT_TRUE(near<T>(ng::GPUDense(fixed), fixed, 0));
  const EigenVector<T> v = EigenVector<T>::Random(5);
  EXPECT_TRUE(near<T>(ng::GPUDense(v), v, 0));
  ng::GPUDense<T> m = e;
  m = r.topRows(2);
  EXPECT_TRUE(near<T>(m, e.topRows(2), 0));
  m.row(0) = e.row(3);
  EXPECT_TRUE(near<T>(m.row(0), e.row(3), 0));
  EXPECT_EQ(m.block(0, 1, 2, 2).to_eigen(), EigenMatrix<T>(m.to_eigen().block(0, 1, 2, 2)));
}

TYPED_TEST(Conversion, MapsAndRefs) {
  using T = TypeParam;
  std::vector<T> data(60);
  for (size_t k = 0; k < data.size(); ++k) data[k] = static_cast<T>(k);
  using Eigen::Dynamic;
  const Eigen::Map<EigenMatrix<T>> plain(data.data(), 5, 4);
  const Eigen::Map<RowMajor<T>> rows(data.data(), 5, 4);
  const Eigen::Map<EigenMatrix<T>, 0, Eigen::OuterStride<>> outer(data.data(), 5, 4, Eigen::OuterStride<>(7));
  const Eigen::Map<EigenMatrix<T>, 0, Eigen::Stride<Dynamic, Dynamic>> both(
      data.data(), 5, 4, Eigen::Stride<Dynamic, Dynamic>(12, 2));
  const Eigen::Map<RowMajor<T>, 0, Eigen::Stride<Dynamic, Dynamic>> both_rows(
      data.data(), 5, 4, Eigen::Stride<Dynamic, Dynamic>(9, 2));
  const Eigen::Ref<const EigenMatrix<T>> ref = outer;
  const Eigen::Ref<const EigenVector<T>, 0, Eigen::InnerStride<>> strided(rows.col(1));
  const auto check = [](const auto& map) {
    EXPECT_TRUE(near<T>(ng::GPUDense(map), map, 0));
    EXPECT_TRUE(near<T>(ng::borrow(map), map, 0));
    EXPECT_TRUE(near<T>(ng::borrow(map) * T(2), map * T(2), 0));
    EXPECT_TRUE(near<T>(ng::borrow(map) * ng::borrow(map).transpose(), map * map.transpose()));
    const auto m = ng::borrow(map);
    EXPECT_EQ(m(1, 0), map(1, 0));
  };
  check(plain);
  check(rows);
  check(outer);
  check(both);
  check(both_rows);
  check(ref);
  check(strided);
}

TYPED_TEST(Conversion, BorrowedMemoryIsUsedInPlaceAndNeverWritten) {
  using T = TypeParam;
  EigenMatrix<T> e = this->random(4, 3);
  const EigenMatrix<T> copy = e;
  {
    const auto a = ng::borrow(e);
    EXPECT_EQ(a.data(), e.data());  // the CPU device: no copy
    const auto moved = std::move(a);
    EXPECT_EQ(moved.data(), e.data());
  }
  auto b = ng::GPUDense<T>::borrow(e.data(), 4, 3);
  b(0, 0) = 77;
  b.row(1).setZero();
  b *= T(2);
  EXPECT_EQ(e, copy);
  EXPECT_EQ(b(0, 0), 154);
  auto owner = std::make_shared<std::vector<T>>(6, T(1));
  std::weak_ptr<std::vector<T>> watch = owner;
  {
    auto c = ng::GPUDense<T>::borrow(owner->data(), 2, 3, -1, owner);
    owner.reset();
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(c.sum(), 6);
  }
  EXPECT_TRUE(watch.expired());
}

TYPED_TEST(Conversion, PrintsAsEigen) {
  using T = TypeParam;
  const auto both = [](const EigenMatrix<T>& e, auto manipulate) {
    std::ostringstream ours, theirs;
    manipulate(ours);
    manipulate(theirs);
    ours << ng::GPUDense<T>(e);
    theirs << e;
    EXPECT_EQ(ours.str(), theirs.str());
  };
  const auto none = [](std::ostream&) {};
  both(this->random(3, 4), none);
  both(this->random(3, 4) * T(1e6), none);
  both((EigenMatrix<T>(2, 2) << 1, -2.5, 1000, 1e-7).finished(), none);
  both(this->random(1, 5), none);
  both(this->random(5, 1), none);
  both(this->random(1, 1), none);
  both(EigenMatrix<T>(0, 3), none);
  both(this->random(3, 3), [](std::ostream& out) { out.precision(3); });
  both(this->random(3, 3), [](std::ostream& out) { out << std::fixed; });
  both(this->random(3, 3), [](std::ostream& out) { out << std::scientific << std::showpos; });
  both(this->random(2, 2), [](std::ostream& out) { out.width(14); });
  std::ostringstream text;
  ng::GPUDense<T> a{{1, 2}, {3, 4}};
  text << a.row(1) << "|" << a.array() * T(2) << "|" << a(0, 0);
  EXPECT_EQ(text.str(), "3 4|2 4\n6 8|1");
}

}  // namespace
}  // namespace dense_test
#endif  // NNGPU_HAVE_EIGEN
