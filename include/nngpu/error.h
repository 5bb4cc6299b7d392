// Typed errors. Every error nngpu throws on purpose derives from nngpu::Error and reads
// "[operation] what is wrong: the values".
#ifndef NNGPU_ERROR_H_
#define NNGPU_ERROR_H_

#include <cstdint>
#include <stdexcept>
#include <string>

namespace nngpu {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An argument's shape does not fit the operation.
class ShapeError : public Error {
 public:
  using Error::Error;
};

// An argument's dtype does not fit the operation, or dtypes cannot be combined.
class DTypeError : public Error {
 public:
  using Error::Error;
};

// A device is absent, or arguments live on different devices.
class DeviceError : public Error {
 public:
  using Error::Error;
};

// An argument that is neither a shape nor a dtype is out of its domain (an axis, an option, a probability).
class ValueError : public Error {
 public:
  using Error::Error;
};

// An index lies outside its axis.
class IndexError : public Error {
 public:
  using Error::Error;
};

// The memory limit or the machine's memory is exhausted. Nothing was changed; the process can go on.
class OutOfMemoryError : public Error {
 public:
  using Error::Error;
};

// A file cannot be read or written, or its content is not what its format says.
class IOError : public Error {
 public:
  using Error::Error;
};

// A gradient is asked for that does not exist: of an operation that has none, or through a graph that is gone.
class GradientError : public Error {
 public:
  using Error::Error;
};

// A numerical failure found while computing: it is thrown when the value is read. `item` is the index in the
// flattened batch, `pivot` the 0-based pivot or -1 where there is none.
class LinalgError : public Error {
 public:
  LinalgError(const std::string& message, int64_t item, int64_t pivot)
      : Error(message), item_(item), pivot_(pivot) {}
  int64_t item() const { return item_; }
  int64_t pivot() const { return pivot_; }

 private:
  int64_t item_, pivot_;
};

class SingularMatrixError : public LinalgError {
 public:
  using LinalgError::LinalgError;
};

class NotPositiveDefiniteError : public LinalgError {
 public:
  using LinalgError::LinalgError;
};

class NotConvergedError : public LinalgError {
 public:
  using LinalgError::LinalgError;
};

// The input of a decomposition holds NaN or infinity.
class NonFiniteError : public LinalgError {
 public:
  using LinalgError::LinalgError;
};

}  // namespace nngpu

#endif  // NNGPU_ERROR_H_
