// Throwing typed errors with one wording: "[operation] what is wrong: the values".
#ifndef NNGPU_CORE_FAIL_H_
#define NNGPU_CORE_FAIL_H_

#include <sstream>

#include "nngpu/device.h"
#include "nngpu/dtype.h"
#include "nngpu/error.h"
#include "nngpu/shape.h"

namespace nngpu {
namespace message {

template <class T>
void put(std::ostream& out, const T& part) {
  out << part;
}
inline void put(std::ostream& out, const Dims& dims) { out << to_string(dims); }
inline void put(std::ostream& out, DType dtype) { out << dtype_name(dtype); }
inline void put(std::ostream& out, Device device) { out << to_string(device); }

}  // namespace message

// Throws E with "[operation] " and the parts; shapes, dtypes and devices print as users write them.
template <class E, class... Parts>
[[noreturn]] void fail(const char* operation, const Parts&... parts) {
  std::ostringstream text;
  text << '[' << operation << "] ";
  (message::put(text, parts), ...);
  throw E(text.str());
}

}  // namespace nngpu

#endif  // NNGPU_CORE_FAIL_H_
