// What GPUDense and GPUBlock have in common: everything that modifies them as a whole.
#ifndef NNGPU_DENSE_WRITABLE_H_
#define NNGPU_DENSE_WRITABLE_H_

#include "nngpu/dense/base.h"
#include "nngpu/dense/comma.h"
#include "nngpu/random.h"

namespace nngpu::dense {

// In terms of Derived::assign_stored(tensor), which replaces the value by one of the same shape, and
// Derived::whole(), the GPUBlock of all elements.
template <class Derived, class T>
class Writable : public Base<Derived, T> {
 public:
  // Right-hand sides are computed before anything is assigned, so no expression aliases the matrix; noalias() is
  // there for code written for Eigen.
  Derived& noalias() { return self(); }

  Derived& setConstant(T value) {
    const Shape shape{self().cols(), self().rows()};
    return set(nngpu::full(shape, static_cast<double>(value), dtype_of<T>(), self().device()));
  }
  Derived& fill(T value) { return setConstant(value); }
  Derived& setZero() { return setConstant(T(0)); }
  Derived& setOnes() { return setConstant(T(1)); }
  Derived& setIdentity() { return set(identity(self().rows(), self().cols(), dtype_of<T>(), self().device())); }
  // Uniform in [-1, 1), from the default generator.
  Derived& setRandom() { return set(nngpu::uniform({self().cols(), self().rows()}, -1, 1, dtype_of<T>())); }
  // A vector of evenly spaced values, both ends included.
  Derived& setLinSpaced(T low, T high) {
    const Tensor current = self().stored();
    const Index n = check_vector("setLinSpaced", current);
    return set(nngpu::reshape(
        nngpu::linspace(static_cast<double>(low), static_cast<double>(high), n, dtype_of<T>(), self().device()),
        current.shape()));
  }
  void normalize() { set(self().normalized().stored()); }

  template <class Other>
  Derived& operator+=(const Base<Other, T>& other) {
    return set(add(self().stored(), fitted("add", static_cast<const Other&>(other).stored())));
  }
  template <class Other>
  Derived& operator-=(const Base<Other, T>& other) {
    return set(subtract(self().stored(), fitted("subtract", static_cast<const Other&>(other).stored())));
  }
  Derived& operator*=(T value) { return set(self().stored() * value); }
  Derived& operator/=(T value) { return set(self().stored() / value); }

  // The elements row by row, as numbers or as matrices: m << 1, 2, 3, 4;
  CommaInitializer<T> operator<<(T value) { return CommaInitializer<T>(self().whole(), value); }
  template <class Other>
  CommaInitializer<T> operator<<(const Base<Other, T>& other) {
    return CommaInitializer<T>(self().whole(), static_cast<const Other&>(other).stored());
  }

 protected:
  Derived& set(Tensor stored) {
    self().assign_stored(std::move(stored));
    return self();
  }

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
  // A vector is added to a vector of the other orientation, as it is assigned to it.
  Tensor fitted(const char* operation, const Tensor& value) {
    return fit(operation, value, self().rows(), self().cols());
  }
};

}  // namespace nngpu::dense

#endif  // NNGPU_DENSE_WRITABLE_H_
