// GPUDense to and from Eigen. Include it after or instead of nngpu/dense.h where Eigen is used.
//
//   ng::GPUDense a(A);               copies a Matrix, Map, Ref, Block or expression of float or double
//   auto a = ng::borrow(map);        uses its memory in place (see GPUDense::borrow)
//   Eigen::MatrixXf X = a.to_eigen();
#ifndef NNGPU_EIGEN_H_
#define NNGPU_EIGEN_H_

#include <Eigen/Core>
#include <type_traits>

#include "nngpu/dense.h"

namespace nngpu {

namespace dense {

template <class E>
concept EigenType = std::is_base_of_v<Eigen::DenseBase<E>, E> &&
    (std::is_same_v<typename E::Scalar, float> || std::is_same_v<typename E::Scalar, double>);

// Host elements at data[i * row_step + j * col_step].
template <class T>
struct Memory {
  const T* data;
  Index rows, cols, row_step, col_step;
};

template <class E>
requires EigenType<E>
struct Foreign<E> {
  static constexpr bool known = true;
  static constexpr bool addressable =
      (static_cast<int>(Eigen::internal::traits<E>::Flags) & Eigen::DirectAccessBit) != 0;
  using Scalar = typename E::Scalar;

  static Memory<Scalar> memory(const E& x) {
    static_assert(addressable, "an Eigen expression has no memory to borrow; evaluate it into a matrix first");
    const Index inner = x.innerStride(), outer = x.outerStride();
    if constexpr (E::IsRowMajor)
      return {x.data(), x.rows(), x.cols(), outer, inner};
    else
      return {x.data(), x.rows(), x.cols(), inner, outer};
  }
  static Tensor copy(const E& x) {
    if constexpr (addressable) {
      const auto m = memory(x);
      return store(m.data, dtype_of<Scalar>(), m.rows, m.cols, m.row_step, m.col_step, default_device());
    } else {
      const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> value = x.matrix();
      return store(value.data(), dtype_of<Scalar>(), value.rows(), value.cols(), 1, value.rows(),
                   default_device());
    }
  }
};

template <class T>
struct EigenExport {
  template <class Derived>
  static Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> convert(const Base<Derived, T>& x) {
    const Tensor stored = static_cast<const Derived&>(x).stored();
    Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> result(stored.shape()[1], stored.shape()[0]);
    stored.copy_to(result.data(), {result.rows(), 1});
    return result;
  }
};

}  // namespace dense

// A copy of any Eigen matrix, vector, array or expression.
template <class E>
requires dense::EigenType<E> GPUDense<typename E::Scalar> from_eigen(const E& x) {
  return GPUDense<typename E::Scalar>(x);
}

// The memory of an Eigen object, of either storage order and with any strides, used in place: it must stay alive
// and unchanged as long as the matrix, or anything computed from it, is in use.
template <class E>
requires dense::EigenType<E> GPUDense<typename E::Scalar> borrow(const E& x) {
  return GPUDense<typename E::Scalar>::borrow(x);
}
template <class T, int R, int C, int O, int MR, int MC>
GPUDense<T> borrow(Eigen::Matrix<T, R, C, O, MR, MC>&& temporary) = delete;

}  // namespace nngpu

#endif  // NNGPU_EIGEN_H_
