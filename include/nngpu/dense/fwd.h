// Names that the headers of GPUDense share.
#ifndef NNGPU_DENSE_FWD_H_
#define NNGPU_DENSE_FWD_H_

#include <concepts>
#include <type_traits>

#include "nngpu/dense/constants.h"
#include "nngpu/dense/functions.h"
#include "nngpu/dense/storage.h"

namespace nngpu {

template <class T = float>
class GPUDense;
template <class T>
class GPUBlock;

namespace dense {

// Matrices, blocks and arrays: anything that has a stored tensor (storage.h).
template <class E>
concept Expression = requires(const E& e) {
  typename E::Scalar;
  { e.stored() } -> std::convertible_to<Tensor>;
};
template <class E, class T>
concept ExpressionOf = Expression<E> && std::same_as<typename E::Scalar, T>;

// Types of other libraries that GPUDense converts from; nngpu/eigen.h specializes it.
template <class E>
struct Foreign {
  static constexpr bool known = false;
};
// What to_eigen() calls; nngpu/eigen.h defines it.
template <class T>
struct EigenExport;

template <class Derived, class T>
class Base;
template <class Inner>
class Array;
template <class T>
class Mask;
template <class Inner, bool kArray>
class Vectorwise;

// A reference to one element of a matrix, read by conversion to T and written by assignment.
template <class T>
class Coefficient {
 public:
  Coefficient(Storage& storage, Index offset) : storage_(&storage), offset_(offset) {}
  Coefficient(const Coefficient&) = default;

  operator T() const { return static_cast<const T*>(storage_->read())[offset_]; }
  const Coefficient& operator=(T value) const {
    static_cast<T*>(storage_->write())[offset_] = value;
    return *this;
  }
  const Coefficient& operator=(const Coefficient& other) const { return *this = static_cast<T>(other); }
  Coefficient& operator=(const Coefficient& other) {
    static_cast<const Coefficient&>(*this) = static_cast<T>(other);
    return *this;
  }
  const Coefficient& operator+=(T value) const { return *this = static_cast<T>(*this) + value; }
  const Coefficient& operator-=(T value) const { return *this = static_cast<T>(*this) - value; }
  const Coefficient& operator*=(T value) const { return *this = static_cast<T>(*this) * value; }
  const Coefficient& operator/=(T value) const { return *this = static_cast<T>(*this) / value; }
  const Coefficient& operator++() const { return *this += T(1); }
  const Coefficient& operator--() const { return *this -= T(1); }
  friend void swap(const Coefficient& a, const Coefficient& b) {
    const T value = a;
    a = static_cast<T>(b);
    b = value;
  }

 private:
  Storage* storage_;
  Index offset_;
};

}  // namespace dense
}  // namespace nngpu

#endif  // NNGPU_DENSE_FWD_H_
